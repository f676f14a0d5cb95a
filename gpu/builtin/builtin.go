// Package builtin holds the kernels of the built-in ops: C sources in kernels/, and the PTX that build.sh makes of them, which is committed.
package builtin

import "embed"

//go:embed kernels/*.ptx
var files embed.FS

// PTX gives the PTX made of a kernel file, "elementwise" for elementwise.c. The names of its kernels are those of the C functions.
func PTX(file string) (string, bool) {
	text, err := files.ReadFile("kernels/" + file + ".ptx")
	return string(text), err == nil
}
