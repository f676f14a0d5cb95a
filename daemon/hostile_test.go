package daemon_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/runtime"
	"levee/testdata/guests"
	"levee/testdata/hostile"
)

var soak = os.Getenv("LEVEE_SOAK") != ""

// watched measures, while something hostile goes on, for how long this process did not answer, and whether a daemon goes on
// working.
type watched struct {
	stop chan struct{}
	all  sync.WaitGroup
	gap  time.Duration // the longest silence of this process
	ran  int           // workflows that the daemon ran meanwhile
}

func watchOver(t *testing.T, d *opened) *watched {
	w := &watched{stop: make(chan struct{})}
	w.all.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
			now := time.Now()
			w.gap = max(w.gap, now.Sub(last))
			last = now
		}
	})
	d.box.drop("probe/mix.wasm", string(guests.Mix("")))
	d.box.drop("probe/probe.flow.yaml", "levee: 1\ninputs: { n: int }\nnodes:\n  a: { uses: ./mix.wasm, in: { a: inputs.n } }\noutputs: { n: a.n }\n")
	w.all.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			w.ran++
			got := d.run("probe/probe.flow.yaml", "n", fmt.Sprint(w.ran))
			if got.Err != nil || output(t, got.Result, "n") != fmt.Sprint(31*w.ran) {
				t.Errorf("the daemon does not work any more: %v", got.Err)
				return
			}
		}
	})
	return w
}

// raceDetector reports whether this binary was built with it: it slows a process down by more than anything hostile could.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func (w *watched) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.all.Wait()
	t.Logf("longest silence of the daemon's process %v; %d probe workflows ran meanwhile", w.gap.Round(time.Millisecond), w.ran)
	require.Positive(t, w.ran)
	if soak && !raceDetector() {
		require.Less(t, w.gap, 250*time.Millisecond)
	}
}

// earlier are the modules that a workflow is refused for before the engine has a say: for their size, or their manifest.
var earlier = map[string]string{
	"C6": "too large", "D23": "no memory", "D23b": "no memory", "D24": "no memory",
	"W11": `states "read"`, "W11b": `states "write"`, "W11c": `states "read"`, "W13m": `states "stream"`, "W13n": `states "stream"`,
}

// TestHostileModulesInWorkflows runs every hostile module as a node.
func TestHostileModulesInWorkflows(t *testing.T) {
	b := newBox(t)
	b.cfg.Workers = 2
	b.open().shut() // what a process opens once and keeps
	fds, routines := openFiles(t), goruntime.NumGoroutine()
	d := b.open()
	w := watchOver(t, d)
	for _, hm := range hostile.Modules() {
		if hm.Stage == hostile.Compile && !soak && (testing.Short() || hm.ID != "C7") {
			continue // each keeps a processor busy until the compiler's time is up
		}
		t.Run(hm.ID+" "+hm.Name, func(t *testing.T) {
			code, detail := runHostile(t, d, hm)
			switch {
			case earlier[hm.ID] != "":
				require.Contains(t, detail, earlier[hm.ID])
				require.Empty(t, code, "refused before anything looks at its code")
				return
			case hm.Want == runtime.CodeOutput:
				// The most that a node may put out is so much here that its time may be up before.
				require.Contains(t, []string{runtime.CodeOutput, runtime.CodeTimeout}, code)
			default:
				require.Equal(t, hm.Want, code, detail)
			}
			require.Contains(t, detail, hm.Detail)
		})
	}
	w.end(t)
	debug.FreeOSMemory()
	t.Logf("%s resident after it, with the corpus", daemon.SizeText(resident(t)))
	d.shut()
	for giveUp := time.Now().Add(deadline / 4); openFiles(t) > fds || goruntime.NumGoroutine() > routines; goruntime.Gosched() {
		if time.Now().After(giveUp) {
			stacks := make([]byte, 1<<20)
			require.FailNow(t, "something is left over", "%d descriptors, %d before; %d goroutines, %d before\n%s",
				openFiles(t), fds, goruntime.NumGoroutine(), routines, stacks[:goruntime.Stack(stacks, true)])
		}
	}
}

// runHostile puts a module into a workflow of its own, runs that, and returns the code of what came of it.
func runHostile(t *testing.T, d *opened, hm hostile.Module) (code, detail string) {
	wasm := hm.Wasm
	if hm.Stage != hostile.Preflight && !hm.Stdio {
		wasm = guests.Bare("hostile", wasm)
	}
	name := strings.ToLower(hm.ID)
	d.box.drop(name+"/m.wasm", string(wasm))
	limit := "300ms"
	if hm.Want != runtime.CodeTimeout && hm.Want != runtime.CodeOutput {
		limit = "30s" // it ends by itself, on a slow machine too
	}
	d.box.drop(name+"/w.flow.yaml", "levee: 1\nallow: { time: "+limit+", memory: 256MiB }\nnodes:\n  n: { uses: ./m.wasm }\n")
	flow, err := d.LoadFile(d.box.path(name + "/w.flow.yaml"))
	if err != nil {
		problems, ok := daemon.Problems(err)
		require.True(t, ok, err)
		require.Len(t, problems, 1)
		require.Equal(t, daemon.ExitModule, daemon.ExitCode(err))
		return codeIn(problems[0].Message), problems[0].Message
	}
	res, err := d.Run(t.Context(), flow, daemon.Request{})
	require.NoError(t, err)
	if res.Err == nil {
		return hostile.OK, ""
	}
	var failure *runtime.Error
	require.True(t, errors.As(res.Err, &failure), res.Err)
	return failure.Code, res.Err.Error()
}

