package watch

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// restAfter is how many times its own duration a rescan waits for the next one, so that a neighbour who
// makes events get lost cannot make us look at everything all the time.
const restAfter = 9

// tree is what Tree knows; its goroutine alone uses it.
type tree struct {
	opt     Options
	named   string // absolute
	dir     *Dir   // nil while nothing has the folder's name
	hints   *hints // nil when the system gives no events
	settler *settler
	folders map[string]bool // below the root, as last seen

	told    complaints
	rescans rescans

	initial   bool      // the initial batch is not out yet
	begun     time.Time // the first pass, from which on the initial batch may wait: a slow start must not leave files out of it
	replaced  bool      // to be told
	over      bool      // at the last rescan there were too many files
	unwatched bool      // at the last rescan some folder could not be watched
}

// rescans is when everything is looked at.
type rescans struct {
	wanted    bool      // as soon as notBefore
	notBefore time.Time // rest after the last one
	at        time.Time // the next one by the clock
}

func (t *tree) close() {
	if t.hints != nil {
		t.hints.close()
	}
	if t.dir != nil {
		t.dir.Close()
	}
}

// pass looks at what events named, or at everything, and again at what should have settled.
func (t *tree) pass(now time.Time) {
	if t.begun.IsZero() {
		t.begun = now
	}
	var ev touched
	if t.hints != nil {
		ev = t.hints.take()
	}
	t.rescans.wanted = t.rescans.wanted || ev.all || !now.Before(t.rescans.at)
	t.checkRoot()
	if ev.moved || t.movedFolder(ev.renamed) {
		t.renew()
	}
	if t.rescans.wanted && !now.Before(t.rescans.notBefore) {
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
		t.told.say(t.dir.openError(rel, err))
		t.rescans.wanted = true
	}
}

func (t *tree) absent(now time.Time, rel string, isTouched bool) {
	delete(t.told.refused, rel)
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
	if isFolder && refused == nil && strings.Count(rel, "/") >= maxDepth {
		t.told.say(&LimitError{"folders deep", maxDepth, filepath.Join(t.named, rel)})
		isFolder = false
	}
	switch {
	case refused != nil:
		t.told.refuse(refused)
	case isFolder:
		if why := t.told.refused[rel]; why != Unreadable && why != Outside { // those are found when it is opened
			delete(t.told.refused, rel)
		}
		t.folders[rel] = true
		t.watch(rel)
	case st.Mode&unix.S_IFMT == unix.S_IFREG:
		delete(t.told.refused, rel)
		t.file(now, rel, statSignature(st), isTouched)
		return false
	}
	if t.settler.tracks(rel) { // what was a file is none now
		t.settler.observe(now, rel, Signature{}, isTouched)
	}
	return isFolder && refused == nil
}

func (t *tree) file(now time.Time, rel string, sig Signature, isTouched bool) {
	if !t.settler.tracks(rel) && t.settler.size() >= t.opt.maxFiles {
		t.over = true
		t.told.say(&LimitError{"files", t.opt.maxFiles, t.named})
		return
	}
	t.settler.observe(now, rel, sig, isTouched)
	if t.initial && !isTouched {
		// What was there at the start need not be waited for, if the system's clock says that it has been quiet for long.
		if age := time.Since(time.Unix(0, sig.ChangeTime)); age > t.opt.Settle+time.Second {
			t.settler.settle(now, rel)
		}
	}
}

// lookAtAll compares everything with what is known; touched are paths that events named.
func (t *tree) lookAtAll(now time.Time, touched map[string]struct{}) {
	begin := time.Now()
	hadTrouble := t.over || t.unwatched
	t.rescans.wanted, t.over, t.unwatched = false, false, false
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
	for rel := range t.told.refused {
		if !seen[rel] {
			delete(t.told.refused, rel)
		}
	}
	trouble := t.over || t.unwatched || t.hints == nil || t.dir == nil || t.rescans.wanted
	if !trouble && !hadTrouble {
		clear(t.told.said)
	}
	every := t.opt.rescan
	// An empty folder that is removed says nothing, because it is open here.
	if t.unwatched || t.hints == nil || t.dir == nil || t.dir.eventsMissing() || t.settler.size() == 0 {
		every = min(every, pollEvery)
	}
	end := time.Now()
	t.rescans.notBefore = end.Add(max(restAfter*end.Sub(begin), t.opt.Settle))
	t.rescans.at = end.Add(every)
}

func (t *tree) walk(now time.Time, rel string, touched map[string]struct{}, seen map[string]bool) {
	visits := 0
	visit := func(rel string, st *unix.Stat_t) (bool, error) {
		if visits++; visits > t.opt.maxFiles*visitsPerFile {
			return false, &LimitError{"entries to look through", t.opt.maxFiles * visitsPerFile, t.named}
		}
		_, isTouched := touched[rel]
		return t.entry(now, rel, st, isTouched, seen), nil
	}
	unreadable := func(rel string, err error) {
		switch {
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			t.told.refuse(&RefusedError{rel, Unreadable, "this folder cannot be opened: " + err.Error()})
		case errors.Is(err, unix.EXDEV):
			t.told.refuse(&RefusedError{rel, Outside, "another file system is mounted here"})
		default:
			t.rescans.wanted = true
			t.told.say(t.dir.openError(rel, err))
		}
	}
	if err := t.dir.walk(rel, visit, unreadable); err != nil {
		t.over = true
		t.told.say(err)
	}
}
