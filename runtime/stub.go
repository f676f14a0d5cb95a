//go:build linux

package runtime

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"

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
func shelve(dir string, code []byte, cfg func() (wazero.RuntimeConfig, error)) error {
	stub, err := wasm.Stub(code)
	if err != nil || bytes.Equal(stub, code) {
		return err
	}
	files := filepath.Join(dir, "*", "*")
	full, err := filepath.Glob(files)
	if err != nil || len(full) != 1 {
		return fmt.Errorf("native code: %d files where there should be one", len(full))
	}
	aside := full[0] + ".full"
	if err := os.Rename(full[0], aside); err != nil {
		return err
	}
	c, err := cfg()
	if err != nil {
		return err
	}
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, c)
	defer rt.Close(ctx)
	if _, err := rt.CompileModule(ctx, stub); err != nil {
		return fmt.Errorf("native code: %w", err)
	}
	all, err := filepath.Glob(files)
	if err != nil || len(all) != 2 {
		return fmt.Errorf("native code: %d files where there should be two", len(all))
	}
	for _, name := range all {
		if name != aside {
			return os.Rename(aside, name)
		}
	}
	return nil
}