// codeIn finds a code like E_LIMIT in a message.
func codeIn(message string) string {
	for _, word := range strings.FieldsFunc(message, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		if strings.HasPrefix(word, "E_") {
			return word
		}
	}
	return ""
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(list)
}

func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	var size, pages int64
	_, err = fmt.Sscan(string(text), &size, &pages)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}

// TestHostileWorkflowsInTheFolder drops every hostile workflow file among good ones.
func TestHostileWorkflowsInTheFolder(t *testing.T) {
	b := newBox(t)
	d := b.open()
	w := watchOver(t, d)
	s := d.serve()
	all := hostile.Workflows()
	for _, h := range all {
		b.drop(h.File, string(h.Source))
	}
	b.drop("good.flow.yaml", greeting("world"))
	left := map[string]bool{}
	for _, h := range all {
		left[h.File] = true
	}
	for len(left) > 0 {
		n := s.wait(fmt.Sprint("problems of ", left), func(n daemon.Notice) bool {
			return left[n.Path] && (n.Kind == daemon.Broken || n.Kind == daemon.Loaded)
		})
		require.Equal(t, daemon.Broken, n.Kind, n.Path)
		require.NotEmpty(t, n.Problems)
		require.Positive(t, n.Problems[0].Line, n.Problems)
		require.Less(t, len(n.Problems.Error()), 64<<10, "%s: what is said of it is short", n.Path)
		delete(left, n.Path)
	}
	w.end(t)
	b.drop("last.flow.yaml", greeting("last"))
	require.Equal(t, "HELLO, LAST!", output(t, s.ended("last.flow.yaml").Result, "text"))
	s.again()
	require.Equal(t, "HELLO, WORLD!", output(t, s.ended("good.flow.yaml").Result, "text"))
	s.stop()
}

// TestHostileFilesInTheFolder lays down everything that a folder can hold and that is no plain file of ours.
func TestHostileFilesInTheFolder(t *testing.T) {
	b := newBox(t)
	aside := t.TempDir()
	outside := filepath.Join(aside, "outside.flow.yaml")
	require.NoError(t, os.WriteFile(outside, []byte(greeting("outside")), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(aside, "m.wasm"), guests.Mix(""), 0o644))
	d := b.open()
	w := watchOver(t, d)
	s := d.serve()
	s.until(daemon.Loaded, "probe/probe.flow.yaml")
	for _, ext := range []string{".flow.yaml", ".wasm", ".txt"} {
		at := func(name string) string { return b.path("h/" + name + ext) }
		require.NoError(t, os.MkdirAll(b.path("h"), 0o755))
		require.NoError(t, os.Symlink(outside, at("link")))
		require.NoError(t, os.Symlink(at("loop"), at("loop")))
		require.NoError(t, os.Symlink("/proc/self/mem", at("memory")))
		require.NoError(t, syscall.Mkfifo(at("fifo"), 0o644))
		require.NoError(t, os.Link(outside, at("hard")))
		require.NoError(t, os.Mkdir(at("dir"), 0o755))
		require.NoError(t, os.WriteFile(at("sparse"), nil, 0o644))
		require.NoError(t, os.Truncate(at("sparse"), 1<<40))
		require.NoError(t, os.WriteFile(at("open"), []byte(greeting("open")), 0o644))
		require.NoError(t, os.Chmod(at("open"), 0o666))
		if os.Getuid() == 0 {
			require.NoError(t, syscall.Mknod(at("zero"), syscall.S_IFCHR|0o644, 1<<8|5))
			require.NoError(t, os.WriteFile(at("other"), []byte(greeting("other")), 0o644))
			require.NoError(t, os.Chown(at("other"), 12345, 12345))
		}
		require.NoError(t, os.WriteFile(at("bad\nname"), []byte(greeting("name")), 0o644))
		require.NoError(t, os.WriteFile(at("bad\x1b[2Jname"), []byte(greeting("name")), 0o644))
		require.NoError(t, os.WriteFile(at("bad\xff"), []byte(greeting("name")), 0o644))
	}
	// A path to a socket may be 108 bytes long only.
	t.Chdir(b.path("h"))
	socket, err := net.Listen("unix", "socket.flow.yaml")
	require.NoError(t, err)
	defer socket.Close()

	uses := []string{"link", "loop", "memory", "fifo", "hard", "dir", "sparse", "open", "zero", "other"}
	for _, m := range uses {
		b.drop("u/"+m+".flow.yaml", fmt.Sprintf("levee: 1\nnodes:\n  n: { uses: ../h/%s.wasm }\n", m))
		b.drop("h/uses-"+m+".flow.yaml", fmt.Sprintf("levee: 1\nnodes:\n  n: { uses: ./%s.wasm }\n", m))
	}
	b.drop("files.flow.yaml", "levee: 1\ntrigger: { files: h/*.txt }\nnodes:\n  n: { uses: text/upper, with: { text: x } }\n")
	b.drop("good.flow.yaml", greeting("world"))
	s.ended("good.flow.yaml")
	for _, m := range uses {
		s.again()
		s.until(daemon.Broken, "h/uses-"+m+".flow.yaml")
	}
	w.end(t)
	s.stop()
	for _, r := range b.runs() {
		require.Contains(t, []string{"good", "probe"}, r.Name, r.Workflow)
		require.Equal(t, journal.Completed, r.Status)
	}
}
