//go:build linux

package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
	"levee/testdata/guests"
	"levee/testdata/hostile/asm"
)

func module(t testing.TB, name string, wasm []byte) *Module {
	t.Helper()
	m, err := NewModule(name, wasm, nil)
	require.NoError(t, err)
	return m
}

func intBytes(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

func intInput(n int64) Input { return Input{Type: "int", Bytes: intBytes(n)} }

// itemsCall asks items/items for n items, each after spin turns of a loop, and a trap at one of them, unless it is negative.
func itemsCall(m *Module, n, spin, trap int64, item func(ctx context.Context, port int, item Output) error) *Call {
	return &Call{Module: m, Export: "run", Inputs: []Input{intInput(n), intInput(spin), intInput(trap)}, Outputs: 2, Streams: []int{0}, Item: item,
		Limits: Limits{Time: patience}}
}

func TestItems(t *testing.T) {
	e, m := newEngine(t), module(t, "items", guests.Items(""))
	for _, n := range []int64{0, 1, maxAheadItems - 1, maxAheadItems, maxAheadItems + 1, 1000} {
		var got []int64
		res, err := e.Run(t.Context(), itemsCall(m, n, 0, -1, func(_ context.Context, port int, item Output) error {
			require.Zero(t, port)
			got = append(got, value.DecodeInt(item.Bytes))
			return nil
		}))
		require.NoError(t, err)
		require.False(t, res.Outputs[0].Written, "a stream is not in the result")
		require.Equal(t, intBytes(n), res.Outputs[1].Bytes)
		require.Len(t, got, int(n))
		for i, v := range got {
			require.Equal(t, int64(i), v)
		}
		res.Close()
	}
}

func TestLargeItems(t *testing.T) {
	e, m := newEngine(t), module(t, "chunks", guests.Chunks())
	before := 0
	for _, kib := range []int64{0, 1, 127, 128, 129, 3000} {
		n := 0
		res, err := e.Run(t.Context(), &Call{Module: m, Export: "run", Inputs: []Input{intInput(5), intInput(kib), intInput(0)}, Outputs: 1, Streams: []int{0},
			Item: func(_ context.Context, _ int, item Output) error {
				b := outputBytes(t, item)
				require.Len(t, b, int(kib)<<10)
				if kib > 0 {
					require.Equal(t, []byte{byte(n), byte(n)}, []byte{b[0], b[len(b)-1]})
				}
				n++
				return nil
			}})
		require.NoError(t, err)
		require.Equal(t, 5, n)
		res.Close()
		if kib == 0 {
			before = openFiles(t) + 8 // another worker may be on its way
		}
	}
	require.LessOrEqual(t, openFiles(t), before, "15 items were files")
}

// The guest gets no further than what it may be ahead, and the time that it waits is not its own.
func TestItemsPushBack(t *testing.T) {
	e, m := newEngine(t), module(t, "items", guests.Items(""))
	taken, release := make(chan int64, 1000), make(chan struct{})
	c := itemsCall(m, 500, 0, -1, func(ctx context.Context, _ int, item Output) error {
		select {
		case <-release:
			taken <- value.DecodeInt(item.Bytes)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	type end struct {
		res *Result
		err error
	}
	ended := make(chan end)
	begin := time.Now()
	go func() {
		res, err := e.Run(t.Context(), c)
		ended <- end{res, err}
	}()
	// Its slot is free for others, all of them.
	w := running(t, e, func(w *worker) bool { return !w.run.paused.IsZero() })
	require.Zero(t, e.Stats().Running)
	for range 4 {
		res, err := e.Run(t.Context(), itemsCall(m, 3, 0, -1, func(context.Context, int, Output) error { return nil }))
		require.NoError(t, err)
		res.Close()
	}
	// Far longer than it may run, but it does not run.
	const held = 100 * time.Millisecond
	w.hasRunFor(1000 * time.Hour)
	select {
	case x := <-ended:
		t.Fatalf("it ended: %v", x.err)
	case <-time.After(held):
	}
	close(release)
	x := <-ended
	took := time.Since(begin)
	require.NoError(t, x.err)
	require.Len(t, taken, 500)
	require.Greater(t, x.res.Held, held)
	require.LessOrEqual(t, x.res.Duration+x.res.Held, took, "no time is both")
	require.Zero(t, e.Stats().Running)
	x.res.Close()
}

// A guest that computes for too long is ended although it gave items before.
func TestItemsThenTimeout(t *testing.T) {
	e, m := newEngine(t), module(t, "items", guests.Items(""))
	n := 0
	c := itemsCall(m, 1<<40, 1<<62, -1, func(context.Context, int, Output) error { n++; return nil })
	c.Limits.Time = 100 * time.Millisecond
	_, err := e.Run(t.Context(), c)
	var fault *Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, CodeTimeout, fault.Code)
	require.Zero(t, n)

	_, err = e.Run(t.Context(), itemsCall(m, 1<<40, 100, -1, func(context.Context, int, Output) error {
		if n++; n == 1000 {
			e.mu.Lock()
			defer e.mu.Unlock()
			for w := range e.pool.workers {
				w.run.since = w.run.since.Add(-time.Hour)
			}
		}
		return nil
	}))
	require.ErrorAs(t, err, &fault)
	require.Equal(t, CodeTimeout, fault.Code)
	require.GreaterOrEqual(t, n, 1000)
}

func TestItemsEnd(t *testing.T) {
	e := newEngine(t)
	items, chunks := module(t, "items", guests.Items("")), module(t, "chunks", guests.Chunks())
	take := func(context.Context, int, Output) error { return nil }
	var fault *Error

	n := 0
	_, err := e.Run(t.Context(), itemsCall(items, 100, 0, 70, func(context.Context, int, Output) error { n++; return nil }))
	require.ErrorAs(t, err, &fault)
	require.Equal(t, CodeTrap, fault.Code)
	require.LessOrEqual(t, n, 70)

	c := itemsCall(items, 1<<40, 0, -1, take)
	c.Limits.Output = 1000
	_, err = e.Run(t.Context(), c)
	require.ErrorAs(t, err, &fault)
	require.Equal(t, CodeOutput, fault.Code)

	c = &Call{Module: chunks, Export: "run", Inputs: []Input{intInput(1 << 40), intInput(0), intInput(0)}, Outputs: 1, Streams: []int{0}, Item: take}
	c.Limits = Limits{Output: 1 << 20, Time: patience}
	_, err = e.Run(t.Context(), c)
	require.ErrorAs(t, err, &fault, "items without bytes are counted too")
	require.Equal(t, CodeOutput, fault.Code)

	c.Inputs = []Input{intInput(2), intInput(1), intInput(3)}
	_, err = e.Run(t.Context(), c)
	require.ErrorAs(t, err, &fault)
	require.Equal(t, CodeBounds, fault.Code)
	require.Contains(t, fault.Detail, "behind its last item")

	c = itemsCall(items, 1, 0, -1, nil)
	c.Streams = nil
	_, err = e.Run(t.Context(), c)
	require.ErrorAs(t, err, &fault)
	require.Equal(t, CodeBounds, fault.Code)
	require.Contains(t, fault.Detail, "no stream")

	_, err = e.Run(t.Context(), itemsCall(items, 1, 0, -1, nil))
	require.ErrorAs(t, err, &fault)
	require.Equal(t, CodeRefused, fault.Code)
}

// An error of whoever takes the items ends the call with that error, also where the guest is far away from waiting.
func TestItemsAreRefused(t *testing.T) {
	e, m := newEngine(t), module(t, "items", guests.Items(""))
	no := errors.New("enough")
	for at, spin := range map[int64]int64{0: 0, 3: 1 << 20, 100: 0} {
		n := int64(0)
		_, err := e.Run(t.Context(), itemsCall(m, 1<<40, spin, -1, func(context.Context, int, Output) error {
			if n++; n > at {
				return no
			}
			return nil
		}))
		require.ErrorIs(t, err, no)
		require.Equal(t, at+1, n, "no item follows the error")
	}
	// The last items may be refused when the guest has ended already.
	_, err := e.Run(t.Context(), itemsCall(m, 3, 0, -1, func(_ context.Context, _ int, item Output) error {
		<-time.After(20 * time.Millisecond)
		if value.DecodeInt(item.Bytes) == 2 {
			return no
		}
		return nil
	}))
	require.ErrorIs(t, err, no)
	require.Zero(t, e.Stats().Running)
}

func TestItemsCancelled(t *testing.T) {
	e, m := newEngine(t), module(t, "items", guests.Items(""))
	before := openFiles(t)
	for _, at := range []int64{0, 10, 64, 200} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := e.Run(ctx, itemsCall(m, 1<<40, 0, -1, func(ctx context.Context, _ int, item Output) error {
			if value.DecodeInt(item.Bytes) < at {
				return nil
			}
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}))
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Zero(t, e.Stats().Running)
	require.Eventually(t, func() bool { return openFiles(t) <= before+8 }, patience, 10*time.Millisecond) // workers that are being replaced
}

// A guest that waits for its items to be taken reports as often as another one: what bounds its reports is not the time that it runs.
func TestItemsAndProgress(t *testing.T) {
	const items = 5
	var m asm.Module
	write := m.Import("levee_v1", "output_write", "i32 i32 i32", "")
	item := m.Import("levee_v1", "output_item", "i32", "")
	progress := m.Import("levee_v1", "progress", "i64 i64", "")
	m.Memory(3, 3)
	var code []byte
	for i := range int64(items) {
		code = asm.Cat(code, asm.I32Const(0), asm.I32Const(0), asm.I32Const(inlineMax+1), asm.Call(write), // so large that it is waited for
			asm.I32Const(0), asm.Call(item), asm.I64Const(i), asm.I64Const(items), asm.Call(progress))
	}
	m.Run("", code)
	var seen []int64
	res, err := newEngine(t).Run(t.Context(), &Call{Module: module(t, "reports", m.Bytes()), Export: "run", Outputs: 1, Streams: []int{0},
		Item:     func(context.Context, int, Output) error { <-time.After(progressEvery); return nil },
		Progress: func(done, _ int64) { seen = append(seen, done) }})
	require.NoError(t, err)
	res.Close()
	require.Equal(t, []int64{0, 1, 2, 3, 4}, seen)
}

// More guests wait for their items to be taken than there are slots, and another one has to run for that.
func TestWaitingGuestsTakeNoSlots(t *testing.T) {
	e := newEngine(t, func(c *Config) { c.Workers = 1 })
	other := guestModule(t)
	const producers = 6
	ended := make(chan error)
	for i := range producers {
		m := module(t, "items", guests.Items(fmt.Sprint(i)))
		go func() {
			res, err := e.Run(t.Context(), itemsCall(m, 100, 0, -1, func(ctx context.Context, _ int, item Output) error {
				res, err := e.Run(ctx, &Call{Module: other, Export: "echo", Inputs: []Input{{Type: "int", Bytes: item.Bytes}}, Outputs: 1})
				if err == nil {
					res.Close()
				}
				return err
			}))
			if err == nil {
				res.Close()
			}
			ended <- err
		}()
	}
	for range producers {
		require.NoError(t, <-ended)
	}
	require.Zero(t, e.Stats().Running)
}

func BenchmarkItems(b *testing.B) {
	e, m := newEngine(b), module(b, "items", guests.Items(""))
	var first time.Duration
	n := 0
	begin := time.Now()
	for b.Loop() {
		const items = 100_000
		begin = time.Now()
		got := 0
		res, err := e.Run(b.Context(), itemsCall(m, items, 0, -1, func(context.Context, int, Output) error {
			if got++; got == 1 {
				first = time.Since(begin)
			}
			return nil
		}))
		require.NoError(b, err)
		require.Equal(b, items, got)
		res.Close()
		n += items
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/item")
	b.ReportMetric(float64(first.Microseconds()), "us/first")
}
