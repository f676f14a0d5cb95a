package watch

import (
	"errors"
	"io/fs"
	goruntime "runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// resolve lets the kernel hold a path below its folder while it walks it: no "..", no link, no mount point.
const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// openat opens a path below the folder. The error is the bare errno.
func (d *Dir) openat(rel string, flags int) (int, error) {
	defer goruntime.KeepAlive(d) // a forgotten Dir must not be closed under the call
	return d.openBelow(int(d.root.Fd()), rel, flags)
}

// openBelow opens a path below the folder dirfd, which is d's or lies below it.
func (d *Dir) openBelow(dirfd int, rel string, flags int) (int, error) {
	if d.byHand {
		return d.openByHand(dirfd, rel, flags)
	}
	return openat2(dirfd, rel, flags)
}

func openat2(dirfd int, rel string, flags int) (int, error) {
	return retry(func() (int, error) {
		return unix.Openat2(dirfd, rel, &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve})
	})
}

// openByHand walks a checked path name by name, for kernels before 5.6. A mount point below the folder is
// recognised by its device number, so a bind mount of the same file system is not.
func (d *Dir) openByHand(dirfd int, rel string, flags int) (int, error) {
	at := dirfd
	leave := func() {
		if at != dirfd {
			unix.Close(at)
		}
	}
	for {
		name, rest, more := strings.Cut(rel, "/")
		mode := flags
		if more {
			mode = unix.O_PATH | unix.O_DIRECTORY
		}
		fd, err := retry(func() (int, error) {
			return unix.Openat(at, name, mode|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		})
		if err == unix.ENOTDIR && isLink(at, name) {
			err = unix.ELOOP // O_DIRECTORY hides that it met a link
		}
		leave()
		if err != nil {
			return -1, err
		}
		if mode&unix.O_DIRECTORY != 0 {
			var st unix.Stat_t
			if err := unix.Fstat(fd, &st); err != nil || uint64(st.Dev) != d.device {
				unix.Close(fd)
				if err == nil {
					err = unix.EXDEV
				}
				return -1, err
			}
		}
		if !more {
			return fd, nil
		}
		at, rel = fd, rest
	}
}

func isLink(dirfd int, name string) bool {
	var st unix.Stat_t
	err := unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK
}

// stat looks at a path without following a link at its end. The error is the bare errno.
func (d *Dir) stat(rel string, st *unix.Stat_t) error {
	fd, err := d.openat(rel, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fstat(fd, st)
}

// openError says what an errno of openat means for this path.
func (d *Dir) openError(rel string, err error) error {
	switch {
	case errors.Is(err, unix.ELOOP):
		return refuseKind(rel, unix.S_IFLNK)
	case errors.Is(err, unix.EXDEV):
		return &RefusedError{rel, Outside, "the path leaves the folder or enters another file system that is mounted in it"}
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		var st unix.Stat_t
		if d.stat(rel, &st) == nil {
			if refused := refuseKind(rel, st.Mode); refused != nil {
				return refused
			}
		}
		return refuseKind(rel, unix.S_IFCHR)
	}
	return &fs.PathError{Op: "open", Path: rel, Err: err}
}

// retry repeats a system call that was interrupted, or whose walk met a rename (EAGAIN of openat2): a few
// times only, since a neighbour who renames all day must not hold us.
func retry(call func() (int, error)) (int, error) {
	for range 100 {
		fd, err := call()
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
}
