package device

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"levee/gpu/cuda"
)

// fakeDevice hands out addresses, and fails when its memory is short.
type fakeDevice struct {
	left  int64
	next  cuda.Ptr
	taken map[cuda.Ptr]int64
}

var errNoMemory = errors.New("the device has none")

func (d *fakeDevice) take(n int64) (cuda.Ptr, error) {
	if n > d.left {
		return 0, errNoMemory
	}
	at := d.next
	d.next += cuda.Ptr(roundUp(n, largeStep)) // slabs may be neighbours: they must not grow together
	d.left -= n
	d.taken[at] = n
	return at, nil
}

func (d *fakeDevice) give(s span) error {
	if n, ok := d.taken[s.at]; !ok || n != s.n {
		return errors.New("it was not taken")
	}
	delete(d.taken, s.at)
	d.left += s.n
	return nil
}

func newArena(quota, memory int64) (*arena, *fakeDevice) {
	d := &fakeDevice{left: memory, next: 1 << 40, taken: map[cuda.Ptr]int64{}}
	return &arena{take: d.take, give: d.give, quota: quota, used: map[cuda.Ptr]int64{}}, d
}

// whole checks that slabs are exactly what is used and what is free, in order and without two gaps that touch.
func whole(t require.TestingT, a *arena, d *fakeDevice) {
	used := []span{}
	for at, n := range a.used {
		used = append(used, span{at, n})
	}
	held := int64(0)
	for _, s := range a.slabs {
		held += s.n
		require.Equal(t, d.taken[s.at], s.n)
		parts := slices.Clone(s.free)
		for _, u := range used {
			if u.at >= s.at && u.at < s.at+cuda.Ptr(s.n) {
				require.Zero(t, u.at%align)
				parts = append(parts, u)
			}
		}
		require.True(t, slices.IsSortedFunc(s.free, func(x, y span) int { return int(x.at) - int(y.at) }))
		for i := 1; i < len(s.free); i++ {
			require.Less(t, s.free[i-1].at+cuda.Ptr(s.free[i-1].n), s.free[i].at, "two gaps touch")
		}
		slices.SortFunc(parts, func(x, y span) int { return int(x.at) - int(y.at) })
		at := s.at
		for _, p := range parts {
			require.Equal(t, at, p.at, "a hole, or something twice")
			at += cuda.Ptr(p.n)
		}
		require.Equal(t, s.at+cuda.Ptr(s.n), at)
	}
	require.Equal(t, held, a.held)
	require.LessOrEqual(t, held, a.quota)
	require.Len(t, d.taken, len(a.slabs))
}

func TestArena(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quota := rapid.Int64Range(1<<10, 1<<30).Draw(t, "quota")
		a, d := newArena(quota, rapid.Int64Range(1<<20, 2<<30).Draw(t, "memory"))
		var given []cuda.Ptr
		held := map[cuda.Ptr]bool{} // slabs that hold must keep
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) {
				n := rapid.OneOf(rapid.Int64Range(1, 4<<10), rapid.Int64Range(1, quota), rapid.Int64Range(1, 2*quota)).Draw(t, "n")
				at, err := a.alloc(n)
				if err != nil {
					if errors.Is(err, errFull) {
						require.Greater(t, roundUp(n, align), quota-a.held, "the quota has room for it")
					}
					return
				}
				require.GreaterOrEqual(t, a.used[at], n)
				given = append(given, at)
				if a.hold {
					for _, s := range a.slabs {
						if at >= s.at && at < s.at+cuda.Ptr(s.n) {
							held[s.at] = true
						}
					}
				}
			},
			"free": func(t *rapid.T) {
				if len(given) > 0 {
					i := rapid.IntRange(0, len(given)-1).Draw(t, "which")
					a.free(given[i])
					given = slices.Delete(given, i, i+1)
				}
			},
			"shrink": func(t *rapid.T) { require.NoError(t, a.shrink()) },
			"hold":   func(*rapid.T) { a.hold = true },
			"let go": func(*rapid.T) { a.letGo(); clear(held) },
			"": func(t *rapid.T) {
				whole(t, a, d)
				for at := range held {
					require.Contains(t, d.taken, at, "a slab that commands wait to use went back")
				}
			},
		})
		a.letGo()
		for _, at := range given {
			a.free(at)
		}
		require.NoError(t, a.shrink())
		whole(t, a, d)
		require.Zero(t, a.held)
	})
}

func TestArenaGivesAllOfItsQuota(t *testing.T) {
	for _, quota := range []int64{256, 1 << 20, 64 << 20, 100<<20 + 512} {
		a, d := newArena(quota, 1<<40)
		for range 3 {
			at, err := a.alloc(quota)
			require.NoError(t, err)
			_, err = a.alloc(1)
			require.ErrorIs(t, err, errFull)
			whole(t, a, d)
			a.free(at)
		}
	}
}
