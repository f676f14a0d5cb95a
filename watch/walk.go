package watch

import (
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// walk calls visit for everything below the folder rel ("." for all), folders before what is in them, in no
// order. It goes into a folder when visit says so, never through a link or a mount point. What vanishes meanwhile
// is left out. A folder that cannot be read goes to unreadable. An error of visit ends the walk.
func (d *Dir) walk(rel string, visit func(rel string, st *unix.Stat_t) (enter bool, err error), unreadable func(rel string, err error)) error {
	fd, err := d.openat(rel, unix.O_RDONLY|unix.O_DIRECTORY)
	return d.walkFolder(fd, err, rel, visit, unreadable)
}

func (d *Dir) walkFolder(fd int, err error, rel string, visit func(string, *unix.Stat_t) (bool, error), unreadable func(string, error)) error {
	switch err {
	case nil:
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP: // it was removed, or replaced by something that is no folder
		return nil
	default:
		unreadable(rel, err)
		return nil
	}
	f := os.NewFile(uintptr(fd), rel)
	defer f.Close()
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue
			}
			below := path.Join(rel, name)
			enter, err := visit(below, &st)
			if err != nil {
				return err
			}
			if enter && st.Mode&unix.S_IFMT == unix.S_IFDIR {
				sub, err := d.openBelow(fd, name, unix.O_RDONLY|unix.O_DIRECTORY)
				if err := d.walkFolder(sub, err, below, visit, unreadable); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			unreadable(rel, err)
			return nil
		}
	}
}
