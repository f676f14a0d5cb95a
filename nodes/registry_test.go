package nodes

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func write(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
	require.NoError(t, os.WriteFile(file, data, 0o600))
}

func readIn(dir string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) { return fs.ReadFile(os.DirFS(dir), path) }
}

func resolveError(t *testing.T, err error) *ResolveError {
	t.Helper()
	var re *ResolveError
	require.ErrorAs(t, err, &re)
	return re
}

func TestResolveFile(t *testing.T) {
	dir := t.TempDir()
	wasm := wordsModule(t)
	write(t, dir, "words.wasm", wasm)
	write(t, dir, "sub/one.wasm", versioned(t, "1.0.0", "only"))
	write(t, dir, "My Tool.wasm", testModule(nil, []string{"_start"}))
	write(t, dir, "lib.wasm", testModule(nil, []string{"add"}))
	write(t, dir, "bad.wasm", []byte("text"))
	write(t, dir, "narrow.wasm", wasm)
	write(t, dir, "narrow.wasm.json", []byte(`{"levee":1,"nodes":[{"name":"upper"}]}`))
	write(t, dir, "wide.wasm", wasm)
	write(t, dir, "wide.wasm.json", []byte(`{"levee":1,"nodes":[{"name":"upper","wants":["read"]}]}`))
	reg, err := New()
	require.NoError(t, err)
	resolve := func(uses string) (*NodeType, error) { return reg.Resolve(uses, readIn(dir)) }

	nt, err := resolve("./words.wasm#load")
	require.NoError(t, err)
	require.Equal(t, "words/load", nt.FullName)
	require.Equal(t, "read_it", nt.Export)
	require.Equal(t, sha256.Sum256(wasm), nt.Module.Hash)
	require.Equal(t, wasm, nt.Module.Wasm)
	require.Equal(t, "words.wasm", nt.Module.File)

	nt, err = resolve("./sub/../sub/one.wasm")
	require.NoError(t, err)
	require.Equal(t, "words/only", nt.FullName)

	nt, err = resolve("./My Tool.wasm")
	require.NoError(t, err)
	require.Equal(t, "my-tool/run", nt.FullName)
	require.Equal(t, Stdio, nt.ABI)
	require.Equal(t, value.ListOf(value.String), nt.Inputs[1].Type)

	nt, err = resolve("./narrow.wasm")
	require.NoError(t, err)
	require.Equal(t, "words/upper", nt.FullName)

	for uses, want := range map[string]string{
		"./words.wasm":      "words.wasm has 2 node types (say which behind #: upper, load)",
		"./words.wasm#uper": "words.wasm has no node type uper (did you mean upper?)",
		"./words.wasm#":     "the node type behind #",
		"./none.wasm":       "there is no file none.wasm beside the workflow",
		"./lib.wasm":        "add it with `levee pack`",
		"./bad.wasm":        "bad.wasm: not a WebAssembly module",
		"./wide.wasm#upper": "can only take away",
		"./words.flow.yaml": "ends in .wasm",
		"./../words.wasm":   "in the workflow's folder or below",
		"../words.wasm":     "in the workflow's folder or below",
		"/words.wasm":       "in the workflow's folder or below",
		"words.wasm":        "a file beside the workflow is written ./words.wasm",
		"words.wasm#upper":  "a file beside the workflow is written ./words.wasm#upper",
	} {
		_, err := resolve(uses)
		require.ErrorContains(t, err, want, uses)
		require.Equal(t, uses, resolveError(t, err).Uses)
	}
}

