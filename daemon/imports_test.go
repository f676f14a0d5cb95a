package daemon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport says what of ours each package may import; a package that is not here may import nothing of ours. Leaves share only
// the vocabulary of values, and only daemon joins them.
var mayImport = map[string][]string{
	"graph":          {"graph/value"},
	"cache":          {"graph/value", "cache/sqlite"},
	"runtime":        {"graph/value", "runtime/wasm"},
	"gpu/fake":       {"gpu/ptx"},
	"gpu/kernel":     {"gpu/op"},
	"gpu":            {"graph/value", "gpu/op", "gpu/kernel", "gpu/cpu", "gpu/cuda", "gpu/device"},
	"gpu/cpu":        {"gpu/op", "gpu/kernel"},
	"gpu/suite":      {"gpu/op", "gpu/kernel", "gpu/cpu"},
	"gpu/inventory":  {"gpu/cuda"},
	"gpu/device":     {"gpu/op", "gpu/kernel", "gpu/builtin", "gpu/cuda"},
	"nodes":          {"graph/value"},
	"daemon/journal": {"graph/value", "cache/sqlite"},
	"daemon":         {"graph", "graph/value", "cache", "cache/sqlite", "runtime", "gpu", "gpu/inventory", "gpu/op", "nodes", "watch", "daemon/journal"},
	"daemon/levee":   {"gpu/inventory", "graph", "graph/value", "cache", "runtime", "nodes", "daemon", "daemon/journal", "docs"},
}

// onlyIn says which packages, with what lies below them, may import something of others.
var onlyIn = map[string][]string{
	"database/sql":                     {"cache", "daemon/journal"},
	"github.com/mattn/go-sqlite3":      {"cache", "daemon/journal"},
	"github.com/fsnotify/fsnotify":     {"watch"},
	"github.com/bmatcuk/doublestar/v4": {"watch"},
	"github.com/tetratelabs/wazero":    {"runtime", "gpu/suite"},
	"github.com/landlock-lsm":          {"runtime", "gpu"},
	"github.com/elastic/go-seccomp":    {"runtime", "gpu"},
	"go.yaml.in/yaml/v4":               {"graph"},
	"github.com/spf13/cobra":           {"daemon/levee"},
	"github.com/NVIDIA/go-nvml":        {"gpu/inventory"},
	"levee/gpu/fake":                   {"gpu/fake"},            // tests apart
	"levee/gpu/ptx":                    {"gpu/ptx", "gpu/fake"}, // tests apart
	"levee/gpu/suite":                  {"gpu/suite"},           // tests apart
	"os/signal":                        {"daemon/levee"},
	"unsafe":                           {"runtime", "gpu"},
}

// onlyInMain are what belongs to the program alone: how it was called. A worker must know that it is one before anything else.
var onlyInMain = []string{"os.Getenv", "os.LookupEnv", "os.Environ", "os.Args", "os.Exit", "signal.Notify"}

var alsoIn = map[string][]string{
	"os.Getenv": {"runtime", "gpu", "gpu/inventory"}, "os.Exit": {"runtime", "gpu", "gpu/inventory"},
}

// source is a Go file of the host: not of the guests' world.
type source struct {
	pkg, name string
	test      bool
	ast       *ast.File
}

func sources(t *testing.T) (list []source) {
	t.Helper()
	set := token.NewFileSet()
	require.NoError(t, filepath.WalkDir("..", func(p string, e fs.DirEntry, err error) error {
		rel := filepath.ToSlash(strings.TrimPrefix(p, "../"))
		switch {
		case err != nil:
			return err
		case e.IsDir() && p != ".." && (strings.HasPrefix(e.Name(), ".") || rel == "nodes/sdk" || rel == "nodes/core" || rel == "testdata"):
			return filepath.SkipDir
		case e.IsDir() || path.Ext(rel) != ".go":
			return nil
		}
		f, err := parser.ParseFile(set, p, nil, parser.SkipObjectResolution)
		list = append(list, source{pkg: path.Dir(rel), name: rel, test: strings.HasSuffix(rel, "_test.go"), ast: f})
		return err
	}))
	require.NotEmpty(t, list)
	return list
}

func below(pkg string, parents []string) bool {
	return slices.ContainsFunc(parents, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
}

func TestImportDirections(t *testing.T) {
	for _, src := range sources(t) {
		for _, imp := range src.ast.Imports {
			what, err := strconv.Unquote(imp.Path.Value)
			require.NoError(t, err)
			if ours, ok := strings.CutPrefix(what, "levee/"); ok && !src.test && !slices.Contains(mayImport[src.pkg], ours) {
				t.Errorf("%s imports %s: not a direction that is allowed", src.name, what)
			}
			if src.test && strings.HasPrefix(what, "levee/daemon") && !below(src.pkg, []string{"daemon"}) {
				t.Errorf("%s imports %s", src.name, what)
			}
			for other, where := range onlyIn {
				if (what == other || strings.HasPrefix(what, other+"/") || strings.HasPrefix(what, other+"-")) && !src.test && !below(src.pkg, where) {
					t.Errorf("%s imports %s, which belongs to %v alone", src.name, what, where)
				}
			}
			alias := ""
			if imp.Name != nil {
				alias = imp.Name.Name
			}
			if what == "runtime" && alias != "goruntime" {
				t.Errorf("%s imports the standard runtime package under another name than goruntime", src.name)
			}
			if what == "levee/runtime" && alias != "" {
				t.Errorf("%s imports our runtime package as %s", src.name, alias)
			}
		}
	}
}

func TestOnlyMainLooksAtHowItWasCalled(t *testing.T) {
	for _, src := range sources(t) {
		if src.test || src.pkg == "daemon/levee" {
			continue
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok {
				if what := pkg.Name + "." + sel.Sel.Name; slices.Contains(onlyInMain, what) && !slices.Contains(alsoIn[what], src.pkg) {
					t.Errorf("%s uses %s", src.name, what)
				}
			}
			return true
		})
	}
}

func TestTopLevel(t *testing.T) {
	allowed := []string{
		"Makefile", "README.md", "cache", "daemon", "docs", "go.mod", "go.sum", "gpu", "graph", "nodes", "runtime", "testdata", "watch",
		"levee", "demo", // what the Makefile makes
	}
	list, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), ".") {
			require.Contains(t, allowed, e.Name(), "the top level is fixed")
		}
	}
}

func TestNoTestSleeps(t *testing.T) {
	for _, src := range sources(t) {
		if !src.test || strings.HasSuffix(src.name, "bench_test.go") { // what is measured may have to wait for quiet
			continue
		}
		bubble := importsName(src.ast, "testing/synctest")
		ast.Inspect(src.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && !bubble {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" && sel.Sel.Name == "Sleep" {
					t.Errorf("%s sleeps", src.name)
				}
			}
			return true
		})
	}
}

func importsName(f *ast.File, what string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(what) })
}
