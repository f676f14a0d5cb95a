package fake

import (
	_ "embed" // the C source
	"os"
	"path/filepath"
	"strconv"
)

//go:embed c/blas.c
var blasSource []byte

// BuildBLAS puts a libcublasLt.so.13 into a folder that is there, and gives its path. It multiplies what is in the memory of the driver at
// the path cuda, once that is loaded; with no path it can only say what it is.
func BuildBLAS(dir, cuda string) (string, error) {
	source, library := filepath.Join(dir, "blas.c"), filepath.Join(dir, "libcublasLt.so.13")
	if err := os.WriteFile(source, blasSource, 0o600); err != nil {
		return "", err
	}
	args := []string{source, "-O2", "-Wall", "-Wextra", "-Werror"}
	if cuda != "" {
		args = append(args, "-DCUDA="+strconv.Quote(cuda))
	}
	return library, compile(library, args...)
}
