package device

import (
	"encoding/binary"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
)

func fakeSession(t *testing.T, quota int64, macros ...string) *Session {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("the fake driver is built with gcc: %v", err)
	}
	return sessionOn(t, fake.NewCUDA(t, macros...).Library(), quota)
}

func sessionOn(t *testing.T, library string, quota int64) *Session {
	driver, err := cuda.Load(library)
	require.NoError(t, err)
	d, err := Open(driver, 0)
	require.NoError(t, err)
	s, err := d.Session(quota, 1<<62)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, d.Close())
	})
	return s
}

// constant is a kernel that gives a number, of 14 bits, for each element.
func constant(n int) []byte {
	return []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x07\x05\x01\x01k\x00\x00\x0a\x07\x01\x05\x00\x41" +
		string([]byte{0x80 | byte(n&0x7f), byte(n >> 7)}) + "\x0b")
}

// TestCodeIsBounded runs more kernels than may be loaded, twice.
func TestCodeIsBounded(t *testing.T) {
	s := fakeSession(t, 1<<20)
	h, err := s.Alloc(op.Desc{DType: op.I32})
	require.NoError(t, err)
	for i := range 2 * maxMaps {
		n := i % (maxMaps + 10)
		k, err := s.Kernel(constant(n), "k")
		require.NoError(t, err)
		g := op.Graph{Tensors: []op.Tensor{{Handle: h}}, Ops: []op.Op{{Code: op.Map, Out: []uint16{0}, Params: []uint64{uint64(k)}}}}
		_, err = s.Submit(g.Append(nil))
		require.NoError(t, err)
		b := make([]byte, 4)
		require.NoError(t, s.Download(h, 0, b))
		require.Equal(t, uint32(n), binary.LittleEndian.Uint32(b))
		require.NoError(t, s.Free(k))
		require.LessOrEqual(t, s.dev.maps.len(), maxMaps)
	}
}

// TestAKernelIsCompiledOnce asks for one from many goroutines while it is being compiled, and for another one meanwhile.
func TestAKernelIsCompiledOnce(t *testing.T) {
	var c codes[string]
	begun, goOn := make(chan struct{}), make(chan struct{})
	slow := func() (*function, error) {
		close(begun) // twice would panic
		<-goOn
		return &function{Function: 7}, nil
	}
	var all sync.WaitGroup
	got := make([]*function, 4)
	ask := func(i int) {
		all.Go(func() { got[i], _ = c.get("slow", slow) })
	}
	ask(0)
	<-begun
	for i := 1; i < len(got); i++ {
		ask(i)
	}
	other, err := c.get("other", func() (*function, error) { return &function{Function: 8}, nil })
	require.NoError(t, err)
	require.Equal(t, cuda.Function(8), other.Function)
	close(goOn)
	all.Wait()
	for _, f := range got {
		require.Same(t, got[0], f)
	}
	require.Equal(t, 2, c.len())

	for range 2 { // the second time it is tried again
		_, err = c.get("bad", func() (*function, error) { return nil, errFull })
		require.ErrorIs(t, err, errFull)
		require.Equal(t, 2, c.len())
	}
}

// TestLoopsInLongerLaunches holds what is learnt from how long a kernel with loops took.
func TestLoopsInLongerLaunches(t *testing.T) {
	code := &function{}
	for _, c := range []struct {
		n, steps int64
		most     time.Duration
		fast     int64
	}{
		{1000, 1, 51 * time.Millisecond, 0}, // nothing is known
		{1000, 1, 10 * time.Millisecond, 5000},
		{1000, 1, 40 * time.Millisecond, 5000}, // it waited for others, perhaps
		{1000, 1, 0, 8000},                     // eightfold at most
		{8000, 1, 99 * time.Millisecond, 8000},
		{8000, 1, 101 * time.Millisecond, 0}, // other input, which takes longer
	} {
		looped{code, c.n, c.steps}.took(c.most)
		require.Equal(t, c.fast, code.fast.Load(), "%+v", c)
	}
}

