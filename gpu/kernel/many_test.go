package kernel

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
)

// TestManyInputsOnAGPU compares the corpus on a GPU with the processors, for a hundred million inputs of each kernel that does not trap.
func TestManyInputsOnAGPU(t *testing.T) {
	manyInputs(t, openDriver(t, cuda.Library), 1<<18, 100_000_000, time.Minute)
}

func TestManyInputsThroughADriver(t *testing.T) {
	manyInputs(t, openDriver(t, fake.NewCUDA(t).Library()), 1<<9, 1<<11, time.Minute)
}

// manyInputs runs chunks of n elements until there were so many, or, for what is left of the corpus then, until the time is up.
func manyInputs(t *testing.T, d *driven, n, inputs int, most time.Duration) {
	wasm := corpus(t)
	companion, entries, err := Companion(wasm)
	require.NoError(t, err)
	var crew []*pair
	for range min(goruntime.GOMAXPROCS(0), 16) {
		crew = append(crew, &pair{cpu: newMachine(t, companion), gpu: d.another()})
	}
	began := time.Now()
	for _, e := range entries {
		if slices.Contains(strings.Fields("forever divide divide64 half to_int to_long"), e.Name) {
			continue // they trap
		}
		sig := e.Func.Signature()
		d.device(e.Func, Types{sig.Params, make([]bool, len(sig.Params)), sig.Results})
		start := time.Now()
		chunks := (inputs + n - 1) / n
		var next, done atomic.Int64
		var wg sync.WaitGroup
		for k, p := range crew {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(k), uint64(start.UnixNano())))
				for c := int(next.Add(1)) - 1; c < chunks && time.Since(began) < most && !t.Failed(); c = int(next.Add(1)) - 1 {
					if err := p.compare(e, d.f, r, c*n, n); err != nil {
						t.Errorf("%s: %v", e.Name, err)
					}
					done.Add(int64(n))
				}
			})
		}
		wg.Wait()
		t.Logf("%s: %d inputs, %v", e.Name, done.Load(), time.Since(start).Round(time.Millisecond))
	}
}

// pair is a companion and a place on a device.
type pair struct {
	cpu *machine
	gpu *driven
}

// compare runs a kernel for the elements [from, from+n) at both places, with inputs that it makes up.
func (p *pair) compare(e Entry, f cuda.Function, r *rand.Rand, from, n int) error {
	sig := e.Func.Signature()
	at, gpu := uint32(1024), p.gpu
	gpu.used = 0
	var records []byte
	var args cuda.Args
	mem := p.cpu.mod.Memory()
	room := func(size int) []byte {
		if need := int(at) + size; need > int(mem.Size()) {
			mem.Grow(uint32(need-int(mem.Size()))>>16 + 1)
		}
		b, _ := mem.Read(at, uint32(size))
		records = binary.LittleEndian.AppendUint64(records, uint64(at))
		at += uint32(size+255) &^ 255
		return b
	}
	for _, d := range sig.Params { // the addresses are those of element 0, far before the buffer
		size := int(d.Size())
		b := room(n * size)
		madeUp(r, d, b)
		back := uint64(from * size)
		binary.LittleEndian.PutUint64(records[len(records)-8:], uint64(at)-uint64((n*size+255)&^255)-back)
		records = binary.LittleEndian.AppendUint64(records, uint64(size))
		args.Ptr(cuda.Ptr(gpu.Put(b) - back))
	}
	for _, d := range sig.Slots {
		const slot = 1 << 10
		if d == 0 {
			d = op.I32
		}
		b := room(slot * int(d.Size()))
		madeUp(r, d, b)
		records = binary.LittleEndian.AppendUint64(records, slot)
		args.Ptr(cuda.Ptr(gpu.Put(b))).I64(slot)
	}
	outs := make([]uint32, len(sig.Results))
	device := make([]uint64, len(sig.Results))
	for i, d := range sig.Results {
		size := int(d.Size())
		outs[i] = at
		room(n * size)
		back := uint64(from * size)
		binary.LittleEndian.PutUint64(records[len(records)-8:], uint64(outs[i])-back)
		records = binary.LittleEndian.AppendUint64(records, uint64(size))
		device[i] = gpu.Put(make([]byte, n*size))
		args.Ptr(cuda.Ptr(device[i] - back))
	}
	word := gpu.Put(bytes.Repeat([]byte{0xff}, 8)) // that nothing trapped, which kernels with loops ask
	args.I64(int64(from)).I64(int64(from + n)).Ptr(cuda.Ptr(word))
	if err := gpu.c.Launch(f, cuda.Dim{X: 128}, cuda.Dim{X: 128}, 0, gpu.s, args.Params()); err != nil {
		return err
	}
	mem.Write(0, records)
	trap, err := p.cpu.mod.ExportedFunction(e.Batch).Call(context.Background(), 0, uint64(from), uint64(from+n))
	if err != nil {
		return err
	}
	if trap[0] != 0 {
		return Trapped(trap[0])
	}
	return p.differ(sig.Results, from, n, outs, device, word)
}

// differ looks at what both places have made: the companion at outs, the device at device, its trap word at word.
func (p *pair) differ(results []op.DType, from, n int, outs []uint32, device []uint64, word uint64) error {
	mem, gpu := p.cpu.mod.Memory(), p.gpu
	if err := gpu.fetch(gpu.pinned[:8], cuda.Ptr(word)); err != nil {
		return err
	}
	if trap := binary.LittleEndian.Uint64(gpu.pinned); trap != math.MaxUint64 {
		return op.Errorf(op.Lost, "the device trapped: %#x", trap)
	}
	for i, d := range results {
		want, _ := mem.Read(outs[i], uint32(n)*uint32(d.Size()))
		if err := gpu.fetch(gpu.pinned[:len(want)], cuda.Ptr(device[i])); err != nil {
			return err
		}
		if got := gpu.pinned[:len(want)]; !bytes.Equal(got, want) {
			k := 0
			for got[k] == want[k] {
				k++
			}
			k /= int(d.Size())
			return op.Errorf(op.Lost, "element %d result %d: %x, it must be %x", from+k, i, unpack(d, got)[k], unpack(d, want)[k])
		}
	}
	return nil
}

// fetch reads from the device's memory when all before is done.
func (d *driven) fetch(p []byte, at cuda.Ptr) error {
	if err := d.c.Download(p, at, d.s); err != nil {
		return err
	}
	return d.c.WaitStream(d.s)
}

// madeUp fills b with values of a type: any bits, floats near 1, small integers, and now and then a special one.
func madeUp(r *rand.Rand, d op.DType, b []byte) {
	special := edges[d]
	for ; len(b) > 0; b = b[d.Size():] {
		v := r.Uint64()
		switch kind := v >> 60; {
		case kind == 0:
			v = special[v&0xffff%uint64(len(special))]
		case kind < 6 && d == op.F32:
			v = v&0x807fffff | (120+v>>32&15)<<23
		case kind < 6 && d == op.F64:
			v = v&(1<<63|1<<52-1) | (1016+v>>52&15)<<52
		case kind < 6:
			v = v&0x3ff - 100
		}
		if d.Size() == 4 {
			binary.LittleEndian.PutUint32(b, uint32(v))
		} else {
			binary.LittleEndian.PutUint64(b, v)
		}
	}
}
