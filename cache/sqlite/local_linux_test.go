package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLocal(t *testing.T) {
	require.NoError(t, Local(t.TempDir()))
	require.Error(t, Local(filepath.Join(t.TempDir(), "absent")))
	for _, magic := range []uint32{unix.NFS_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC} {
		var remote *RemoteError
		require.ErrorAs(t, judge("d", magic), &remote)
	}
	for _, magic := range []uint32{unix.EXT4_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.OVERLAYFS_SUPER_MAGIC} {
		require.NoError(t, judge("d", magic))
	}
}

// TestFullDisk fills a real file system of 2 MB; only root may mount one.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("cannot mount a tmpfs here: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	db := open(t, filepath.Join(dir, "x.db"), Options{Sync: Full})
	defer db.Close()
	var err error
	rows := 0
	for ; err == nil && rows < 2000; rows++ {
		err = db.Write(t.Context(), insert(append(make([]byte, 8<<10), byte(rows>>8), byte(rows))))
	}
	require.True(t, IsFull(err), "%v", err)
	require.Equal(t, rows-1, count(t, db))
	require.NoError(t, db.QuickCheck(t.Context()))

	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=8m"))
	require.NoError(t, db.Write(t.Context(), insert([]byte("room again"))), "the same connection goes on")
}
