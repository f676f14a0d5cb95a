// Package fake builds stand-ins for the NVIDIA driver's libraries, for tests on machines without a GPU.
package fake

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed c
var sources embed.FS

// BuildBLAS puts a libcublasLt.so.13 into a folder that is there, and gives its path. It multiplies what is in the memory of the driver at
// the path cuda, once that is loaded; with no path it can only say what it is.
func BuildBLAS(dir, cuda string) (string, error) {
	return build(dir, "libcublasLt.so.13", "blas.c", on(cuda, nil), "-O2", "-Wall", "-Wextra", "-Werror", "-lm")
}

// BuildFFT does the same with a libcufft.so.12, which transforms. The macros are those of c/fft.c.
func BuildFFT(dir, cuda string, macros ...string) (string, error) {
	return build(dir, "libcufft.so.12", "fft.c", on(cuda, macros), "-O2", "-Wall", "-Wextra", "-Werror", "-lm")
}

func on(cuda string, macros []string) []string {
	if cuda == "" {
		return macros
	}
	return slices.Concat(macros, []string{"CUDA=" + strconv.Quote(cuda)})
}

// build makes a library of a source of c, and of what is named after it.
func build(dir, library, source string, macros []string, args ...string) (path string, err error) {
	files, err := fs.Glob(sources, "c/"+strings.TrimSuffix(source, ".c")+"*")
	if err != nil {
		return "", err
	}
	for _, name := range files {
		text, err := sources.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600); err != nil {
			return "", err
		}
	}
	for _, m := range macros {
		args = append(args, "-D"+m)
	}
	path = filepath.Join(dir, library)
	return path, compile(path, filepath.Join(dir, source), args...)
}

func compile(library, source string, args ...string) error {
	// It has no soname: the loader would give it to who asks for the machine's own library after it.
	args = append([]string{"-O1", "-shared", "-fPIC", "-o", library, "-x", "c", source}, args...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return nil
}
