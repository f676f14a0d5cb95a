//go:build linux

package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"levee/runtime/wasm"
)

// wazero decodes and validates a whole module before it looks for the native code of it, which takes longer than to read that. What made the
// native code has validated it, so those who load it are given a stub of the module, and the native code stands under the stub's name.
// A module that uses an extension, which reads its code, has none.

// stub is what a worker gets that loads native code.
func (m *Module) stub() ([]byte, error) {
	if m.ext != nil {
		return m.code, nil
	}
	return wasm.Stub(m.code)
}

// shelve gives the one file of native code in dir, that of code, the name under which it is looked for with the stub. That name is wazero's
// secret, so it is had from wazero, which compiles the stub in no time.
func (g *guest) shelve(ctx context.Context, dir string, code []byte) error {
	stub, err := wasm.Stub(code)
	if err != nil || bytes.Equal(stub, code) {
		return err
	}
	full, err := nativeFiles(dir, 1)
	if err != nil {
		return err
	}
	aside := full[0] + ".full"
	if err := os.Rename(full[0], aside); err != nil {
		return err
	}
	compiled, err := g.compile(ctx, stub)
	if err != nil {
		return fmt.Errorf("native code: %w", err)
	}
	defer compiled.Close(ctx)
	all, err := nativeFiles(dir, 2)
	if err != nil {
		return err
	}
	for _, name := range all {
		if name != aside {
			return os.Rename(aside, name)
		}
	}
	return nil
}

// nativeFiles lists the files that wazero wrote: n of them, in one folder.
func nativeFiles(dir string, n int) (names []string, err error) {
	folders, err := os.ReadDir(dir)
	if err != nil || len(folders) != 1 {
		return nil, errors.Join(err, fmt.Errorf("native code: %d folders where there should be one", len(folders)))
	}
	dir = filepath.Join(dir, folders[0].Name())
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != n {
		return nil, errors.Join(err, fmt.Errorf("native code: %d files where there should be %d", len(files), n))
	}
	for _, f := range files {
		names = append(names, filepath.Join(dir, f.Name()))
	}
	return names, nil
}
