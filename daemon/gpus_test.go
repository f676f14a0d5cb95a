package daemon

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/inventory"
)

// gib reports GPUs of 16 GiB with so much free memory each.
func gib(free ...int64) inventory.Report {
	r := inventory.Report{Outcome: inventory.Present, Driver: "1", At: time.Now()}
	for i, n := range free {
		r.Devices = append(r.Devices, inventory.Device{Index: i, Name: "G", UUID: string(rune('a' + i)), Memory: 16 << 30, Free: n << 30})
	}
	return r
}

// quietGPUs are some that never look again by themselves.
func quietGPUs() *gpus {
	g := newGPUs(inventory.New("/nowhere"))
	g.again = 10000 * time.Hour
	return g
}

func never(t *testing.T) func() { return func() { t.Error("there was room") } }

func TestMemoryIsGrantedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := quietGPUs(), gib(16)
		first, err := g.stand(t.Context(), r, &applicant{memory: 10 << 30}, never(t))
		require.NoError(t, err)
		var order []string
		var mu sync.Mutex
		var all sync.WaitGroup
		ask := func(name string, memory int64) {
			all.Go(func() {
				waited := 0
				got, err := g.stand(t.Context(), r, &applicant{memory: memory}, func() { waited++ })
				require.NoError(t, err)
				require.Equal(t, 1, waited)
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				g.give(got)
			})
			synctest.Wait() // it stands in the line
		}
		ask("large", 12<<30)
		ask("small, and there is room for it, but not its turn", 4<<30)
		require.NotNil(t, g.timer)
		g.give(first)
		all.Wait()
		require.Equal(t, "large", order[0])
		require.Nil(t, g.timer, "nobody waits")
		require.Zero(t, g.cards["a"].granted)
		require.Zero(t, g.cards["a"].nodes)
	})
}

func TestWhoLeavesTheLineLetsOthersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := quietGPUs(), gib(16)
		first, err := g.stand(t.Context(), r, &applicant{memory: 10 << 30}, never(t))
		require.NoError(t, err)
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := g.stand(ctx, r, &applicant{memory: 12 << 30}, func() {})
			require.ErrorIs(t, err, gone)
		})
		synctest.Wait()
		all.Go(func() {
			got, err := g.stand(t.Context(), r, &applicant{memory: 1 << 30}, func() {})
			require.NoError(t, err)
			g.give(got)
		})
		synctest.Wait()
		cancel(gone)
		all.Wait()
		g.give(first)
		require.Zero(t, g.cards["a"].granted)
	})
}

func TestWhoWantsMoreThanThereIsDoesNotKeepTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := quietGPUs()
		large := gib(16, 16)
		large.Devices[1].Memory, large.Devices[1].Free = 80<<30, 2<<30
		var lost *noGPUError
		var all sync.WaitGroup
		all.Go(func() {
			_, err := g.stand(t.Context(), large, &applicant{memory: 40 << 30}, func() {})
			require.ErrorAs(t, err, &lost)
		})
		synctest.Wait()
		all.Go(func() {
			got, err := g.stand(t.Context(), large, &applicant{memory: 1 << 30}, func() {})
			require.NoError(t, err)
			g.give(got)
		})
		synctest.Wait()
		left := gib(16) // the large one has fallen off the bus
		left.At = left.At.Add(time.Second)
		g.mu.Lock()
		g.see(left)
		g.serve()
		g.mu.Unlock()
		all.Wait()
		require.ErrorContains(t, lost, "40 GiB")
	})
}

// Who cannot be on one GPU waits for another one, and keeps nobody from those that it does not wait for.
func TestWhoCannotBeOnAGPUWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := quietGPUs(), gib(8, 16)
		first, err := g.stand(t.Context(), r, &applicant{memory: 14 << 30}, never(t))
		require.NoError(t, err)
		require.Equal(t, "b", first.device.UUID)
		refused := map[string]error{"a": errors.New("it refuses")}
		var all sync.WaitGroup
		all.Go(func() {
			got, err := g.stand(t.Context(), r, &applicant{memory: 4 << 30, except: refused}, func() {})
			require.NoError(t, err)
			require.Equal(t, "b", got.device.UUID)
			g.give(got)
		})
		synctest.Wait()
		behind, err := g.stand(t.Context(), r, &applicant{memory: 4 << 30}, never(t))
		require.NoError(t, err)
		require.Equal(t, "a", behind.device.UUID)
		g.give(first)
		all.Wait()
		g.give(behind)
		refused["b"] = errors.New("that one too")
		_, err = g.stand(t.Context(), r, &applicant{memory: 1, except: refused}, never(t))
		require.ErrorContains(t, err, "no GPU that is left")
	})
}

