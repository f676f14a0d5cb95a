package watch

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options of Tree.
type Options struct {
	Root   string        // the folder; must exist at the start
	Settle time.Duration // how long a file must be quiet; 0: 250 ms
	Log    func(error)   // what makes the watch less than whole: *LimitError, *WatchError, fs errors. Each once while it lasts

	// For tests; 0 is what Tree has.
	rescan   time.Duration
	maxFiles int // more are left out and Log is told
	faults   faults
}

// faults break the parts of the system that tests cannot break from outside.
type faults struct {
	drop  func(fsnotify.Event) bool // events that never come
	add   func(rel string) error    // folders that cannot be watched
	hints func() error              // no events at all
}

// Entry is a regular file as it was when it had settled. It is not opened or judged yet: Dir.Open does that,
// and SignatureOf what it opened differs from Signature if the file has changed since; then a batch with it will follow.
type Entry struct {
	Path      string // relative to the folder, with slashes; passes CheckPath
	Signature Signature
}

// Batch is what has settled together, each list sorted by path. A touched file is Changed even if its content is the same.
type Batch struct {
	Initial  bool // the first one: what was there at the start, perhaps nothing
	Replaced bool // another folder has the root's name now: open a new Dir. What differs in it follows as changes
	Added    []Entry
	Changed  []Entry
	Removed  []string
	Refused  []*RefusedError // found since the last batch: links, devices, bad names...; such a path counts as removed
}

// Tree watches the folder and everything below it until ctx ends, then returns nil. It calls deliver with
// one batch after the other, on the calling goroutine; meanwhile events are collected, and none is lost.
//
// Only changes that are over are delivered: a file must have been quiet for Settle and look the same before
// and after. A writer that pauses for longer than that is read half-way; whoever drops files should rename
// finished ones into place. Ignored names are not seen.
//
// The system's events only say where to look soon. What is true is what a look finds, and everything is looked
// at again now and then, so a lost event costs time and nothing else.
func Tree(ctx context.Context, opt Options, deliver func(Batch)) error {
	t, err := newTree(opt)
	if err != nil {
		return err
	}
	defer t.close()
	for {
		now := time.Now()
		t.pass(now)
		if b, ok := t.batch(now); ok {
			deliver(b)
		}
		if !t.wait(ctx, now) {
			return nil
		}
	}
}

func newTree(opt Options) (*tree, error) {
	opt.Settle = cmp.Or(opt.Settle, 250*time.Millisecond)
	opt.rescan = cmp.Or(opt.rescan, rescanEvery)
	opt.maxFiles = cmp.Or(opt.maxFiles, defaultMaxFiles)
	named, err := filepath.Abs(opt.Root)
	if err != nil {
		return nil, err
	}
	dir, err := OpenDir(named)
	if err != nil {
		return nil, err
	}
	t := &tree{
		opt: opt, named: named, dir: dir, settler: newSettler(opt.Settle), folders: map[string]bool{}, initial: true,
		told: complaints{log: opt.Log, said: map[string]bool{}, refused: map[string]Reason{}},
	}
	t.renew()
	return t, nil
}

// batch is what can be delivered now.
func (t *tree) batch(now time.Time) (Batch, bool) {
	b, ok := t.settler.take(now)
	if t.initial {
		// A file that grows since before the start must not hold back all the others.
		if !ok && len(t.settler.pending) > 0 && now.Before(t.beginBy()) {
			return b, false
		}
		b.Initial, ok, t.initial = true, true, false
	}
	if len(t.told.newly) > 0 {
		b.Refused, t.told.newly, ok = t.told.newly, nil, true
		slices.SortFunc(b.Refused, func(a, b *RefusedError) int { return cmp.Compare(a.Path, b.Path) })
	}
	if t.replaced {
		b.Replaced, t.replaced, ok = true, false, true
	}
	return b, ok
}

// wait returns when there may be something to do, or false when ctx has ended.
func (t *tree) wait(ctx context.Context, last time.Time) bool {
	// Events come in swarms: look at a swarm, not at each of them.
	pause := last.Add(t.opt.Settle / 10)
	until := t.nextPass()
	if until.Before(pause) {
		until = pause
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	var wake <-chan struct{}
	if t.hints != nil {
		wake = t.hints.wake
	}
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-wake:
	}
	timer.Reset(time.Until(pause))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// nextPass is when there is something to do even if no event comes.
func (t *tree) nextPass() time.Time {
	next := t.rescans.at
	if t.rescans.wanted {
		next = t.rescans.notBefore
	}
	if at, ok := t.settler.next(); ok && at.Before(next) {
		next = at
	}
	if t.initial {
		if by := t.beginBy(); by.Before(next) {
			next = by
		}
	}
	return next
}

// beginBy is when the initial batch goes out at the latest.
func (t *tree) beginBy() time.Time { return t.begun.Add(holdFor * t.opt.Settle) }
