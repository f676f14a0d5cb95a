// Package builtin holds the kernels of the built-in ops: C sources in kernels/, and the PTX that build.sh makes of them, which is
// committed, compressed: it is 7 MB of text, of which a machine needs a few kernels.
package builtin

import (
	"compress/gzip"
	"embed"
	"io"
	"regexp"
	"strings"
)

//go:embed kernels/*.ptx.gz
var files embed.FS

// Files are the names of all kernel files.
func Files() []string {
	list, _ := files.ReadDir("kernels")
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = strings.TrimSuffix(f.Name(), ".ptx.gz")
	}
	return names
}

// PTX gives the PTX made of a kernel file, "elementwise" for elementwise.c. The names of its kernels are those of the C functions.
func PTX(file string) (string, bool) {
	f, err := files.Open("kernels/" + file + ".ptx.gz")
	if err != nil {
		return "", false
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", false
	}
	text, err := io.ReadAll(z)
	return string(text), err == nil
}

// Kernel gives the PTX of a file with no other kernel than that one: a driver compiles all that it is given, which takes some tenths of a
// second for most files, and some milliseconds for most kernels.
func Kernel(file, kernel string) (string, bool) {
	text, ok := PTX(file)
	if !ok {
		return "", false
	}
	const entry, end = "\n.visible .entry ", "\n}\n"
	head := strings.Index(text, entry)
	from := strings.Index(text, entry+kernel+"(")
	if from < 0 {
		return "", false
	}
	to := strings.Index(text[from:], end)
	return text[:head] + text[from:from+to] + end, true
}

// Fused is Kernel with code put between each result and its store, where kernels say MAP: code gets the register that holds the result.
func Fused(file, kernel string, code func(register string) string) (string, bool) {
	text, ok := Kernel(file, kernel)
	found := false
	text = marks.ReplaceAllStringFunc(text, func(line string) string {
		found = true
		return code(strings.TrimSpace(line[len("\t// map "):]))
	})
	return text, ok && found
}

var marks = regexp.MustCompile(`(?m)^\t// map %f\d+\n`)
