package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"levee/gpu/fake"
	"levee/gpu/inventory"
	"levee/testdata/guests"
)

// TestScripts runs the scripts of testdata/script on the real program. Beside the usual commands they have
//
//	code N levee ARGS...   the program must exit with N
//	module NAME KIND       writes one of the small modules of testdata/guests
//	damage DIR             flips a bit in each value file of a cache
//	text FILE TEXT         writes a file without a line end
//	nvml [MACRO...]        puts a libnvidia-ml.so.1 that pretends into the way, see gpu/fake
//	runid VAR              takes the last run's id that the last command named on stderr, else on stdout
//	messages FILE [VAR]    holds what --json printed against the schema of messages and prints the messages alone; VAR is the run's id
//
// PHOTO is a picture. A driver of the machine's own is hidden; where there is one, driver is true.
func TestScripts(t *testing.T) {
	warm, hiding := compiled(t), hidingGPUs(t)
	testscript.Run(t, testscript.Params{
		Dir:           "../../testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup:         func(env *testscript.Env) error { return scriptSetup(env, warm, hiding) },
		Cmds:          scriptCommands(),
		Condition: func(cond string) (bool, error) {
			if cond != "driver" {
				return false, fmt.Errorf("no condition %q", cond)
			}
			return hiding != "", nil
		},
	})
}

func scriptSetup(env *testscript.Env, warm, hiding string) error {
	env.Setenv("LD_LIBRARY_PATH", hiding)
	env.Setenv("LEVEE_STATE", env.WorkDir+"/.state")
	env.Setenv("LEVEE_CACHE", env.WorkDir+"/.cache")
	env.Setenv("NO_COLOR", "1")
	photo, err := filepath.Abs("../../testdata/samples/photos/dune.jpg")
	if err != nil {
		return err
	}
	env.Setenv("PHOTO", photo)
	return exec.Command("cp", "-a", warm, env.WorkDir+"/.cache").Run()
}

func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"code": exits, "module": writeModule, "damage": damage, "text": writeText, "runid": runID, "messages": checkMessages,
		"nvml": fakeNVML,
	}
}

// hidingGPUs is a folder with a driver that is not loaded, where the machine has one of its own.
func hidingGPUs(t *testing.T) string {
	t.Helper()
	if strings.HasPrefix(inventory.New("/").Report(t.Context()).Reason, "no NVIDIA driver was found") {
		return ""
	}
	return fake.NVML(t, "INIT=9")
}

// compiled is a cache folder with nothing in it but the compiled code of core modules.
func compiled(t *testing.T) string {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "cache")
	for _, call := range [][]string{{"text/upper", "--in", "text=x"}, {"file/list", "--in", "glob=*"}} {
		out, err := program(append([]string{"call", "--state", t.TempDir(), "--cache", cache}, call...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	for _, part := range []string{"cache.db", "cache.db-wal", "cache.db-shm", "values"} {
		require.NoError(t, os.RemoveAll(filepath.Join(cache, part)))
	}
	return cache
}

// exits runs a command and holds it to its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

func writeModule(ts *testscript.TestScript, _ bool, args []string) {
	modules := map[string]func() []byte{
		"mix": func() []byte { return guests.Mix("") }, "mix2": func() []byte { return guests.Mix("2") },
		"spin": func() []byte { return guests.Bare("spin", guests.Spin()) }, "trap": func() []byte { return guests.Bare("trap", guests.Trap()) },
		"fail": func() []byte { return guests.Bare("fail", guests.Fail("no luck today")) },
		"log":  func() []byte { return guests.Bare("log", guests.Log(2, "mind the gap")) },
		"grow": func() []byte { return guests.Bare("grow", guests.Grow(8000)) }, "blow": guests.Blow,
		"items": func() []byte { return guests.Items("") }, "chunks": guests.Chunks, "progress": guests.Progress,
		"gpu":     func() []byte { return guests.OnDevices(guests.Mix(""), `["gpu"]`) },
		"both":    func() []byte { return guests.OnDevices(guests.Mix(""), `["gpu","cpu"]`) },
		"gputrap": func() []byte { return guests.OnDevices(guests.Bare("trap", guests.Trap()), `["gpu"]`) },
		"exact":   func() []byte { return guests.Tensor(false) },
		"asks":    func() []byte { return guests.Tensor(true) },
		"count":   guests.Counter,
		"alien":   guests.Alien, "odd": guests.Odd,
		"echo": guests.Echo, "gate": guests.Gate, "stdio": func() []byte { return guests.Stdio(0) }, "stdio7": func() []byte { return guests.Stdio(7) },
	}
	if len(args) != 2 || modules[args[1]] == nil {
		ts.Fatalf("usage: module FILE KIND")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), modules[args[1]](), 0o644))
}

// fakeNVML builds into a folder of its own each time, as commands may still use the one before.
func fakeNVML(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := os.MkdirTemp(ts.Getenv("WORK"), ".nvml-")
	ts.Check(err)
	ts.Check(fake.BuildNVML(dir, args...))
	ts.Setenv("LD_LIBRARY_PATH", dir)
}

func writeText(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(args[1]), 0o644))
}

func damage(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(filepath.WalkDir(filepath.Join(ts.MkAbs(args[0]), "values"), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		content[len(content)/2] ^= 1
		if err := os.Remove(p); err != nil {
			return err
		}
		return os.WriteFile(p, content, 0o400)
	}))
}

// runID finds "run 0123abcd" in what the last command said.
func runID(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Fields(ts.ReadFile("stdout") + " " + ts.ReadFile("stderr"))
	for i := len(words) - 2; i >= 0; i-- {
		if words[i] == "run" && len(words[i+1]) == 8 && strings.Trim(words[i+1], "0123456789abcdef") == "" {
			ts.Setenv(args[0], words[i+1])
			return
		}
	}
	ts.Fatalf("no run is named")
}
