//go:build linux

package runtime

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeJob is a job for tests of the queue alone.
func fakeJob(owner string, b *bound) *job {
	return &job{call: &Call{Owner: owner}, bound: b}
}

func TestQueueTakesTurns(t *testing.T) {
	var q queue
	a, b := &bound{}, &bound{}
	w := &worker{run: runState{ready: true}}
	for range 4 {
		q.push(fakeJob("big", a))
	}
	q.push(fakeJob("small", a))
	q.push(fakeJob("big", b))
	q.push(fakeJob("small", b))
	any := func(*bound, *job) *worker { return w }
	var owners string
	for q.length > 0 {
		j, _ := q.pop(any)
		owners += j.call.Owner[:1]
	}
	require.Equal(t, "bsbsbbb", owners)
	require.Empty(t, q.owners)
	require.Zero(t, a.queued+b.queued)
}

// Making room for a worker of one module may end the idle worker that was just found for a call of another.
func TestQueueTakesNoWorkerThatWasDismissed(t *testing.T) {
	var q queue
	had, wants := &bound{}, &bound{}
	w := &worker{run: runState{ready: true}}
	q.push(fakeJob("o", had)) // keeps the list of had before that of wants
	q.push(fakeJob("o", wants))
	q.push(fakeJob("o", had))
	j, _ := q.pop(func(b *bound, _ *job) *worker {
		if b == had {
			return w
		}
		return nil
	})
	require.Same(t, had, j.bound)
	j, got := q.pop(func(b *bound, _ *job) *worker {
		if b == wants {
			w.run.ready = false // as evict does
			return nil
		}
		if w.run.ready {
			return w
		}
		return nil
	})
	require.Nil(t, j)
	require.Nil(t, got)
	require.Equal(t, 2, q.length)
}

func TestQueuePassesWhatCannotRun(t *testing.T) {
	var q queue
	stuck, free := &bound{}, &bound{}
	w := &worker{run: runState{ready: true}}
	q.push(fakeJob("o", stuck))
	q.push(fakeJob("o", free))
	only := func(b *bound, _ *job) *worker {
		if b == free {
			return w
		}
		return nil
	}
	j, got := q.pop(only)
	require.Same(t, free, j.bound)
	require.Same(t, w, got)
	j, _ = q.pop(only)
	require.Nil(t, j)
	require.Equal(t, 1, q.length)
	q.remove(q.owners[0].lists[0].jobs[0])
	require.Zero(t, q.length)
	require.Empty(t, q.owners)
}

// Owners who ask again as soon as they are served do not keep the only worker to themselves: who found it busy comes first.
func TestQueueStarvesNobody(t *testing.T) {
	for _, atOnce := range []bool{true, false} {
		var q queue
		b := &bound{}
		w := &worker{run: runState{ready: true}}
		serve := func() *job {
			served, _ := q.pop(func(*bound, *job) *worker { return w })
			none, _ := q.pop(func(*bound, *job) *worker { return nil }) // all who wait find the worker busy
			require.Nil(t, none)
			return served
		}
		for _, owner := range []string{"a", "b", "c", "d"} {
			q.push(fakeJob(owner, b))
		}
		turns := map[string]int{}
		for last := serve(); turns["a"] < 10; {
			owner := last.call.Owner
			turns[owner]++
			require.Less(t, turns[owner], 20, "asks again at once: %v, turns: %v", atOnce, turns)
			if atOnce {
				q.push(fakeJob(owner, b))
			}
			last = serve()
			if !atOnce {
				q.push(fakeJob(owner, b))
			}
		}
		for _, n := range turns {
			require.InDelta(t, 10, n, 1, "asks again at once: %v, turns: %v", atOnce, turns)
		}
		require.Len(t, turns, 4)
	}
}

func TestQueueGivesBackInOrder(t *testing.T) {
	var q queue
	b := &bound{}
	w := &worker{run: runState{ready: true}}
	var jobs []*job
	for range 6 {
		j := fakeJob("o", b)
		jobs = append(jobs, j)
		q.push(j)
	}
	any := func(*bound, *job) *worker { return w }
	var taken []*job
	for range 4 {
		j, _ := q.pop(any)
		taken = append(taken, j)
	}
	q.pushFront(taken[1:])
	for i := 1; i < 6; i++ {
		j, _ := q.pop(any)
		require.Same(t, jobs[i], j)
	}
}

func TestOwnersShare(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.Workers = 1 }), guestModule(t)
	_, err := run(t, e, m, "silent")
	require.NoError(t, err)
	hold, release := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = e.Run(hold, &Call{Module: m, Export: "spin"}) })
	runningPid(t, e)
	var order []string
	var mu sync.Mutex
	start := func(owner string, n int) {
		for range n {
			wg.Go(func() {
				_, err := run(t, e, m, "report", func(c *Call) {
					var begun sync.Once
					c.Owner, c.Progress = owner, func(int64, int64) {
						begun.Do(func() {
							mu.Lock()
							order = append(order, owner)
							mu.Unlock()
						})
					}
				})
				require.NoError(t, err)
			})
		}
	}
	start("big", 40)
	require.Eventually(t, func() bool { return e.Stats().Queued == 40 }, patience, time.Millisecond)
	start("small", 2)
	require.Eventually(t, func() bool { return e.Stats().Queued == 42 }, patience, time.Millisecond)
	release()
	wg.Wait()
	require.Len(t, order, 42)
	last := 0
	for i, o := range order {
		if o == "small" {
			last = i
		}
	}
	require.Less(t, last, 40, "the small run does not wait for all of the big one")
}

