package fake

import (
	"path/filepath"
	"slices"
	"testing"
)

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
	if !slices.Contains(macros, "NOCUDA") {
		if err := compile(filepath.Join(dir, "libcuda.so.1"), "/dev/null"); err != nil {
			return err
		}
	}
	_, err := build(dir, "libnvidia-ml.so.1", "nvml.c", macros)
	return err
}
