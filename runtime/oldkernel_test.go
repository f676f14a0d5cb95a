//go:build linux

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const oldKernelEnv = "LEVEE_TEST_OLD_KERNEL"

// oldKernelMain is this test's other process: it takes Landlock away from itself and its children, as a kernel without it
// would, and then tries to have an engine.
func oldKernelMain() {
	err := func() error {
		gone := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{{
				Names:  []string{"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"},
				Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS),
			}},
		}}
		if err := seccomp.LoadFilter(gone); err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "levee-old-kernel-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		_, err = New(Config{Dir: dir})
		var refused *SandboxError
		if !errors.As(err, &refused) {
			return fmt.Errorf("the full sandbox was promised without Landlock: %v", err)
		}
		fmt.Println("refused:", refused)
		return weakRun(dir)
	}()
	if err != nil {
		fmt.Println("wrong:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func weakRun(dir string) error {
	e, err := New(Config{Dir: dir, Isolation: IsolationWeak})
	if err != nil {
		return err
	}
	defer e.Close()
	b, err := os.ReadFile("testdata/guest.wasm")
	if err != nil {
		return err
	}
	m, err := NewModule("guest", b, nil)
	if err != nil {
		return err
	}
	res, err := e.Run(context.Background(), &Call{Module: m, Export: "echo", Inputs: []Input{{Bytes: []byte("held weakly")}}, Outputs: 1})
	if err != nil {
		return err
	}
	fmt.Printf("weak: %s, Landlock %d, seccomp %v\n", res.Outputs[0].Bytes, e.Sandbox().Landlock, e.Sandbox().Seccomp)
	return nil
}

// Without Landlock the engine refuses to run anything, and says what is missing; the weaker mode, named, goes on with the rest.
func TestOldKernel(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), oldKernelEnv+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "refused: ")
	require.Contains(t, strings.ToLower(string(out)), "landlock is not there")
	require.Contains(t, string(out), "weak: held weakly, Landlock 0, seccomp true")
}
