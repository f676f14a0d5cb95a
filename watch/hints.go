package watch

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// maxTouched paths are remembered one by one; beyond, looking at everything is cheaper.
const maxTouched = 8192

// WatchError is a folder of which the system sends no events, so that changes in it are found only by rescans.
type WatchError struct {
	Path string
	Err  error
}

func (e *WatchError) Error() string {
	const rescan = "changes are found by looking every few seconds"
	switch {
	case errors.Is(e.Err, unix.ENOSPC):
		return fmt.Sprintf("%s: no inotify watches left, %s; raise fs.inotify.max_user_watches", e.Path, rescan)
	case errors.Is(e.Err, unix.EMFILE):
		return fmt.Sprintf("%s: no inotify instances left, %s; raise fs.inotify.max_user_instances", e.Path, rescan)
	}
	return fmt.Sprintf("%s: not watched (%v), %s", e.Path, e.Err, rescan)
}

func (e *WatchError) Unwrap() error { return e.Err }

// hints are the system's events, collected by a goroutine that does nothing else, since the kernel's queue is
// short. An event only says where to look: what is there is found out by looking.
type hints struct {
	fsn   *fsnotify.Watcher
	named string // the watched folder as the operator named it
	real  string // the same without links; folders below are watched under this name
	wake  chan struct{}
	drop  func(fsnotify.Event) bool // tests lose events here
	drain sync.WaitGroup

	mu   sync.Mutex
	seen touched // since the last take
}

// touched is where something may have happened.
type touched struct {
	paths   map[string]struct{} // relative
	renamed map[string]struct{} // of these, the old names of what was moved away
	root    bool                // the folder itself: it may be another one now
	all     bool                // events were lost
	moved   bool                // too many renames to remember: any folder may have moved
}

// newHints collects the events of folders that add names. gone says that the watched folder is not there.
func newHints(named, real string, gone bool, drop func(fsnotify.Event) bool) (*hints, error) {
	fsn, err := fsnotify.NewBufferedWatcher(4096)
	if err != nil {
		return nil, err
	}
	h := &hints{fsn: fsn, named: named, real: real, wake: make(chan struct{}, 1), drop: drop, seen: newTouched()}
	h.drain.Go(h.run)
	// A folder tells by itself when it is moved or removed. Only its parent tells that it came back, or that a link in its name
	// leads elsewhere; but a parent (a home, /tmp) may be busy with much else, so it is asked only then. A parent that cannot be
	// watched leaves this to the rescans.
	if gone || named != real {
		fsn.Add(filepath.Dir(named))
	}
	if gone {
		fsn.Add(filepath.Dir(real))
		h.mark(func(t *touched) { t.root = true }) // it may have come back before its parent was watched
	}
	return h, nil
}

func newTouched() touched {
	return touched{paths: map[string]struct{}{}, renamed: map[string]struct{}{}}
}

// add asks for the events of a folder; asking again is cheap and mends a watch that was lost.
func (h *hints) add(rel string) error { return h.fsn.Add(filepath.Join(h.real, rel)) }

func (h *hints) close() {
	h.fsn.Close()
	h.drain.Wait()
}

// take hands over what was collected.
func (h *hints) take() touched {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.seen
	h.seen = newTouched()
	return t
}

func (h *hints) run() {
	errs := h.fsn.Errors
	for {
		select {
		case ev, ok := <-h.fsn.Events:
			if !ok {
				return
			}
			if h.drop == nil || !h.drop(ev) {
				h.note(ev)
			}
		case err, ok := <-errs:
			if !ok {
				errs = nil
			} else if err != nil { // the queue overflowed, or something else went wrong: either way events are missing
				h.mark(func(t *touched) { t.all = true })
			}
		}
	}
}

func (h *hints) note(ev fsnotify.Event) {
	if ev.Name == h.real || ev.Name == h.named {
		h.mark(func(t *touched) { t.root = true })
		return
	}
	rel, below := strings.CutPrefix(ev.Name, h.real+"/")
	if h.real == "/" {
		rel, below = strings.CutPrefix(ev.Name, "/")
	}
	if !below || Ignored(rel) {
		return // a neighbour of the folder, or a file that nobody asked for
	}
	h.mark(func(t *touched) {
		if len(t.paths) >= maxTouched {
			t.all = true
			clear(t.paths)
		}
		rel := path.Clean(rel)
		t.paths[rel] = struct{}{}
		if ev.Has(fsnotify.Rename) {
			if len(t.renamed) < maxTouched {
				t.renamed[rel] = struct{}{}
			} else {
				t.moved = true
			}
		}
	})
}

func (h *hints) mark(set func(*touched)) {
	h.mu.Lock()
	set(&h.seen)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
