package gpu

import (
	"testing"

	"levee/gpu/op"
)

// BenchmarkRoundTrip is what a wait costs on top of what it waits for: from one process to another and back.
func BenchmarkRoundTrip(b *testing.B) {
	p := NewPool(PoolConfig{library: fakeDriver(b).Library()})
	defer p.Close()
	l, err := p.Session(b.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	e, err := Dial(int(l.File.Fd()))
	if err != nil {
		b.Fatal(err)
	}
	c := e.(*client)
	for b.Loop() {
		if _, err := c.ask(&request{verb: doSync}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTransfer moves 64 MiB to the worker and back; the device is the machine's memory.
func BenchmarkTransfer(b *testing.B) {
	p := NewPool(PoolConfig{library: fakeDriver(b).Library()})
	defer p.Close()
	l, err := p.Session(b.Context(), Request{Device: "fake", Owner: "a", Memory: 2 * testMemory})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	e, err := Dial(int(l.File.Fd()))
	if err != nil {
		b.Fatal(err)
	}
	h, err := e.Alloc(op.Desc{DType: op.U8, Shape: []int64{testMemory}})
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, testMemory)
	b.SetBytes(2 * testMemory)
	for b.Loop() {
		if err := e.Upload(h, 0, buf); err != nil {
			b.Fatal(err)
		}
		if err := e.Download(h, 0, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSession is what a call pays for a session in a worker that is there: to open, to begin and to end it.
func BenchmarkSession(b *testing.B) {
	p := NewPool(PoolConfig{library: fakeDriver(b).Library()})
	defer p.Close()
	for b.Loop() {
		l, err := p.Session(b.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
		if err != nil {
			b.Fatal(err)
		}
		e, err := Dial(int(l.File.Fd()))
		if err == nil {
			err = e.Close()
		}
		l.Close()
		if err != nil {
			b.Fatal(err)
		}
	}
}