// A call that turns out long must not hold up those that were sent ahead behind it.
func TestLongCallAmongShortOnes(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.Workers = 2 }), guestModule(t)
	for range 50 {
		_, err := run(t, e, m, "silent")
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var long error
	wg.Go(func() { _, long = e.Run(ctx, &Call{Module: m, Export: "spin"}) })
	var short sync.WaitGroup
	for range 200 {
		short.Go(func() {
			_, err := run(t, e, m, "silent")
			require.NoError(t, err)
		})
	}
	short.Wait()
	require.Eventually(t, func() bool { return e.Stats().Running == 1 }, patience, time.Millisecond) // it may come last
	cancel()
	wg.Wait()
	require.ErrorIs(t, long, context.Canceled)
}

func TestModulesShareSlots(t *testing.T) {
	e := newEngine(t, func(c *Config) { c.Workers = 1 })
	a, b := guestModule(t), testModule(t, "stdio")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, err := run(t, e, a, "silent", func(c *Call) { c.Owner = fmt.Sprint(i) })
					require.NoError(t, err)
				}
			}
		})
	}
	for range 5 {
		_, err := e.Run(context.Background(), &Call{Module: b, ABI: Stdio, Outputs: 1, Owner: "other"})
		require.NoError(t, err, "a flood of one module does not starve another")
	}
	close(stop)
	wg.Wait()
}

// The same where nothing was sent ahead: the mean says that waiting is cheap, but the running call is an exception.
func TestShortCallBehindLongOne(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.Workers = 2 }), guestModule(t)
	for range 50 {
		_, err := run(t, e, m, "silent")
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = e.Run(ctx, &Call{Module: m, Export: "spin"}) })
	runningPid(t, e)
	for range 3 {
		_, err := run(t, e, m, "silent", func(c *Call) { c.Inputs = []Input{{Bytes: make([]byte, pipelineBytes+1)}} })
		require.NoError(t, err)
	}
	require.Equal(t, 1, e.Stats().Running)
	cancel()
	wg.Wait()
}

// TestHammer runs everything against everything; it is most useful under -race.
func TestHammer(t *testing.T) {
	e := newEngine(t, func(c *Config) { c.IdleAfter = 10 * time.Millisecond })
	guest, stdio := guestModule(t), testModule(t, "stdio")
	var wg sync.WaitGroup
	var ended atomic.Int64
	for g := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 60 {
				ctx, cancel := context.WithCancel(context.Background())
				c := &Call{Module: guest, Owner: fmt.Sprint(g % 4), Outputs: 1, Limits: Limits{Time: patience}}
				want := ""
				switch r.IntN(12) {
				case 0:
					c.Export, want = "trap_divide", CodeTrap
				case 1:
					c.Export = "spin"
					time.AfterFunc(time.Duration(r.IntN(5))*time.Millisecond, cancel)
				case 2:
					c.Export, want = "spin", CodeTimeout
					c.Limits.Time = 5 * time.Millisecond
				case 3:
					c.Module, c.ABI = stdio, Stdio
				case 4:
					c.Export = "silent"
					time.AfterFunc(time.Duration(r.IntN(100))*time.Microsecond, cancel)
				default:
					c.Export = "echo"
				}
				in := make([]byte, 8+r.IntN(300_000)*r.IntN(2))
				binary.LittleEndian.PutUint64(in, r.Uint64())
				c.Inputs = []Input{{Bytes: in}}
				res, err := e.Run(ctx, c)
				switch {
				case ctx.Err() != nil:
				case want != "":
					var ge *Error
					require.ErrorAs(t, err, &ge)
					require.Equal(t, want, ge.Code)
				case c.Export == "echo":
					require.NoError(t, err)
					require.Equal(t, in, outputBytes(t, res.Outputs[0]))
				default:
					require.NoError(t, err)
				}
				if res != nil {
					res.Close()
				}
				cancel()
				ended.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(16*60), ended.Load())
	require.Eventually(t, func() bool { return e.Stats().Running == 0 }, patience, time.Millisecond,
		"what nobody waits for any more ends soon")
	require.Zero(t, e.Stats().Queued)
	require.Zero(t, e.Stats().Crashed)
}

// Workers make outputs faster than they are checked: calls wait until somebody has looked at what there is.
func TestOutputsDoNotPileUp(t *testing.T) {
	e := newEngine(t)
	e.most = 1 << 20
	m, data := guestModule(t), random(t, 1<<20)
	big := func(c *Call) { c.Inputs = []Input{{Type: "bytes", Bytes: data}} }
	first, err := run(t, e, m, "echo", big)
	require.NoError(t, err)
	second := make(chan *Result)
	go func() {
		res, err := run(t, e, m, "echo", big)
		require.NoError(t, err)
		second <- res
	}()
	require.Eventually(t, func() bool { return e.Stats().Queued == 1 }, patience, time.Millisecond)
	require.Zero(t, e.Stats().Running)
	first.Close()
	(<-second).Close()
	first.Close()
	require.Zero(t, e.kept)
}
