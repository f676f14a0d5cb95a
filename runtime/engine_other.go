//go:build !linux

package runtime

import (
	"context"
	"crypto/sha256"
	"errors"

	"levee/runtime/wasm"
)

// Elsewhere than on Linux there is no sandbox yet, and so no engine: modules can be checked, not run.

// Info is what preflight found in a module.
type Info = wasm.Info

// Module is one .wasm file that passed preflight.
type Module struct {
	Hash [32]byte // SHA-256 of Wasm
	Wasm []byte
	Info *Info
	Name string // for messages
}

// Preflight checks the bytes of a module without running, compiling or believing them.
func Preflight(b []byte) (*Info, error) { return wasm.Preflight(b) }

// NewModule checks a module. It runs nothing.
func NewModule(name string, b []byte, _ *Extension) (*Module, error) {
	info, err := wasm.Preflight(b)
	if err != nil {
		return nil, err
	}
	return &Module{Hash: sha256.Sum256(b), Wasm: b, Info: info, Name: name}, nil
}

// ErrClosed is returned by Run when the engine is closed.
var ErrClosed = errors.New("the engine is closed")

// Extension is the version of the extension that the module uses: none.
func (*Module) Extension() string { return "" }

// ExtensionCall cannot be had on this system.
type ExtensionCall struct{}

// Engine cannot be made on this system.
type Engine struct{}

// WorkerMain returns false: there are no workers.
func WorkerMain(*Extension) bool { return false }

// New refuses.
func New(Config) (*Engine, error) {
	return nil, &SandboxError{Missing: []string{"levee holds modules with Landlock and seccomp, which only Linux has"}}
}

// Close does nothing.
func (*Engine) Close() error { return nil }

// Sandbox reports nothing.
func (*Engine) Sandbox() SandboxReport { return SandboxReport{} }

// Stats reports nothing.
func (*Engine) Stats() Stats { return Stats{} }

// Run refuses.
func (*Engine) Run(context.Context, *Call) (*Result, error) { return nil, ErrClosed }
