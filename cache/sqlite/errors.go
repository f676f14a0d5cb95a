package sqlite

import (
	"errors"
	"fmt"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// ErrClosed is returned by Write after Close.
var ErrClosed = errors.New("sqlite: database is closed")

// ErrStopped is returned by Write after a commit failed in fsync: what the kernel then holds is not known, so nothing
// more is written until the database is opened again.
var ErrStopped = errors.New("sqlite: writing stopped after a failed fsync; open the database again and compare")

// ErrCorrupt is the kind of a damaged database file. Use IsCorrupt, which also knows the driver's codes.
var ErrCorrupt = errors.New("database is damaged")

// CommitError says that COMMIT itself failed in fsync: the writes may be found later, or not.
type CommitError struct{ Err error }

func (e *CommitError) Error() string {
	return fmt.Sprintf("sqlite: commit of unknown result: %v", e.Err)
}

func (e *CommitError) Unwrap() error { return e.Err }

// IsFull reports whether err comes from a disk, quota or size limit that is used up: SQLITE_FULL, ENOSPC and EDQUOT,
// which SQLite reports as a failed write (extended code 778).
func IsFull(err error) bool {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return e.Code == sqlite3.ErrFull || e.SystemErrno == syscall.ENOSPC || e.SystemErrno == syscall.EDQUOT
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsCorrupt reports whether err says that the database file is damaged or no database (codes 11 and 26).
func IsCorrupt(err error) bool {
	var e sqlite3.Error
	if errors.As(err, &e) {
		return e.Code == sqlite3.ErrCorrupt || e.Code == sqlite3.ErrNotADB
	}
	return errors.Is(err, ErrCorrupt)
}

// IsMisfit reports whether a statement did not fit the database: no such table, a broken constraint, a wrong type. For a
// caller whose statements are right, this is damage in the schema, which quick_check does not see.
func IsMisfit(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrError || e.Code == sqlite3.ErrConstraint || e.Code == sqlite3.ErrMismatch)
}

// IsTaken reports whether a statement would have made a key or an index hold something twice. What it did is undone, and nothing else.
func IsTaken(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.ExtendedCode == sqlite3.ErrConstraintUnique || e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}

// IsBusy reports whether another process held the database for longer than the busy timeout (5 s).
func IsBusy(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked)
}

// isFsync reports whether err is a failed fsync, after which the state of the file is not known.
func isFsync(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && !IsFull(err) &&
		(e.ExtendedCode == sqlite3.ErrIoErrFsync || e.ExtendedCode == sqlite3.ErrIoErrDirFsync)
}

// RemoteError says that a directory is not on a local disk.
type RemoteError struct{ Dir, FS string }

func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s is on %s: SQLite can lose or damage data there; choose a directory on a local disk", e.Dir, e.FS)
}