func TestResolveName(t *testing.T) {
	dir, second := t.TempDir(), t.TempDir()
	for _, v := range []string{"1.2.0", "1.10.0", "2.0.0-rc.1"} {
		write(t, dir, "words-"+v+".wasm", versioned(t, v, "upper"))
	}
	write(t, second, "w.wasm", versioned(t, "1.11.0", "lower"))
	write(t, second, "same.wasm", wordsModule(t))
	write(t, second, "broken.wasm", []byte("\x00asm\x01\x00\x00\x00\x00"))
	reg, err := New(dir, second)
	require.NoError(t, err)
	for uses, want := range map[string]string{
		"words/upper":            "1.10.0",
		"words/upper@1":          "1.10.0",
		"words/upper@1.2":        "1.2.0",
		"words/upper@1.2.0":      "1.2.0",
		"words/upper@2.0.0-rc.1": "2.0.0-rc.1",
		"words/lower":            "1.11.0",
		"words/load":             "1.2.0",
	} {
		nt, err := reg.Resolve(uses, nil)
		require.NoError(t, err, uses)
		require.Equal(t, want, nt.Module.Version, uses)
	}
	nt, err := reg.Resolve("words/upper@1.2.0", nil)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "words-1.2.0.wasm"), nt.Module.File, "the earlier folder counts")

	sum := sha256.Sum256(wordsModule(t))
	hash := "sha256:" + hex.EncodeToString(sum[:])
	for _, uses := range []string{"@" + hash + "#load", "words/load@" + hash} {
		nt, err = reg.Resolve(uses, nil)
		require.NoError(t, err, uses)
		require.Equal(t, sum, nt.Module.Hash)
	}
	nt, err = reg.Resolve(nt.reference(), nil)
	require.NoError(t, err)
	require.Equal(t, "words/load", nt.FullName)

	for uses, want := range map[string]string{
		"words/upper@3":         "no version 3 of words is registered (there is 2.0.0-rc.1, 1.11.0, 1.10.0, 1.2.0)",
		"words/uper":            "no node type words/uper is known (did you mean words/upper?)",
		"wrods/upper":           "did you mean words/upper?",
		"upper":                 "/upper?)",
		"words":                 "no node type words is known (did you mean text/words?)",
		"word":                  "no node type word is known (`levee nodes words` lists those of the pack words)",
		"words/length_of_all":   "`levee nodes words` lists those of the pack words",
		"wrods/length_of_all":   "`levee nodes words` lists those of the pack words",
		"other/upper":           "no node type other/upper is known (did you mean text/upper?)",
		"words/upper@latest":    "must be 1, 1.2 or 1.2.3",
		"words/upper@1.":        "must be 1, 1.2 or 1.2.3",
		"words/upper@sha256:12": "64 lower-case hex digits",
		"other/upper@" + hash:   "is named words",
		"@" + hash:              "2 node types (say which behind #: upper, load)",
		"@sha256:" + hex.EncodeToString(make([]byte, 32)): "no module with the hash",
		"a/b/c":       "not of the form",
		"":            "not of the form",
		"words/\x1b[": "control characters",
		"qqqqqqqqqqq": "a registered module cannot be read: " + filepath.Join(second, "broken.wasm"),
	} {
		_, err := reg.Resolve(uses, nil)
		require.ErrorContains(t, err, want, uses)
		resolveError(t, err)
		require.True(t, printable(err.Error(), false), uses)
	}
}

func TestResolveSeesChangedFolder(t *testing.T) {
	dir := t.TempDir()
	reg, err := New(dir)
	require.NoError(t, err)
	_, err = reg.Resolve("words/upper", nil)
	require.Error(t, err)
	write(t, dir, "a.wasm", versioned(t, "1.0.0", "upper"))
	nt, err := reg.Resolve("words/upper", nil)
	require.NoError(t, err)
	require.Equal(t, "1.0.0", nt.Module.Version)
	write(t, dir, "b.wasm", versioned(t, "1.0.0", "upper"))
	_, err = reg.Resolve("words/upper", nil)
	require.NoError(t, err, "the same bytes twice are one module")
	write(t, dir, "b.wasm", join(versioned(t, "1.0.0", "upper"), custom("note", "other")))
	_, err = reg.Resolve("words/upper", nil)
	require.ErrorContains(t, err, "are both words 1.0.0")
	require.Contains(t, resolveError(t, err).Hint, "words/upper@sha256:")
	require.NoError(t, os.Remove(filepath.Join(dir, "a.wasm")))
	require.NoError(t, os.Remove(filepath.Join(dir, "b.wasm")))
	_, err = reg.Resolve("words/upper", nil)
	require.Error(t, err)
}