func TestTheEmptiestGPUIsTaken(t *testing.T) {
	g, r := quietGPUs(), gib(4, 16, 8)
	for _, want := range []string{"b", "b", "b", "b", "b", "c", "b", "c", "a", "b", "c"} { // 2.7, 14.7 and 6.7 GiB can be had
		got, err := g.stand(t.Context(), r, &applicant{memory: 2 << 30}, never(t))
		require.NoError(t, err)
		require.Equal(t, want, got.device.UUID)
	}
	require.Nil(t, g.admit(&applicant{memory: 2 << 30}, nil))
}

func TestRoomFollowsWhatIsFree(t *testing.T) {
	reserve := reserve(16 << 30)
	g := quietGPUs()
	g.see(gib(16))
	require.Equal(t, int64(16<<30)-reserve, g.cards["a"].room)
	got := g.admit(&applicant{memory: 8 << 30}, nil)
	require.NotNil(t, got)
	g.see(gib(10)) // 6 of it are used by somebody, perhaps by us
	require.Equal(t, int64(16<<30)-reserve, g.cards["a"].room)
	g.see(gib(3)) // 5 by others, at least
	require.Equal(t, int64(11<<30)-reserve, g.cards["a"].room)
	g.see(gib(13)) // not theirs any more, whatever we use
	require.Equal(t, int64(13<<30)-reserve, g.cards["a"].room)
	got.release()
	g.see(gib(16))
	require.Equal(t, int64(16<<30)-reserve, g.cards["a"].room)

	// One that does not say how much it has gives half of the machine's.
	r := gib(0)
	r.Devices[0].Memory, r.Devices[0].UUID = 0, "t"
	g.see(r)
	require.Positive(t, g.cards["t"].room)
	require.Less(t, g.cards["t"].room, machineMemory()/2)
}

func TestAGPUThatGoesAway(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", "")
	synctest.Test(t, func(t *testing.T) {
		g := quietGPUs()
		first, err := g.stand(t.Context(), gib(16), &applicant{memory: 14 << 30}, never(t))
		require.NoError(t, err)
		var all sync.WaitGroup
		all.Go(func() {
			_, err := g.stand(t.Context(), g.report, &applicant{memory: 14 << 30}, func() {})
			var gone *noGPUError
			require.ErrorAs(t, err, &gone)
			require.EqualError(t, err, "the GPU cannot be used any more: no NVIDIA driver was found (there is no /dev/nvidiactl, and no libnvidia-ml.so.1)")
		})
		synctest.Wait()
		g.renew()
		all.Wait()
		g.give(first)
		require.Nil(t, g.timer)
	})
}

// However they come, wait and leave, no more is granted than there is, and in the end nothing is.
func TestGrantsHammer(t *testing.T) {
	g, r := quietGPUs(), gib(8, 16)
	gone := errors.New("gone")
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 200 {
				ctx, cancel := context.WithCancelCause(t.Context())
				got, err := g.stand(ctx, r, &applicant{memory: 1 + rand.Int64N(12<<30)}, func() {
					if rand.IntN(3) == 0 {
						go cancel(gone)
					}
				})
				if err == nil {
					g.mu.Lock()
					if got.card.granted > got.card.room || got.card.nodes > mostOnGPU {
						t.Error("too much granted")
					}
					g.mu.Unlock()
					g.give(got)
				} else if !errors.Is(err, gone) {
					t.Error(err)
				}
				cancel(nil)
			}
		})
	}
	all.Wait()
	for _, c := range g.cards {
		require.Zero(t, c.granted)
		require.Zero(t, c.nodes)
	}
	require.Empty(t, g.line)
	require.Nil(t, g.timer)
}
