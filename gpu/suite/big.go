package suite

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// Big is random inputs through every kernel of an executor, compared with the processors bit for bit.
type Big struct {
	Chunk  int64            // about so many inputs in a case
	Inputs int64            // and in all, for each kernel
	Until  time.Time        // no round begins after that; zero: as long as it takes
	Seats  []Seat           // they work side by side
	Named  map[string]int64 // the inputs that went through each kernel, by its name

	mu sync.Mutex // guards Named while Run runs
}

// Seat is one who runs cases.
type Seat struct {
	On       Executor
	Launched func() [][2]string // file and name of the kernels that On has launched since the last call
	Room     []byte             // for inputs and results, which the device may reach straight away. What does not fit goes elsewhere
	cpu      Executor
	back     []byte // what the processors gave
}

// family are cases for kernels of one op. make gives those of a round: each has about m.n inputs.
type family struct {
	name string
	make func(m *made) []Case
}

// Run runs all families.
func (b *Big) Run(t *testing.T) {
	b.Named = map[string]int64{}
	for i := range b.Seats {
		b.Seats[i].cpu = Processors(t, BigQuota)
	}
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) { b.family(t, f) })
	}
}

// rounds is how many it takes until each case has had enough inputs.
func (b *Big) rounds(f family) int {
	least := b.Inputs
	for _, c := range f.make(&made{Rand: rand.New(rand.NewPCG(0, 0)), n: b.Chunk, dry: true}) {
		least = min(least, c.inputs())
	}
	return int((b.Inputs+least-1)/least) + 1 // rounds are not all equal
}

func (b *Big) family(t *testing.T, f family) {
	seed, start := uint64(time.Now().UnixNano()), time.Now() // other numbers each time
	rounds := b.rounds(f)
	var next, results atomic.Int64
	var wg sync.WaitGroup
	for i := range b.Seats {
		wg.Go(func() {
			for round := int(next.Add(1)) - 1; round < rounds && !t.Failed(); round = int(next.Add(1)) - 1 {
				if !b.Until.IsZero() && time.Now().After(b.Until) {
					t.Errorf("the time was up after %d of %d rounds", round, rounds)
					return
				}
				n, err := b.round(&b.Seats[i], f, round, seed)
				if err != nil {
					t.Errorf("round %d of seed %d: %v", round, seed, err)
				}
				results.Add(n)
			}
		})
	}
	wg.Wait()
	t.Logf("%d rounds, %d results compared, %v", rounds, results.Load(), time.Since(start).Round(time.Millisecond))
}

// round runs the cases of a round at a seat, and counts what went through which kernel.
func (b *Big) round(s *Seat, f family, round int, seed uint64) (compared int64, err error) {
	results := s.Room[:len(s.Room)/4]
	m := &made{Rand: rand.New(rand.NewPCG(seed, uint64(round))), n: b.Chunk, round: round, room: s.Room[len(results):]}
	for _, c := range f.make(m) {
		n, err := s.run(&c, results)
		if err != nil {
			return compared, fmt.Errorf("%v, %s: %w", c.Code, c.Name, err)
		}
		compared += n
		b.count(&c, s.Launched())
	}
	return compared, nil
}

func (b *Big) count(c *Case, launched [][2]string) {
	names := map[string]bool{}
	for i, k := range launched {
		if counts(c.Code, i, k[0]) {
			names[k[1]] = true
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range names {
		b.Named[name] += c.inputs()
	}
}

// counts says whether all inputs of an op went through its launch number i: not where a kernel only goes on with the few sums, places or
// counts that others made. Those for places that were found already are nothing but that.
func counts(code op.Code, i int, file string) bool {
	switch code {
	case op.Reduce:
		return i == 0 || file == "reduce_found"
	case op.Softmax, op.LayerNorm:
		return strings.HasPrefix(file, "norm_")
	case op.Sort:
		return file == "sort"
	}
	return true
}

// inputs is how many elements a case reads, or writes where it does not read all, or nothing.
func (c *Case) inputs() (n int64) {
	if len(c.In) == 0 || c.Code == op.Gather || c.Code == op.Slice {
		return c.Out[0].Elems()
	}
	for _, in := range c.In {
		n += in.Elems()
	}
	return n
}

// run runs a case on both, and says how many results were equal.
func (s *Seat) run(c *Case, room []byte) (n int64, err error) {
	size := int64(0)
	for _, d := range c.Out {
		size += d.Bytes()
	}
	if int64(len(room)) < size {
		room = make([]byte, size)
	}
	if int64(len(s.back)) < size {
		s.back = make([]byte, size)
	}
	if err := s.on(s.On, c, room); err != nil {
		return 0, err
	}
	if err := s.on(s.cpu, c, s.back); err != nil {
		return 0, fmt.Errorf("on the processors: %w", err)
	}
	got, want := room, s.back
	for i, d := range c.Out {
		k := d.Bytes()
		if !bytes.Equal(got[:k], want[:k]) {
			return 0, fmt.Errorf("output %d: %w", i, Same(d, got[:k], want[:k]))
		}
		got, want, n = got[k:], want[k:], n+d.Elems()
	}
	return n, nil
}

// on computes a case, and puts its outputs into room, one behind the other.
func (s *Seat) on(ex Executor, c *Case, room []byte) error {
	handles, err := c.place(ex)
	if err != nil {
		return err
	}
	if err := c.compute(ex, handles); err != nil {
		return err
	}
	for i, d := range c.Out {
		if err := ex.Download(handles[len(c.In)+i], 0, room[:d.Bytes()]); err != nil {
			return err
		}
		room = room[d.Bytes():]
	}
	return free(ex, handles)
}

// Plan counts what Run would put through which kernel. lower says what an executor would launch for a graph, whose tensor number i has
// the handle i + 1.
func (b *Big) Plan(lower func(g *op.Graph, tensors []op.Desc) ([][2]string, error)) error {
	b.Named = map[string]int64{}
	for _, f := range families {
		for round := range b.rounds(f) {
			for _, c := range f.make(&made{Rand: rand.New(rand.NewPCG(1, uint64(round))), n: b.Chunk, round: round, dry: true}) {
				if c.Kernel != "" { // a node's
					continue
				}
				tensors := slices.Concat(descs(c.In), c.Out)
				handles := make([]op.Handle, len(tensors))
				for i := range handles {
					handles[i] = op.Handle(i + 1)
				}
				launched, err := lower(c.graph(handles), tensors)
				if err != nil {
					return fmt.Errorf("%s, round %d: %v, %s: %w", f.name, round, c.Code, c.Name, err)
				}
				b.count(&c, launched)
			}
		}
	}
	return nil
}

// Report says how many inputs went through each kernel, and fails for those of a list that had not enough.
func (b *Big) Report(t *testing.T, kernels []string) {
	require.NotEmpty(t, kernels)
	least := int64(math.MaxInt64)
	for _, name := range kernels {
		n := b.Named[name]
		least = min(least, n)
		t.Logf("%s: %d inputs", name, n)
		if n < b.Inputs {
			t.Errorf("%s had only %d inputs of %d", name, n, b.Inputs)
		}
	}
	t.Logf("%d kernels, %d random inputs each at the least", len(kernels), least)
}
