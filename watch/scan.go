package watch

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxRefused bounds what is remembered of files that are not read.
	maxRefused = 1000
	// restAfter is how many times its own duration a rescan waits for the next one, so that a neighbour who
	// makes events get lost cannot make us look at everything all the time.
	restAfter = 9
)

// tree is what Tree knows; its goroutine alone uses it.
type tree struct {
	opt     Options
	named   string // absolute
	dir     *Dir   // nil while nothing has the folder's name
	hints   *hints // nil when the system gives no events
	settler *settler
	folders map[string]bool // below the root, as last seen

	refused map[string]Reason // reported, and still there
	newly   []*RefusedError   // not reported yet
	said    map[string]bool   // what Log was told since all was well

	start     time.Time
	begun     bool // the initial batch is out
	replaced  bool // to be told
	over      bool // at the last rescan there were more than MaxFiles
	unwatched bool // at the last rescan some folder could not be watched

	rescan    bool      // wanted, as soon as notBefore
	notBefore time.Time // rest after the last one
	rescanAt  time.Time // the next one by the clock
}

func (t *tree) close() {
	if t.hints != nil {
		t.hints.close()
	}
	if t.dir != nil {
		t.dir.Close()
	}
}

func (t *tree) say(err error) {
	if key := err.Error(); t.opt.Log != nil && !t.said[key] && len(t.said) < maxRefused {
		t.said[key] = true
		t.opt.Log(err)
	}
}

// pass looks at what events named, or at everything, and again at what should have settled.
func (t *tree) pass(now time.Time) {
	var ev touched
	if t.hints != nil {
		ev = t.hints.take()
	}
	t.rescan = t.rescan || ev.all || !now.Before(t.rescanAt)
	if ev.root || t.rescan {
		t.checkRoot()
	}
	if ev.moved || t.movedFolder(ev.renamed) {
		t.renew()
	}
	if t.rescan && !now.Before(t.notBefore) {
		t.lookAtAll(now, ev.paths)
	} else {
		for rel := range ev.paths {
			t.look(now, rel, true)
		}
	}
	for _, rel := range t.settler.due(now) {
		t.look(now, rel, false)
	}
}

// look finds out what is at one path, and below it if that is a folder.
func (t *tree) look(now time.Time, rel string, isTouched bool) {
	var st unix.Stat_t
	err := error(unix.ENOENT)
	if t.dir != nil {
		err = t.dir.stat(rel, &st)
	}
	switch {
	case err == nil:
		if t.entry(now, rel, &st, isTouched, nil) {
			t.walk(now, rel, nil, nil)
		}
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.EXDEV), errors.Is(err, unix.EACCES):
		t.absent(now, rel, isTouched)
	default:
		// Our own trouble, such as too many open files, must not look like a removed file.
		t.say(t.dir.openError(rel, err))
		t.rescan = true
	}
}

func (t *tree) absent(now time.Time, rel string, isTouched bool) {
	delete(t.refused, rel)
	if t.settler.tracks(rel) {
		t.settler.observe(now, rel, Signature{}, isTouched)
	}
	if !t.folders[rel] {
		return
	}
	// A folder that is moved away takes everything with it in one event.
	var below []string
	for path := range t.settler.paths {
		if strings.HasPrefix(path, rel+"/") {
			below = append(below, path)
		}
	}
	delete(t.folders, rel)
	for _, path := range below {
		t.look(now, path, false)
	}
}

