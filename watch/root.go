package watch

import (
	"errors"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	rescanEvery = time.Minute     // everything is looked at, events or not
	pollEvery   = 5 * time.Second // the same where events are missing
)

// checkRoot finds out whether the folder that is open still has its name.
func (t *tree) checkRoot() {
	var st unix.Stat_t
	err := unix.Stat(t.named, &st)
	switch {
	case err == nil && t.dir != nil && uint64(st.Dev) == t.dir.device && st.Ino == t.dir.inode:
		if t.hints == nil {
			t.renew() // perhaps there are events again
		}
		return
	case err != nil && t.dir == nil:
		return
	}
	if t.dir != nil {
		t.dir.Close()
	}
	t.dir, err = OpenDir(t.named)
	if err != nil {
		t.dir = nil
		t.told.say(err)
	}
	t.replaced = t.dir != nil
	t.folders = map[string]bool{}
	t.renew()
}

// movedFolder reports whether a folder that is watched has another name now. Its watch, and those below it,
// would go on naming the old one.
func (t *tree) movedFolder(renamed map[string]struct{}) bool {
	for rel := range renamed {
		if t.folders[rel] {
			return true
		}
	}
	return false
}

// renew starts the events over; the rescan that it asks for watches each folder before it looks into it.
func (t *tree) renew() {
	if t.hints != nil {
		t.hints.close()
		t.hints = nil
	}
	t.rescans.wanted = true
	real, err := filepath.EvalSymlinks(t.named)
	if err != nil {
		real, err = t.named, nil // gone; it may come back
	}
	if t.opt.faults.hints != nil {
		err = t.opt.faults.hints()
	}
	if err == nil {
		t.hints, err = newHints(t.named, real, t.dir == nil, t.opt.faults.drop)
	}
	if err != nil {
		t.hints = nil
		t.told.say(&WatchError{t.named, err})
	}
}

// watch asks for a folder's events, before anybody looks into it: what comes after the look is then announced.
func (t *tree) watch(rel string) {
	if t.hints == nil {
		return
	}
	var err error
	if t.opt.faults.add != nil {
		err = t.opt.faults.add(rel)
	}
	if err == nil {
		err = t.hints.add(rel)
	}
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return
	}
	if !t.unwatched { // one is enough to say; with no watches left thousands would follow
		t.told.say(&WatchError{filepath.Join(t.named, rel), err})
	}
	t.unwatched = true
	if soon := time.Now().Add(pollEvery); soon.Before(t.rescans.at) {
		t.rescans.at = soon
	}
}

// eventsMissing reports whether the folder lies on a file system where others can change files without an event here.
func (d *Dir) eventsMissing() bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(d.root.Fd()), &st) != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.AFS_SUPER_MAGIC,
		unix.CEPH_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC:
		return true
	}
	return false
}
