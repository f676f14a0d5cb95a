package device

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// loops is a kernel that counts its argument down.
var loops = []byte("\x00asm\x01\x00\x00\x00\x01\x06\x01\x60\x01\x7f\x01\x7f\x03\x02\x01\x00\x07\x05\x01\x01k\x00\x00\x0a\x15\x01\x13\x00" +
	"\x03\x40\x20\x00\x41\x01\x6b\x22\x00\x41\x00\x4a\x0d\x00\x0b\x20\x00\x0b")

// long submits a map of so many launches.
func long(t *testing.T, s *Session, launches int64) (uint64, error) {
	t.Helper()
	d := op.Desc{DType: op.I32, Shape: []int64{launches * s.dev.wave()}}
	x, err := s.Alloc(d)
	require.NoError(t, err)
	y, err := s.Alloc(d)
	require.NoError(t, err)
	k, err := s.Kernel(loops, "k")
	require.NoError(t, err)
	g := op.Graph{Tensors: []op.Tensor{{Handle: x}, {Handle: y}}, Ops: []op.Op{{Code: op.Map, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{uint64(k)}}}}
	return s.Submit(g.Append(nil))
}

// A session for which nobody is there any more stops waiting, and puts no more of a long map into its stream: what it holds is others' soon.
func TestNobodyWaits(t *testing.T) {
	s := fakeSession(t, 1<<28, "SLOW=250", "QUEUE=6")
	fence, err := long(t, s, 8)
	require.NoError(t, err)
	s.Gone = func() bool { return true }
	require.Equal(t, errNobody, s.Wait(fence, -1))
	launched := s.Launched.Load()
	_, err = long(t, s, 30)
	require.Equal(t, errNobody, err)
	require.Less(t, s.Launched.Load(), launched+30)
	require.NoError(t, s.Close(), "the end of a session asks nobody")
}

// Nor does it go on with a graph of many launches, none of which takes long.
func TestNobodyWaitsForAGraph(t *testing.T) {
	s := fakeSession(t, 1<<20, "SLOW=250", "QUEUE=2")
	s.Gone = func() bool { return true }
	a, err := s.Alloc(op.Desc{DType: op.I32, Shape: []int64{2, 3}})
	require.NoError(t, err)
	out, err := s.Alloc(op.Desc{DType: op.I32, Shape: []int64{2, 1}})
	require.NoError(t, err)
	g := op.Graph{Tensors: []op.Tensor{{Handle: a}, {Handle: out}}}
	for range 60 {
		g.Ops = append(g.Ops, op.Op{Code: op.Reduce, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{op.Sum, 1}})
	}
	const looked = 60 // each op counts once, and each launch
	_, err = s.Submit(g.Append(nil))
	require.Equal(t, errNobody, err)
	require.Less(t, s.Launched.Load(), int64(2*looked))
	require.NoError(t, s.Close())
}

// What a watchdog is told does not run over, however much a node submits.
func TestPatienceHasAnEnd(t *testing.T) {
	s := &Session{fences: fences{pending: []mark{{most: math.MaxInt64 / 2}, {most: math.MaxInt64 / 2}}}}
	require.Equal(t, time.Duration(math.MaxInt64/4), s.Patience())
}

// A session that cannot be ended takes its device with it: what it holds would be nobody's for as long as the process lives.
func TestASessionThatCannotBeEnded(t *testing.T) {
	s := fakeSession(t, 1<<28, "SLOW=900", "STREAMS=1")
	fence, err := long(t, s, 3)
	require.NoError(t, err)
	var fault *op.Error
	require.ErrorAs(t, s.Wait(fence, 0), &fault)
	require.Equal(t, op.TimedOut, fault.Fault)
	require.ErrorAs(t, s.Close(), &fault) // the long map is stopped through another stream
	require.Equal(t, op.Lost, fault.Fault)
	require.ErrorContains(t, fault, "a session cannot be ended: ")
}

