package watch

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Reason says why a file is not read or written.
type Reason string

const (
	Symlink    Reason = "symbolic link"
	FIFO       Reason = "FIFO"
	Socket     Reason = "socket"
	Device     Reason = "device"
	Directory  Reason = "folder"
	HardLink   Reason = "hard link"
	Owner      Reason = "owner"
	Mode       Reason = "mode"
	TooLarge   Reason = "too large"
	Outside    Reason = "outside the folder"
	BadName    Reason = "bad name"
	Changing   Reason = "changing"
	Unreadable Reason = "not readable"
)

// RefusedError is a file that exists, or could, but that levee does not touch.
type RefusedError struct {
	Path   string // as asked for: relative, with slashes; may hold anything when Reason is BadName
	Reason Reason
	Detail string // what was found and what is allowed
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s refused: %s: %s", strconv.QuoteToGraphic(e.Path), e.Reason, e.Detail)
}

// LimitError is a walk that met more than it may.
type LimitError struct {
	What  string // "files", "entries"
	Limit int
	Where string // the pattern or the folder
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than %d %s", e.Where, e.Limit, e.What)
}

// refuseKind refuses what is neither a regular file nor a folder; nil for those two.
func refuseKind(rel string, mode uint32) *RefusedError {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return nil
	case unix.S_IFLNK:
		return &RefusedError{rel, Symlink, "links are never followed; copy the file here, or mount its folder"}
	case unix.S_IFIFO:
		return &RefusedError{rel, FIFO, "only regular files are read"}
	case unix.S_IFSOCK:
		return &RefusedError{rel, Socket, "only regular files are read"}
	default:
		return &RefusedError{rel, Device, "only regular files are read"}
	}
}
