// Package fake builds stand-ins for the NVIDIA driver's libraries, for tests on machines without a GPU.
package fake

import (
	_ "embed" // the C sources
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

//go:embed c/nvml.c
var nvmlSource []byte

// NVML builds a libnvidia-ml.so.1 and returns its folder, which is to stand in LD_LIBRARY_PATH. The macros of c/nvml.c say what it
// pretends.
func NVML(t testing.TB, macros ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := BuildNVML(dir, macros...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// BuildNVML is NVML for a folder that is there. Beside it lies a libcuda.so.1 in which there is nothing: who needs one that does
// something puts its folder first.
func BuildNVML(dir string, macros ...string) error {
	source := filepath.Join(dir, "nvml.c")
	if err := os.WriteFile(source, nvmlSource, 0o600); err != nil {
		return err
	}
	if !slices.Contains(macros, "NOCUDA") {
		if err := compile(filepath.Join(dir, "libcuda.so.1"), "/dev/null"); err != nil {
			return err
		}
	}
	args := []string{source}
	for _, m := range macros {
		args = append(args, "-D"+m)
	}
	return compile(filepath.Join(dir, "libnvidia-ml.so.1"), args...)
}

func compile(library string, args ...string) error {
	// It has no soname: the loader would give it to who asks for the machine's own library after it.
	args = append([]string{"-O1", "-shared", "-fPIC", "-o", library, "-x", "c"}, args...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return nil
}
