package fake

import (
	"embed"
	"os"
	"path/filepath"
	"strconv"
)

//go:embed c/blas.c c/fft.c
var librarySources embed.FS

// BuildBLAS puts a libcublasLt.so.13 into a folder that is there, and gives its path. It multiplies what is in the memory of the driver at
// the path cuda, once that is loaded; with no path it can only say what it is.
func BuildBLAS(dir, cuda string) (string, error) {
	return buildLibrary(dir, "blas.c", "libcublasLt.so.13", cuda)
}

// BuildFFT does the same with a libcufft.so.12, which transforms. The macros are those of c/fft.c.
func BuildFFT(dir, cuda string, macros ...string) (string, error) {
	return buildLibrary(dir, "fft.c", "libcufft.so.12", cuda, macros...)
}

func buildLibrary(dir, name, library, cuda string, macros ...string) (string, error) {
	text, err := librarySources.ReadFile("c/" + name)
	if err != nil {
		return "", err
	}
	source, path := filepath.Join(dir, name), filepath.Join(dir, library)
	if err := os.WriteFile(source, text, 0o600); err != nil {
		return "", err
	}
	args := []string{source, "-O2", "-Wall", "-Wextra", "-Werror"}
	if cuda != "" {
		args = append(args, "-DCUDA="+strconv.Quote(cuda))
	}
	for _, m := range macros {
		args = append(args, "-D"+m)
	}
	return path, compile(path, append(args, "-lm")...)
}
