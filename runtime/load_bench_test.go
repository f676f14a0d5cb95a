//go:build linux

package runtime

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
)

// goGuest builds a real guest of some 2 MB with the Go compiler.
func goGuest(b testing.TB) *Module {
	b.Helper()
	dir := b.TempDir()
	src := "package main\nimport (\"fmt\"; \"os\")\nfunc main() { fmt.Println(\"hello\", len(os.Args)) }\n"
	require.NoError(b, os.WriteFile(filepath.Join(dir, "main.go"), []byte(src), 0o600))
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "main.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GO111MODULE=off")
	msg, err := cmd.CombinedOutput()
	require.NoError(b, err, string(msg))
	wasm, err := os.ReadFile(out)
	require.NoError(b, err)
	m, err := NewModule("go", wasm, nil)
	require.NoError(b, err)
	return m
}

// BenchmarkFirstStart is the first call of a 2 MB module whose native code is on disk, in a spare worker, beside what
// the bare engine needs to read the same native code and to make one instance.
func BenchmarkFirstStart(b *testing.B) {
	m := goGuest(b)
	dir := b.TempDir()
	call := &Call{Module: m, ABI: Stdio, Outputs: 1}
	compile := func() {
		e, err := New(Config{Dir: dir})
		require.NoError(b, err)
		defer e.Close()
		res, err := e.Run(context.Background(), call)
		require.NoError(b, err)
		require.Equal(b, "hello 1\n", string(res.Outputs[0].Bytes))
		require.Eventually(b, func() bool { return e.native.verify(m.Hash) == nil }, patience, time.Millisecond)
	}
	compile()
	var ours, bare time.Duration
	b.Logf("module %d bytes", len(m.Wasm))
	b.Run("levee", func(b *testing.B) {
		var load, total time.Duration
		for b.Loop() {
			b.StopTimer()
			e, err := New(Config{Dir: dir})
			require.NoError(b, err)
			require.Eventually(b, func() bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return e.pool.spare != nil
			}, patience, time.Millisecond)
			begin := time.Now()
			b.StartTimer()
			res := e.mustRun(b, call)
			b.StopTimer()
			total += time.Since(begin)
			load += time.Since(begin) - res.Duration
			_ = e.Close()
			b.StartTimer()
		}
		ours = load / time.Duration(b.N)
		b.ReportMetric(float64(load.Microseconds())/float64(b.N)/1e3, "load-ms")
	})
	b.Run("floor-load", func(b *testing.B) {
		ctx := context.Background()
		cacheDir := b.TempDir()
		once := func() {
			cache, err := wazero.NewCompilationCacheWithDir(cacheDir)
			require.NoError(b, err)
			rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCompilationCache(cache).WithDebugInfoEnabled(false))
			_, err = rt.CompileModule(ctx, m.code)
			require.NoError(b, err)
			_ = rt.Close(ctx)
		}
		once()
		for b.Loop() {
			once()
		}
		bare = b.Elapsed() / time.Duration(b.N)
	})
	line("first start of a 1.8 MB Go module (floor: wazero loads it)", ours, bare, "<= 10 ms")
}
