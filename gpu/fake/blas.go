package fake

import (
	_ "embed" // the C source
	"os"
	"path/filepath"
)

//go:embed c/blas.c
var blasSource []byte

// BuildBLAS puts a libcublasLt.so.13, which multiplies nothing, into a folder that is there.
func BuildBLAS(dir string) error {
	source := filepath.Join(dir, "blas.c")
	if err := os.WriteFile(source, blasSource, 0o600); err != nil {
		return err
	}
	return compile(filepath.Join(dir, "libcublasLt.so.13"), source)
}