// TestTablesGoWhenMemoryIsShort keeps a table while there is room for it, and makes it again afterwards.
func TestTablesGoWhenMemoryIsShort(t *testing.T) {
	const quota = 1 << 20
	s := fakeSession(t, quota)
	made := 0
	table := func() cuda.Ptr {
		l := &lower{s: s, dev: s.dev}
		at, err := l.table("seven", func() []byte {
			made++
			return []byte("7777")
		})
		require.NoError(t, err)
		require.NoError(t, l.play())
		s.using = nil // as when an op is lowered
		return at
	}
	first := table()
	require.Equal(t, first, table())
	require.Equal(t, 1, made)
	all, err := s.Alloc(op.Desc{DType: op.U8, Shape: []int64{quota}})
	require.NoError(t, err)
	require.NoError(t, s.Free(all))
	at := table()
	require.Equal(t, 2, made)
	b := make([]byte, 4)
	require.NoError(t, s.drain())
	require.NoError(t, s.dev.Download(b, at, s.stream))
	require.NoError(t, s.drain())
	require.Equal(t, "7777", string(b))
}

// TestAGraphThatIsRefusedLeavesNothing fails while the last of its ops is lowered: what the others had is free again, and the table
// that was to be uploaded is not taken for one that was.
func TestAGraphThatIsRefusedLeavesNothing(t *testing.T) {
	s := fakeSession(t, 1<<20)
	h, err := s.Alloc(op.Desc{DType: op.F32, Shape: []int64{64, 2}})
	require.NoError(t, err)
	before := s.arena.left()
	g := &op.Graph{Tensors: []op.Tensor{{Handle: h}, {Desc: op.Desc{DType: op.F32, Shape: []int64{64, 2}}}, {Desc: op.Desc{DType: op.F32, Shape: []int64{64, 2}}}},
		Ops: []op.Op{{Code: op.FFT, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{0}}, {Code: op.Copy, In: []uint16{1}, Out: []uint16{2}}}}
	text := g.Append(nil)
	copies := lowerings[op.Copy]
	lowerings[op.Copy] = func(*lower, *op.Op) error { return op.Errorf(op.Unavailable, "not today") }
	_, err = s.Submit(text)
	lowerings[op.Copy] = copies
	require.ErrorContains(t, err, "not today")
	require.Equal(t, before, s.arena.left())
	require.Empty(t, s.tables)
	_, err = s.Submit(text)
	require.NoError(t, err)
	require.NotEmpty(t, s.tables)
	require.NoError(t, s.drain())
}

// TestTablesStayWhileTheirOpIsLowered: what an op wants next must not be where a table lies that its launches are going to read.
func TestTablesStayWhileTheirOpIsLowered(t *testing.T) {
	s := fakeSession(t, 1<<20)
	old, table := lowerings[op.Copy], func() []byte { return make([]byte, 512<<10) }
	t.Cleanup(func() { lowerings[op.Copy] = old })
	lowerings[op.Copy] = func(l *lower, o *op.Op) error {
		if _, err := l.table("mine", table); err != nil {
			return err
		}
		_, err := l.scratch(768 << 10)
		return err
	}
	h, err := s.Alloc(op.Desc{DType: op.U8, Shape: []int64{1}})
	require.NoError(t, err)
	g := &op.Graph{Tensors: []op.Tensor{{Handle: h}, {Desc: op.Desc{DType: op.U8, Shape: []int64{1}}}}, Ops: []op.Op{{Code: op.Copy, In: []uint16{0}, Out: []uint16{1}}}}
	for range 2 {
		_, err = s.Submit(g.Append(nil))
		var fault *op.Error
		require.ErrorAs(t, err, &fault)
		require.Equal(t, op.OverQuota, fault.Fault)
	}
	_, err = s.Alloc(op.Desc{DType: op.U8, Shape: []int64{768 << 10}})
	require.NoError(t, err, "nothing uses the table any more")
}

// TestAGraphHasAnEnd: what a graph takes of the worker's own memory before it runs is bounded.
func TestAGraphHasAnEnd(t *testing.T) {
	s := fakeSession(t, 1<<20)
	l := &lower{s: s, dev: s.dev, list: make([]command, maxCommands)}
	err := l.launch("elementwise", "random", dim{}, dim{}, 0, l.args())
	var fault *op.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, op.OverBudget, fault.Fault)
}
