package journal

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// reserveSize is kept free for the history: on a full disk SQLite can not even delete without room for its WAL. It is given
// back to the disk when a write finds no room, and taken again when there is enough.
const reserveSize = 32 << 20

// keepReserve makes the reserve unless it is there or the disk has little room left.
func (j *Journal) keepReserve() error {
	path := j.path(reserveName)
	if info, err := os.Stat(path); err == nil && info.Size() == reserveSize {
		j.spent.Store(false)
		return nil
	}
	j.spent.Store(true)
	if room, err := free(j.dir); err != nil {
		return err
	} else if room < j.opts.MinFree+reserveSize {
		return fmt.Errorf("%w: %d MiB are free", ErrFull, room>>20)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, reserveSize), f.Close()); err != nil {
		os.Remove(path) // a part of it helps nobody
		return err
	}
	j.spent.Store(false)
	return nil
}

// spendReserve gives the reserve to the disk. It reports whether there was one, so that trying again makes sense.
func (j *Journal) spendReserve() bool {
	j.spent.Store(true)
	if os.Remove(j.path(reserveName)) != nil {
		return false
	}
	j.spends.Add(1)
	return true
}

// roomForRun refuses new runs while the disk is nearly full: what is left is for the results of those under way.
func (j *Journal) roomForRun() error {
	room, err := free(j.dir)
	if err != nil {
		return err
	}
	if room < j.opts.MinFree {
		return fmt.Errorf("%w: %d MiB are free in %s, and new runs need %d MiB", ErrFull, room>>20, j.dir, j.opts.MinFree>>20)
	}
	if j.spent.Load() {
		_ = j.keepReserve() // without one the next full disk only comes sooner
	}
	return nil
}

// free is how many bytes of the disk this user may still fill.
func free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
