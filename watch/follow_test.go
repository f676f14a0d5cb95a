package watch

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// follower runs Tree and adds up what it delivers.
type follower struct {
	t    *testing.T
	root string
	more chan struct{} // something was delivered or logged

	mu      sync.Mutex
	files   map[string]Signature
	batches []Batch
	logged  []error
}

// settle is the quiet window of the tests of Tree.
const settle = 60 * time.Millisecond

// follow starts a Tree with a short quiet window and stops it at the end of the test.
func follow(t *testing.T, opt Options) *follower {
	t.Helper()
	return followWith(t, opt, func() {})
}

// followWith does something while the consumer of the initial batch is busy.
func followWith(t *testing.T, opt Options, busy func()) *follower {
	t.Helper()
	f := &follower{t: t, root: opt.Root, files: map[string]Signature{}, more: make(chan struct{}, 1)}
	opt.Settle = settle
	if opt.rescan == 0 {
		opt.rescan = time.Hour // so that only events, or what the test provokes, can have found something
	}
	opt.Log = func(err error) {
		f.mu.Lock()
		f.logged = append(f.logged, err)
		f.mu.Unlock()
		f.tell()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		var initial sync.Once
		err := Tree(ctx, opt, func(b Batch) {
			initial.Do(busy)
			f.batch(b)
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		goleak.VerifyNone(t)
	})
	f.until("the initial batch", func() bool { return len(f.batches) > 0 && f.batches[0].Initial })
	return f
}

func (f *follower) tell() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}

func (f *follower) batch(b Batch) {
	f.mu.Lock()
	for _, e := range b.Added {
		if _, twice := f.files[e.Path]; twice {
			f.t.Errorf("%s added twice", e.Path)
		}
		f.files[e.Path] = e.Signature
	}
	for _, e := range b.Changed {
		if f.files[e.Path] == e.Signature {
			f.t.Errorf("%s changed to what it was", e.Path)
		}
		f.files[e.Path] = e.Signature
	}
	for _, path := range b.Removed {
		if _, there := f.files[path]; !there {
			f.t.Errorf("%s removed, but never added", path)
		}
		delete(f.files, path)
	}
	f.batches = append(f.batches, b)
	f.mu.Unlock()
	f.tell()
}

// initial is the batch of what was there at the start.
func (f *follower) initial() Batch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.batches[0]
}

// until waits for a condition over what was delivered.
func (f *follower) until(what string, ok func() bool) {
	f.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		f.mu.Lock()
		done := ok()
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-f.more:
		case <-limit:
			f.mu.Lock()
			defer f.mu.Unlock()
			f.t.Fatalf("never came: %s; %d files, %d batches, log %v", what, len(f.files), len(f.batches), f.logged)
		}
	}
}

// settled waits until what was delivered is exactly what lies on the disk.
func (f *follower) settled() {
	f.t.Helper()
	f.until("what is on the disk", func() bool { return maps.Equal(f.files, onDisk(f.t, f.root)) })
}

func onDisk(t *testing.T, root string) map[string]Signature {
	found := map[string]Signature{}
	err := filepath.Walk(root, func(name string, info os.FileInfo, err error) error {
		rel, _ := filepath.Rel(root, name)
		if err == nil && info.Mode().IsRegular() && !Ignored(rel) {
			found[rel] = SignatureOf(info)
		}
		return nil
	})
	require.NoError(t, err)
	return found
}