func TestResolverRemembers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x.wasm", versioned(t, "1.0.0", "upper"))
	reg, err := New()
	require.NoError(t, err)
	reads := 0
	resolve := reg.Resolver(func(path string) ([]byte, error) { reads++; return readIn(dir)(path) })
	first, err := resolve("./x.wasm")
	require.NoError(t, err)
	write(t, dir, "x.wasm", versioned(t, "2.0.0", "upper"))
	again, err := resolve("./x.wasm")
	require.NoError(t, err)
	require.Same(t, first, again)
	require.Equal(t, 2, reads, "the module and its sidecar, once each")
}

func TestNewRefusesMissingFolder(t *testing.T) {
	_, err := New(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = New(file)
	require.ErrorContains(t, err, "not a directory")
}

// The core pack is found by its files' names, so each must be its manifest's.
func TestCoreFilesAreNamedAfterTheirManifests(t *testing.T) {
	reg, err := New()
	require.NoError(t, err)
	types, broken := reg.List()
	require.Empty(t, broken)
	require.NotEmpty(t, types)
	for _, nt := range types {
		require.Equal(t, "core: "+nt.Module.Name+".wasm", nt.Module.File)
	}
}

func TestRegistryHammer(t *testing.T) {
	dir := t.TempDir()
	reg, err := New(dir)
	require.NoError(t, err)
	first, second := versioned(t, "1.0.0", "upper"), versioned(t, "1.0.1", "upper")
	write(t, dir, "a.wasm", first)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				if w == 0 { // a new file that takes the old one's name: readers see one or the other
					next := first
					if i%2 == 0 {
						next = second
					}
					tmp := filepath.Join(dir, "tmp")
					if os.WriteFile(tmp, next, 0o600) != nil || os.Rename(tmp, filepath.Join(dir, "a.wasm")) != nil {
						t.Error("cannot write")
					}
					continue
				}
				if nt, err := reg.Resolve("words/upper@1", nil); err != nil || nt.Name != "upper" {
					t.Errorf("resolve: %v", err)
				}
				if types, broken := reg.List(); len(broken) > 0 || len(types) == 0 {
					t.Errorf("list: %v", broken)
				}
			}
		})
	}
	wg.Wait()
}

func TestVersionOrder(t *testing.T) {
	order := []string{"0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta", "1.0.0", "1.0.0+b", "1.0.1", "1.2.0", "1.10.0", "2.0.0"}
	for i, a := range order {
		for j, b := range order {
			x, ok := parseVersion(a)
			require.True(t, ok, a)
			y, _ := parseVersion(b)
			switch c := x.compare(y); {
			case i < j:
				require.Negative(t, c, "%s %s", a, b)
			case i == j:
				require.Zero(t, c)
			default:
				require.Positive(t, c, "%s %s", a, b)
			}
		}
	}
	for _, bad := range []string{"", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "1.2.3-", "1.2.3-a..b", "1.2.3+", "v1.2.3", "1.2.3-ä"} {
		_, ok := parseVersion(bad)
		require.False(t, ok, bad)
	}
}

func FuzzUses(f *testing.F) {
	for _, s := range []string{"text/upper", "text/upper@1.2", "./x.wasm#run", "@sha256:" + hex.EncodeToString(make([]byte, 32)) + "#a", "./a/../../b.wasm", "text"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uses string) {
		ref, err := parseUses(uses)
		if err != nil {
			return
		}
		if ref.path != "" && !fs.ValidPath(ref.path) {
			t.Fatalf("%q leads out of the folder: %q", uses, ref.path)
		}
		if ref.path == "" && ref.pack == "" && ref.hash == nil {
			t.Fatalf("%q means nothing", uses)
		}
	})
}
