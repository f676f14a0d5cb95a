package sqlite

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// remote names the file systems on which WAL is not safe: its shared memory is not shared between machines, and locks
// are not always kept. Numbers from linux/magic.h and the statfs(2) manual page.
var remote = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS", unix.SMB2_SUPER_MAGIC: "SMB",
	unix.FUSE_SUPER_MAGIC: "FUSE", unix.V9FS_MAGIC: "9P", unix.AFS_SUPER_MAGIC: "AFS", unix.AFS_FS_MAGIC: "AFS",
	unix.CODA_SUPER_MAGIC: "Coda", unix.CEPH_SUPER_MAGIC: "Ceph", unix.NCP_SUPER_MAGIC: "NCP", unix.OCFS2_SUPER_MAGIC: "OCFS2",
	0x0bd00bd0: "Lustre", 0x01161970: "GFS2", 0x47504653: "GPFS", 0x786f4256: "VirtualBox shared folder",
}

// Local returns a *RemoteError when dir is on a network or user-space file system.
func Local(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("sqlite: %s: %w", dir, err)
	}
	return judge(dir, uint32(st.Type))
}

func judge(dir string, magic uint32) error {
	if name, found := remote[magic]; found {
		return &RemoteError{Dir: dir, FS: name}
	}
	return nil
}
