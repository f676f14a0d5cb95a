package gpu

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/graph/value"
)

// readCounter is a guest that counts the bytes of its inputs that are read.
type readCounter struct {
	*testGuest
	read int
}

func (g *readCounter) ReadInput(port uint32, p []byte, off int64) int {
	n := g.testGuest.ReadInput(port, p, off)
	g.read += n
	return n
}

// onPool begins a call of an owner on a pool's worker.
func onPool(t *testing.T, p *Pool, owner string) (*Session, *readCounter) {
	t.Helper()
	g := &readCounter{testGuest: &testGuest{}}
	s := NewSession(g, func() (Executor, error) {
		l, err := p.Session(t.Context(), Request{Device: "fake", Owner: owner, Memory: testMemory})
		if err != nil {
			return nil, err
		}
		t.Cleanup(l.Close)
		return Dial(int(l.File.Fd()))
	})
	return s, g
}

// What one call of an owner gave, or was given, is on the device for the next one, and for that of no other owner.
func TestTensorsStayOnTheDevice(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	const typ = "tensor<u8,[n]>"
	d := op.Desc{DType: op.U8, Shape: []int64{keepFrom + 4321}}
	elements := make([]byte, d.Bytes())
	for i := range elements {
		elements[i] = byte(i * i >> 7)
	}

	first, g := onPool(t, p, "a")
	e, err := first.executor()
	require.NoError(t, err)
	h, err := e.Alloc(d)
	require.NoError(t, err)
	require.NoError(t, e.Upload(h, 0, elements))
	require.NoError(t, first.giveOutput(0, typ, h))
	require.NoError(t, e.Upload(h, 0, make([]byte, 100)), "what it does with its tensor later is its own business")
	require.NoError(t, e.Download(h, 0, make([]byte, 1))) // it is kept by now
	out := g.written[0].Bytes()
	require.False(t, first.Close())

	take := func(owner string, content []byte) (s *Session, read int) {
		s, g := onPool(t, p, owner)
		g.types, g.inputs = []string{typ}, [][]byte{content}
		h, err := s.takeInput(0, typ, int64(len(content)))
		require.NoError(t, err)
		got := make([]byte, d.Bytes())
		require.NoError(t, s.exec.Download(op.Handle(h), 0, got))
		require.Equal(t, content[len(content)-len(got):], got)
		require.False(t, s.Close())
		return s, g.read
	}
	require.Equal(t, value.Sum(out), value.Sum(append(append([]byte(nil), out[:12]...), elements...)))
	_, read := take("a", out)
	require.Equal(t, 12, read, "its elements were there, and may still be on their way elsewhere")
	_, read = take("b", out)
	require.Greater(t, read, len(elements), "for another owner they were not")
	_, read = take("b", out)
	require.Equal(t, 12, read, "what was uploaded once is there too")

	other := append([]byte(nil), out...)
	other[len(other)-1]++
	_, read = take("a", other)
	require.Greater(t, read, len(elements))
}

// A client that asks for what it cannot know gets nothing, and one that speaks nonsense loses its session only.
func TestFindIsChecked(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	e, _ := session(t, p, "a")
	c := e.(*client)
	h, err := c.Find([32]byte{1}, nil, op.Desc{DType: op.F32, Shape: []int64{1 << 20}})
	require.NoError(t, err)
	require.Zero(t, h)
	b, at, err := c.stage(40)
	require.NoError(t, err)
	clear(b)
	_, err = c.ask(&request{verb: doFind, at: at, size: 40})
	require.ErrorContains(t, err, "a description")
	require.NoError(t, c.Keep(12345, []byte{1, 2, 3, 4}))
	_, err = c.Alloc(op.Desc{DType: op.U8})
	require.ErrorContains(t, err, "bad handle")
}

// An output that may be a reference is not read back by the call: it is retrieved later, whole, by whoever has the owner's worker.
func TestReferences(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	const typ = "tensor<u8,[n]>"
	d := op.Desc{DType: op.U8, Shape: []int64{referFrom + chunk/8}}
	elements := make([]byte, d.Bytes())
	for i := range elements {
		elements[i] = byte(i * i >> 9)
	}
	head, err := makeHead(typ, d)
	require.NoError(t, err)
	want := append(head, elements...)

	s, g := onPool(t, p, "a")
	e, err := s.executor()
	require.NoError(t, err)
	h, err := e.Alloc(d)
	require.NoError(t, err)
	require.NoError(t, e.Upload(h, 0, elements))
	require.NoError(t, s.giveOutput(0, typ, h))
	require.Equal(t, len(want), g.written[0].Len(), "unless it may be one")
	g.referable = true
	require.NoError(t, s.giveOutput(0, typ, h))
	require.Equal(t, [][32]byte{value.Sum(want)}, g.referred)
	require.False(t, s.Close())

	retrieve := func(owner string, digest [32]byte, size int) ([]byte, error) {
		l, err := p.Session(t.Context(), Request{Device: "fake", Owner: owner, Memory: 1})
		require.NoError(t, err)
		defer l.Close()
		var got bytes.Buffer
		err = Retrieve(int(l.File.Fd()), digest, int64(size), time.Minute, &got)
		return got.Bytes(), err
	}
	got, err := retrieve("a", g.referred[0], len(want))
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = retrieve("a", g.referred[0], len(want)+1)
	require.ErrorContains(t, err, "keeps")
	_, err = retrieve("a", [32]byte{7}, len(want))
	require.ErrorContains(t, err, "keeps 0 bytes")
	_, err = retrieve("b", g.referred[0], len(want))
	require.ErrorContains(t, err, "keeps 0 bytes", "another owner's")
}
