package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Every process that has the history open for writing holds a lock on a file of its own in owners/. The kernel lets go of
// it however the process ends, so a run is an orphan when the lock of its owner is free or gone.

const (
	ownerSuffix  = ".lock"
	socketSuffix = ".sock" // beside it, of a process that can be asked for something
)

// gateDelay is how often a process that waits for another one's Open looks again.
const gateDelay = 10 * time.Millisecond

// others says who else is, or was, there when a history is opened.
type others struct {
	alive   bool // another process has it open
	crashed bool // a process that had it open did not close it
}

// sweepOwners removes the locks of dead processes. Only with the gate held: a process makes its lock file and takes the lock
// in two steps.
func (j *Journal) sweepOwners() (o others, err error) {
	entries, err := os.ReadDir(j.path(ownersDir))
	if err != nil {
		return o, err
	}
	for _, e := range entries {
		owner, ok := strings.CutSuffix(e.Name(), ownerSuffix)
		switch {
		case !ok:
		case j.lives(owner):
			o.alive = true
		default:
			o.crashed = true
		}
	}
	return o, nil
}

// own makes this process known, so that its runs are not taken for orphans while it lives.
func (j *Journal) own() error {
	var id [8]byte
	rand.Read(id[:])
	j.owner = hex.EncodeToString(id[:])
	j.alive = flock.New(j.ownerFile(j.owner))
	ok, err := j.alive.TryLock()
	if err == nil && !ok {
		err = errors.New("the lock of a new name is taken")
	}
	return err
}

func (j *Journal) disown() {
	if j.alive != nil {
		os.Remove(j.alive.Path())
		j.alive.Unlock()
		j.alive = nil
	}
}

func (j *Journal) socketFile(owner string) string {
	return filepath.Join(j.dir, ownersDir, filepath.Base(owner)+socketSuffix)
}

// Socket is where this process may be asked for something.
func (j *Journal) Socket() string { return j.socketFile(j.owner) }

// Sockets are where the processes that have the history in dir open may be asked; some of them may be gone.
func Sockets(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(globQuoted.Replace(dir), ownersDir, "*"+socketSuffix))
}

var globQuoted = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

func (j *Journal) ownerFile(owner string) string {
	return filepath.Join(j.dir, ownersDir, filepath.Base(owner)+ownerSuffix)
}

// InHand reports whether a living process has an open run in hand.
func (j *Journal) InHand(r *Run) bool {
	return r.Finished.IsZero() && r.Owner != "" && j.lives(r.Owner)
}

// lives reports whether the process that is known by this name still runs. It tidies up after one that does not.
func (j *Journal) lives(owner string) bool {
	if owner == j.owner {
		return true
	}
	path := j.ownerFile(owner)
	// Without O_CREATE: asking must not make the file.
	lock := flock.New(path, flock.SetFlag(os.O_RDWR))
	free, err := lock.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil || !free: // in doubt it lives: two processes must never have the same run in hand
		return true
	}
	os.Remove(path)
	os.Remove(j.socketFile(owner))
	lock.Unlock()
	return false
}
