package nodes

import (
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	update = flag.Bool("update", false, "write the built examples, the scaffold's module and docs/nodes.md anew")
	slow   = flag.Bool("sdk", false, "build the Rust example too: it compiles Rust's standard library")
)

// example is a module that one of the SDKs makes: its source, its manifest, and how it is built to out.
type example struct {
	name, manifest string
	built          string // the committed module; "" when it is too large to keep
	build          func(t *testing.T, out string)
}

var examples = []example{
	{name: "c", manifest: "sdk/c/example/wc.json", built: "sdk/c/example/wc.wasm", build: buildC("sdk/c/example/wc.c")},
	{name: "c on a GPU", manifest: "sdk/c/example/contrast.json", built: "sdk/c/example/contrast.wasm", build: buildC("sdk/c/example/contrast.c")},
	{name: "scaffold", manifest: "scaffold/upper.json", built: "scaffold/upper.wasm", build: buildC("scaffold/upper.c")},
	{name: "rust", manifest: "sdk/rust/example/slug.json", built: "sdk/rust/example/slug.wasm", build: buildRust},
	{name: "go", manifest: "sdk/go/example/words.json", build: buildGo("sdk/go/example")},
	{name: "go on a GPU", manifest: "sdk/go/example/gpu/curve.json", build: buildGo("sdk/go/example/gpu")},
}

// Every example builds with the compilers that are there, packs, and offers what its manifest says.
func TestExamplesBuild(t *testing.T) {
	for _, ex := range examples {
		t.Run(ex.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "m.wasm")
			ex.build(t, out)
			raw, err := os.ReadFile(out)
			require.NoError(t, err)
			manifest, err := os.ReadFile(ex.manifest)
			require.NoError(t, err)
			wasm, err := Pack(raw, manifest)
			require.NoError(t, err)
			validate(t, wasm)
			if *update && ex.built != "" {
				require.NoError(t, os.WriteFile(ex.built, wasm, 0o600))
				require.NoError(t, os.Chmod(ex.built, 0o644)) //nolint:gosec // a file of the repository
			}
		})
	}
}

// The committed modules hold the manifests that lie beside them.
func TestExamplesAreFresh(t *testing.T) {
	for _, ex := range examples {
		if ex.built == "" {
			continue
		}
		wasm, err := os.ReadFile(ex.built)
		require.NoError(t, err)
		manifest, err := os.ReadFile(ex.manifest)
		require.NoError(t, err)
		again, err := Pack(wasm, manifest)
		require.NoError(t, err)
		require.Equal(t, wasm, again, "go test ./nodes -run TestExamplesBuild -update -sdk")
		_, err = ReadModule(ex.built, wasm, nil)
		require.NoError(t, err)
	}
}

func command(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// tool finds the first of these programs, or skips the test.
func tool(t *testing.T, names ...string) string {
	t.Helper()
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
	}
	t.Skipf("none of %s is installed", strings.Join(names, ", "))
	return ""
}

func buildC(source string) func(*testing.T, string) {
	return func(t *testing.T, out string) {
		clang := tool(t, "clang-19", "clang")
		tool(t, "wasm-ld-19", "wasm-ld")
		command(t, ".", nil, clang, "--target=wasm32", "-O2", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-Isdk/c", "-Wl,--no-entry", "-Wl,-s", "-o", out, source)
	}
}

// With a libc there is one heap: two would lie over each other.
func TestMemoryIsTheLibcs(t *testing.T) {
	clang, dir := tool(t, "clang-19", "clang"), t.TempDir()
	tool(t, "wasm-ld-19", "wasm-ld")
	for name, text := range map[string]string{
		"stdlib.h": "#include <stddef.h>\nvoid *malloc(size_t);\n",
		"echo.c":   "#include \"levee.h\"\nLEVEE_NODE(echo) { levee_buf b = levee_input(0); levee_write(0, b.ptr, b.len); }\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for target, want := range map[string]bool{"wasm32": false, "wasm32-wasi": true} {
		out := filepath.Join(dir, target)
		command(t, ".", nil, clang, "--target="+target, "-O2", "-nostdlib", "-isystem", dir, "-Isdk/c", "-Wl,--no-entry", "-Wl,-s", "-Wl,--allow-undefined",
			"-o", out, filepath.Join(dir, "echo.c"))
		wasm, err := os.ReadFile(out)
		require.NoError(t, err)
		require.Equal(t, want, strings.Contains(string(wasm), "malloc"), target)
	}
}

func buildGo(folder string) func(*testing.T, string) {
	return func(t *testing.T, out string) {
		if testing.Short() {
			t.Skip("takes a while")
		}
		command(t, folder, []string{"GOOS=wasip1", "GOARCH=wasm"}, tool(t, "go"), "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	}
}

// buildRust builds as nodes/build.sh does: by the distribution's compiler, with the standard library made for wasm without WASI.
func buildRust(t *testing.T, out string) {
	if !*slow {
		t.Skip("takes a minute: go test ./nodes -sdk")
	}
	rustc, cargo, ld := tool(t, "/usr/bin/rustc", "rustc"), tool(t, "/usr/bin/cargo", "cargo"), tool(t, "wasm-ld-19", "wasm-ld")
	sysroot, err := exec.CommandContext(t.Context(), rustc, "--print", "sysroot").Output()
	require.NoError(t, err)
	here, err := filepath.Abs("sdk/rust")
	require.NoError(t, err)
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	library := strings.TrimSpace(string(sysroot)) + "/lib/rustlib/src/rust"
	real, err := filepath.EvalSymlinks(library)
	if err != nil {
		t.Skip("the sources of Rust's standard library are not installed")
	}
	flags := "-C linker=" + ld + " -C link-arg=-zstack-size=65536"
	for from, to := range map[string]string{here: "/sdk", library: "/rust", real: "/rust", filepath.Join(home, ".cargo"): "/cargo"} {
		flags += " --remap-path-prefix=" + from + "=" + to
	}
	target := t.TempDir()
	command(t, "sdk/rust/example", []string{"RUSTC=" + rustc, "RUSTC_BOOTSTRAP=1", "RUSTFLAGS=" + flags}, cargo, "build", "--quiet", "--release", "--locked",
		"-Zbuild-std=std,panic_abort", "--target", "wasm32-unknown-unknown", "--target-dir", target)
	wasm, err := os.ReadFile(filepath.Join(target, "wasm32-unknown-unknown", "release", "slug.wasm"))
	require.NoError(t, err)
	require.NotContains(t, string(wasm), here, "no path of this machine")
	require.NoError(t, os.WriteFile(out, wasm, 0o600))
}

func TestScaffold(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, Scaffold()))
	for _, name := range []string{"hello.flow.yaml", "upper.wasm", "upper.c", "upper.json", "levee.h", "README.md"} {
		_, err := fs.Stat(os.DirFS(dir), name)
		require.NoError(t, err, name)
	}
	reg, err := New()
	require.NoError(t, err)
	nt, err := reg.Resolve("./upper.wasm", readIn(dir))
	require.NoError(t, err)
	require.Equal(t, "upper/upper", nt.FullName)
	if _, err := exec.LookPath("clang-19"); err == nil {
		command(t, dir, nil, "clang-19", "--target=wasm32", "-O2", "-nostdlib", "-Wl,--no-entry", "-Wl,-s", "-o", "again.wasm", "upper.c")
	}
}
