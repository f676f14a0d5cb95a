package watch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const quiet = 250 * time.Millisecond

var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func sized(n int64) Signature { return Signature{Size: n, Inode: 1} }

func added(b Batch) (paths []string) {
	for _, e := range b.Added {
		paths = append(paths, e.Path)
	}
	return paths
}

func TestSettleNeedsTwoEqualLooks(t *testing.T) {
	s := newSettler(quiet)
	s.observe(at(0), "f", sized(1), true)
	next, ok := s.next()
	require.True(t, ok)
	require.Equal(t, at(250), next)
	_, ok = s.take(at(1000))
	require.False(t, ok, "one look is not enough, however old")

	require.Equal(t, []string{"f"}, s.due(at(300)))
	s.observe(at(300), "f", sized(2), false) // it has grown
	_, ok = s.take(at(300))
	require.False(t, ok)
	s.observe(at(400), "f", sized(2), true) // the same signature, but an event
	s.observe(at(560), "f", sized(2), false)
	_, ok = s.take(at(560))
	require.False(t, ok, "not quiet since the event")
	s.observe(at(650), "f", sized(2), false)
	b, ok := s.take(at(650))
	require.True(t, ok)
	require.Equal(t, []string{"f"}, added(b))
	require.Equal(t, sized(2), b.Added[0].Signature)
	_, ok = s.next()
	require.False(t, ok, "nothing to wake up for")
}

func TestSettleChangedAndRemoved(t *testing.T) {
	s := newSettler(quiet)
	deliver := func(ms int, sig Signature) Batch {
		s.observe(at(ms), "f", sig, true)
		s.observe(at(ms+250), "f", sig, false)
		b, ok := s.take(at(ms + 250))
		require.True(t, ok)
		return b
	}
	require.Len(t, deliver(0, sized(1)).Added, 1)
	require.Len(t, deliver(1000, sized(2)).Changed, 1)
	require.Equal(t, []string{"f"}, deliver(2000, Signature{}).Removed)
	require.Zero(t, s.size())

	// Gone before it had settled, and an editor's remove and create: the first was never there, the second is one change.
	s.observe(at(3000), "g", sized(1), true)
	s.observe(at(3010), "g", Signature{}, true)
	require.Zero(t, s.size())
	require.Len(t, deliver(4000, sized(3)).Added, 1)
	s.observe(at(5000), "f", Signature{}, true)
	b := deliver(5010, sized(4))
	require.Empty(t, b.Removed)
	require.Len(t, b.Changed, 1)

	// Back to what it was: nothing to tell.
	s.observe(at(6000), "f", Signature{}, true)
	s.observe(at(6010), "f", sized(4), false)
	_, ok := s.next()
	require.False(t, ok)
}

// Files that one copy drops over a second come in one batch; the copy's order does not show.
func TestSettleGroups(t *testing.T) {
	s := newSettler(quiet)
	var batches []Batch
	for ms := 0; ms <= 2000; ms += 25 {
		if ms <= 800 {
			s.observe(at(ms), fmt.Sprintf("f%03d", ms), sized(1), true)
		}
		for _, path := range s.due(at(ms)) {
			s.observe(at(ms), path, sized(1), false)
		}
		if b, ok := s.take(at(ms)); ok {
			batches = append(batches, b)
		}
	}
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Added, 33)
	require.IsNonDecreasing(t, added(batches[0]))
}

// A file that grows for ever holds back its neighbours for twice the quiet window at most.
func TestSettleGrowingFile(t *testing.T) {
	s := newSettler(quiet)
	var batches []Batch
	var when []int
	for ms := 0; ms <= 3000; ms += 50 {
		s.observe(at(ms), "big", sized(int64(ms)), true)
		if ms == 0 || ms == 1000 {
			s.observe(at(ms), fmt.Sprintf("small%d", ms), sized(1), true)
		}
		for _, path := range s.due(at(ms)) {
			s.observe(at(ms), path, sized(1), false)
		}
		if b, ok := s.take(at(ms)); ok {
			batches, when = append(batches, b), append(when, ms)
		}
	}
	require.Len(t, batches, 2)
	require.Equal(t, []int{500, 1250}, when)
	require.Equal(t, []string{"small0"}, added(batches[0]))
	require.Equal(t, []string{"small1000"}, added(batches[1]))
}

// New files without end hold a settled one back for four quiet windows at most.
func TestSettleHoldEnds(t *testing.T) {
	s := newSettler(quiet)
	for ms := 0; ; ms += 50 {
		require.LessOrEqual(t, ms, 1250)
		s.observe(at(ms), fmt.Sprint(ms), sized(1), true)
		for _, path := range s.due(at(ms)) {
			s.observe(at(ms), path, sized(1), false)
		}
		if b, ok := s.take(at(ms)); ok {
			require.Equal(t, 1250, ms)
			require.Contains(t, added(b), "0")
			return
		}
	}
}

// Whatever happens to some files and whichever events are lost: what is delivered adds up to what is there, and
// no file is delivered less than a quiet window after its last change.
func TestSettleAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSettler(quiet)
		disk, told := map[string]Signature{}, map[string]Signature{}
		changed := map[string]time.Time{}
		now, version := epoch, int64(0)
		look := func(path string, touched bool) { s.observe(now, path, disk[path], touched) }
		take := func() {
			b, ok := s.take(now)
			if !ok {
				return
			}
			for _, e := range append(b.Added, b.Changed...) {
				if e.Signature == disk[e.Path] { // else it changed after the last look, and will come again
					require.GreaterOrEqual(t, now.Sub(changed[e.Path]), quiet, e.Path)
				}
				told[e.Path] = e.Signature
			}
			for _, e := range b.Added {
				require.NotContains(t, b.Removed, e.Path)
			}
			for _, path := range b.Removed {
				delete(told, path)
			}
		}
		due := func() {
			for _, path := range s.due(now) {
				look(path, false)
			}
			take()
		}
		names := []string{"a", "b", "c", "d"}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "ms")) * time.Millisecond)
			due()
			path := rapid.SampledFrom(names).Draw(t, "path")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				version++
				disk[path], changed[path] = sized(version), now
			case 1:
				delete(disk, path)
			}
			if rapid.Bool().Draw(t, "event") {
				look(path, true)
			}
		}
		for range 2 { // a rescan, then the looks that it asks for
			for _, path := range names {
				look(path, false)
			}
			now = now.Add(quiet)
			due()
			now = now.Add(holdFor * quiet)
			due()
		}
		require.Equal(t, disk, told)
		require.Equal(t, len(disk), s.size())
		require.Empty(t, s.pending)
	})
}
