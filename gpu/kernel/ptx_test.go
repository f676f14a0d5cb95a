package kernel

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/gpu/ptx"
)

// plainTypes are the types of WebAssembly itself, for a work's tensors.
func plainTypes(w work) Types {
	sig := w.f.Signature()
	t := Types{In: sig.Params, One: make([]bool, len(sig.Params)), Out: sig.Results}
	for i, words := range w.in {
		t.One[i] = len(words) == 1 && w.n != 1
	}
	return t
}

func pack(d op.DType, words []uint64) (b []byte) {
	b = make([]byte, 0, len(words)*int(d.Size())+8)
	for _, v := range words {
		b = binary.LittleEndian.AppendUint64(b, v)
		b = b[:len(b)-8+int(d.Size())]
	}
	return b
}

func unpack(d op.DType, b []byte) (words []uint64) {
	words = make([]uint64, 0, len(b))
	for ; len(b) > 0; b = b[d.Size():] {
		var word [8]byte
		copy(word[:], b[:d.Size()])
		words = append(words, binary.LittleEndian.Uint64(word[:]))
	}
	return words
}

// place is where PTX runs: the interpreter, or a driver.
type place interface {
	Put(p []byte) uint64
	Bytes(at uint64, n int) []byte
	launch(args []any) error
}

// interpreted is the interpreter with a memory of its own for each run, in which warps run in one order and the next time in the other.
type interpreted struct {
	*ptx.Memory
	m          *ptx.Module
	descending bool
}

func (p interpreted) launch(args []any) error {
	return p.m.Launch(p.Memory, ptx.Launch{Kernel: "kernel", Grid: ptx.Dim{X: 3}, Block: ptx.Dim{X: 64}, Args: args, Descending: p.descending})
}

// device runs a kernel's PTX.
type device struct {
	t     testing.TB
	types Types
	open  func() place // for each run
}

func newDevice(t testing.TB, f *Func, types Types) *device {
	text, err := f.PTX(types)
	require.NoError(t, err)
	m, err := ptx.Parse(text)
	require.NoError(t, err, text)
	require.NoError(t, m.Check(), text)
	descending := false
	return &device{t, types, func() place {
		descending = !descending
		return interpreted{ptx.NewMemory(), m, descending}
	}}
}

// run gives the results for the elements from on, and the trap word, or 0.
func (d *device) run(w work, from int) ([][]uint64, uint64) {
	at := d.open()
	var args []any
	for i, words := range w.in {
		args = append(args, at.Put(pack(d.types.In[i], words)))
	}
	for i, t := range w.f.Signature().Slots {
		if t == 0 {
			t = op.I32
		}
		args = append(args, at.Put(pack(t, w.slots[i])), uint64(len(w.slots[i])))
	}
	var outs []uint64
	for _, t := range d.types.Out {
		outs = append(outs, at.Put(make([]byte, w.n*int(t.Size()))))
		args = append(args, outs[len(outs)-1])
	}
	trap := at.Put(pack(op.I64, []uint64{1<<64 - 1}))
	require.NoError(d.t, at.launch(append(args, uint64(from), uint64(w.n), trap)))
	results := make([][]uint64, len(outs))
	for i, t := range d.types.Out {
		results[i] = unpack(t, at.Bytes(outs[i], w.n*int(t.Size())))[from:]
	}
	word := unpack(op.I64, at.Bytes(trap, 8))[0]
	if word == 1<<64-1 {
		word = 0
	}
	return results, word
}

func TestCorpusOnTheDevice(t *testing.T) {
	_, entries, err := Companion(corpus(t))
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(3, 4))
	for _, e := range entries {
		n := 3001
		if e.Name == "forever" {
			n = 1 // it takes all its fuel
		}
		w := workFor(e.Func, r, n)
		d := newDevice(t, e.Func, plainTypes(w))
		same(t, e.Name, w, 0, func(from int) ([][]uint64, uint64) { return d.run(w, from) })
	}
}

// TestAnyFirstElement begins a map of kernels that take neighbours together at elements that are not aligned to four, and ends it there.
func TestAnyFirstElement(t *testing.T) {
	_, entries, err := Companion(corpus(t))
	require.NoError(t, err)
	straight := 0
	for _, e := range entries {
		if !e.Func.straight() {
			continue
		}
		straight++
		for from := range 9 {
			w := workFor(e.Func, rand.New(rand.NewPCG(15, uint64(from))), 800+from)
			d := newDevice(t, e.Func, plainTypes(w))
			same(t, e.Name, w, from, func(int) ([][]uint64, uint64) { return d.run(w, from) })
		}
	}
	require.Greater(t, straight, 15)
}