// While a graph is being put into its stream, which may take hours, others use new kernels: they do not wait for room for their code.
func TestKernelsWhileALongGraphIsSubmitted(t *testing.T) {
	s := fakeSession(t, 1<<20)
	for n := range maxMaps {
		require.NoError(t, errOf(s.dev.maps.get(mapKey{types: string(rune(n))}, func() (*function, error) { return s.dev.compile(tame, "tame", "") })))
	}
	s.dev.code.RLock()
	h, err := s.Alloc(op.Desc{DType: op.I32})
	require.NoError(t, err)
	k, err := s.Kernel(constant(7), "k")
	require.NoError(t, err)
	g := op.Graph{Tensors: []op.Tensor{{Handle: h}}, Ops: []op.Op{{Code: op.Map, Out: []uint16{0}, Params: []uint64{uint64(k)}}}}
	_, err = s.Submit(g.Append(nil))
	require.NoError(t, err)
	require.Equal(t, maxMaps+1, s.dev.maps.len())
	s.dev.code.RUnlock()
	_, err = s.Submit(g.Append(nil))
	require.NoError(t, err)
	require.Equal(t, 1, s.dev.maps.len())
}

func errOf(_ *function, err error) error { return err }

const tame = ".version 6.3\n.target sm_70\n.address_size 64\n.visible .entry tame()\n{\n\tret;\n}\n"

// A compiler that is not done takes its device with it, and nothing is given to it that it was not done with before.
func TestTheCompilerIsNotDone(t *testing.T) {
	s := fakeSession(t, 1<<20, `COMPILEHANG="tame"`)
	s.dev.Compiler.Most = 100 * time.Millisecond
	_, err := s.dev.compile(tame, "tame", "kernel of a test")
	var fault *op.Error
	require.ErrorAs(t, err, &fault)
	require.True(t, fault.Last)
	require.Equal(t, op.Unavailable, fault.Fault)
	require.ErrorContains(t, err, "the driver's compiler is not done with kernel of a test, 1 KiB of PTX, after 100ms")
	require.ErrorContains(t, s.usable(), "kernel of a test")
	require.Equal(t, codeName(tame), s.dev.Compiler.GaveUp())
	require.False(t, s.dev.Compiler.Busy())

	other := fakeSession(t, 1<<20)
	other.dev.Compiler.Until = map[string]time.Time{codeName(tame): time.Now().Add(time.Hour)}
	_, err = other.dev.compile(tame, "tame", "kernel of a test")
	require.ErrorContains(t, err, "kernel of a test is not given to the driver before ")
	require.NoError(t, other.usable())
	other.dev.Compiler.Until[codeName(tame)] = time.Now().Add(-time.Hour)
	_, err = other.dev.compile(tame, "tame", "kernel of a test")
	require.NoError(t, err)
	require.Equal(t, 45*time.Second, (&Compiler{Most: 30 * time.Second}).most(string(make([]byte, 32<<10))))
}

// Sessions leave nothing of the device's memory behind, whatever went wrong in them.
func TestSessionsLeaveNoMemory(t *testing.T) {
	s := fakeSession(t, 1<<20, "MEMORY=256")
	d := s.dev
	round := func() {
		s, err := d.Session(100<<20, 1<<62)
		require.NoError(t, err)
		x, err := s.Alloc(op.Desc{DType: op.U8, Shape: []int64{40 << 20}})
		require.NoError(t, err)
		_, err = s.Alloc(op.Desc{DType: op.U8, Shape: []int64{90 << 20}})
		require.ErrorContains(t, err, "over quota")
		require.NoError(t, s.Keep(x, make([]byte, 8)), "it is too large, which is no failure")
		y, err := s.Alloc(op.Desc{DType: op.U8, Shape: []int64{128 << 10}})
		require.NoError(t, err)
		require.NoError(t, s.Keep(y, make([]byte, 8)))
		for range 2 {
			_, ok, err := s.Offer(y, make([]byte, 12))
			require.NoError(t, err)
			require.True(t, ok)
		}
		_, err = long(t, s, 2)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		d.mu.Lock()
		defer d.mu.Unlock()
		require.NoError(t, d.freeSlabs())
	}
	round()
	before, err := d.Available()
	require.NoError(t, err)
	for range 3 {
		round()
	}
	after, err := d.Available()
	require.NoError(t, err)
	require.Equal(t, before, after)
}
