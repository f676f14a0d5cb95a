package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ProbeMain turns this process into one that asks NVML, if a Prober started it as one; it then never returns. In every other process
// it returns false at once. Programs (and TestMain of packages) that use a Prober call it first of all.
func ProbeMain() bool {
	if os.Getenv(probeEnv) == "" {
		return false
	}
	os.Exit(probeMain())
	return true
}

func probeMain() int {
	var st unix.Stat_t
	if err := unix.Fstat(resultFD, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		fmt.Fprintf(os.Stderr, "%s is set, but descriptor %d is no pipe: only levee starts probes\n", probeEnv, resultFD)
		return 2
	}
	text, err := json.Marshal(read())
	if err == nil {
		_, err = unix.Write(resultFD, append(text, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0 // without nvmlShutdown, which can hang like everything else
}

const maxMemory = 64 << 10

// memfile is a file in memory that does not grow: who writes to it may never stop.
func memfile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	if err = f.Truncate(maxMemory); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