// entry takes note of what is at a path and reports whether it is a folder to look into. seen, if not nil,
// collects the paths.
func (t *tree) entry(now time.Time, rel string, st *unix.Stat_t, isTouched bool, seen map[string]bool) bool {
	if Ignored(rel) {
		return false
	}
	if seen != nil {
		seen[rel] = true
	}
	var refused *RefusedError
	if !errors.As(CheckPath(rel), &refused) {
		refused = refuseKind(rel, st.Mode)
	}
	isFolder := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if isFolder && refused == nil && strings.Count(rel, "/") >= t.opt.MaxDepth {
		t.say(&LimitError{"folders deep", t.opt.MaxDepth, filepath.Join(t.named, rel)})
		isFolder = false
	}
	switch {
	case refused != nil:
		t.refuse(refused)
	case isFolder:
		if why := t.refused[rel]; why != Unreadable && why != Outside { // those are found when it is opened
			delete(t.refused, rel)
		}
		t.folders[rel] = true
		t.watch(rel)
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		delete(t.refused, rel)
		t.file(now, rel, statSignature(st), isTouched)
		return false
	}
	if t.settler.tracks(rel) { // what was a file is none now
		t.settler.observe(now, rel, Signature{}, isTouched)
	}
	return isFolder && refused == nil
}

func (t *tree) file(now time.Time, rel string, sig Signature, isTouched bool) {
	if !t.settler.tracks(rel) && t.settler.size() >= t.opt.MaxFiles {
		t.over = true
		t.say(&LimitError{"files", t.opt.MaxFiles, t.named})
		return
	}
	t.settler.observe(now, rel, sig, isTouched)
	if !t.begun && !isTouched {
		// What was there at the start need not be waited for, if the system's clock says that it has been quiet for long.
		if age := time.Since(time.Unix(0, sig.ChangeTime)); age > t.opt.Settle+time.Second {
			t.settler.settle(now, rel)
		}
	}
}

func (t *tree) refuse(e *RefusedError) {
	if t.refused[e.Path] != e.Reason && len(t.refused) < maxRefused {
		t.refused[e.Path] = e.Reason
		t.newly = append(t.newly, e)
	}
}

// lookAtAll compares everything with what is known; touched are paths that events named.
func (t *tree) lookAtAll(now time.Time, touched map[string]struct{}) {
	begin := time.Now()
	hadTrouble := t.over || t.unwatched
	t.rescan, t.over, t.unwatched = false, false, false
	t.folders = map[string]bool{}
	seen := make(map[string]bool, t.settler.size())
	if t.dir != nil {
		t.watch(".")
		t.walk(now, ".", touched, seen)
	}
	// What the walk did not meet is looked at by name: it may be gone, or the walk was cut short.
	gone := slices.Collect(t.settler.paths)
	for _, rel := range gone {
		if !seen[rel] {
			t.look(now, rel, false)
		}
	}
	for rel := range t.refused {
		if !seen[rel] {
			delete(t.refused, rel)
		}
	}
	trouble := t.over || t.unwatched || t.hints == nil || t.dir == nil || t.rescan
	if !trouble && !hadTrouble {
		clear(t.said)
	}
	every := t.opt.Rescan
	if t.unwatched || t.hints == nil || t.dir == nil || t.dir.eventsMissing() {
		every = min(every, pollEvery)
	}
	end := time.Now()
	t.notBefore = end.Add(max(restAfter*end.Sub(begin), t.opt.Settle))
	t.rescanAt = end.Add(every)
}

func (t *tree) walk(now time.Time, rel string, touched map[string]struct{}, seen map[string]bool) {
	visits := 0
	visit := func(rel string, st *unix.Stat_t) (bool, error) {
		if visits++; visits > t.opt.MaxFiles*visitsPerFile {
			return false, &LimitError{"entries to look through", t.opt.MaxFiles * visitsPerFile, t.named}
		}
		_, isTouched := touched[rel]
		return t.entry(now, rel, st, isTouched, seen), nil
	}
	unreadable := func(rel string, err error) error {
		switch {
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			t.refuse(&RefusedError{rel, Unreadable, "this folder cannot be opened: " + err.Error()})
		case errors.Is(err, unix.EXDEV):
			t.refuse(&RefusedError{rel, Outside, "another file system is mounted here"})
		default:
			t.rescan = true
			t.say(t.dir.openError(rel, err))
		}
		return nil
	}
	if err := t.dir.walk(rel, visit, unreadable); err != nil {
		t.over = true
		t.say(err)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
