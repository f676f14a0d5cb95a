package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// program is a command line of the real program, in a process of its own.
func program(args ...string) *exec.Cmd {
	return &exec.Cmd{Path: "/proc/self/exe", Args: append([]string{"levee"}, args...), Env: os.Environ()}
}

// place is a folder to serve and the folders of a daemon's own.
type place struct {
	t   *testing.T
	dir string
	cfg daemon.Config
}

func newPlace(t *testing.T) *place {
	root := t.TempDir()
	p := &place{t: t, dir: filepath.Join(root, "served"), cfg: daemon.Config{StateDir: filepath.Join(root, "state"), CacheDir: filepath.Join(root, "cache")}}
	require.NoError(t, os.Mkdir(p.dir, 0o755))
	return p
}

func (p *place) write(name, text string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644))
}

// running is the real program at work.
type running struct {
	*exec.Cmd
	t      *testing.T
	stdout *bufio.Scanner
	stderr *bufio.Scanner
}

func (p *place) start(verb string, args ...string) *running {
	p.t.Helper()
	r := &running{Cmd: program(append([]string{verb, "--state", p.cfg.StateDir, "--cache", p.cfg.CacheDir}, args...)...), t: p.t}
	out, err := r.StdoutPipe()
	require.NoError(p.t, err)
	errs, err := r.StderrPipe()
	require.NoError(p.t, err)
	r.stdout, r.stderr = bufio.NewScanner(out), bufio.NewScanner(errs)
	r.stdout.Buffer(nil, 1<<20)
	require.NoError(p.t, r.Start())
	p.t.Cleanup(func() { // before its folders are removed
		r.Process.Kill()
		r.Wait()
	})
	return r
}

// until reads lines until one holds the text.
func (r *running) until(lines *bufio.Scanner, text string) {
	r.t.Helper()
	var seen []string
	for lines.Scan() {
		if seen = append(seen, lines.Text()); strings.Contains(lines.Text(), text) {
			return
		}
	}
	require.FailNow(r.t, "the program ended without saying "+text, strings.Join(seen, "\n"))
}

// code reads everything that is left and returns the exit code.
func (r *running) code() int {
	r.t.Helper()
	for _, lines := range []*bufio.Scanner{r.stderr, r.stdout} {
		for lines.Scan() {
		}
	}
	if err := r.Wait(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(r.t, err, &exit)
	}
	return r.ProcessState.ExitCode()
}

func (p *place) history() *daemon.History {
	p.t.Helper()
	h, err := daemon.OpenHistory(p.t.Context(), p.cfg)
	require.NoError(p.t, err)
	return h
}

func (p *place) lastRun() journal.Run {
	p.t.Helper()
	h := p.history()
	defer h.Close()
	runs, err := h.Runs(p.t.Context(), journal.Filter{Last: 1})
	require.NoError(p.t, err)
	require.Len(p.t, runs, 1)
	return runs[0]
}

const gated = `levee: 1
allow: { read: [.] }
nodes:
  first: { uses: text/upper, with: { text: x } }
  wait: { uses: ./gate.wasm, with: { path: open, n: 7 }, after: [first] }
outputs: { n: wait.n }
`

func TestFirstSignalDrains(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := newPlace(t)
		p.write("gate.wasm", string(guests.Gate()))
		p.write("w.flow.yaml", gated)
		r := p.start("serve", "--settle", "20ms", p.dir)
		r.until(r.stderr, "level 1  first")
		require.NoError(t, r.Process.Signal(sig))
		r.until(r.stderr, "waiting for 1 run to end")
		p.write("open", "")
		require.Zero(t, r.code())
		rec := p.lastRun()
		require.Equal(t, journal.Completed, rec.Status)
		require.Equal(t, 2, rec.Counts.Ran)
	}
}

func TestUnreadOutputEndsTheRun(t *testing.T) {
	p := newPlace(t)
	p.write("gate.wasm", string(guests.Gate()))
	p.write("w.flow.yaml", gated)
	cmd := program("run", "--json", "--state", p.cfg.StateDir, "--cache", p.cfg.CacheDir, filepath.Join(p.dir, "w.flow.yaml"))
	unread, stdout, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, unread.Close())
	defer stdout.Close()
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	cmd.Run()
	require.Equal(t, daemon.ExitUnread, cmd.ProcessState.ExitCode(), stderr.String())
	require.Empty(t, stderr.String())
	rec := p.lastRun()
	require.Equal(t, journal.Cancelled, rec.Status, "it is not left open")
	require.Contains(t, rec.Error, "nobody reads the output")
}

func TestSecondSignalCutsShort(t *testing.T) {
	p := newPlace(t)
	p.write("gate.wasm", string(guests.Gate()))
	p.write("w.flow.yaml", gated)
	r := p.start("serve", "--settle", "20ms", p.dir)
	r.until(r.stderr, "level 1  first")
	require.NoError(t, r.Process.Signal(syscall.SIGTERM))
	r.until(r.stderr, "waiting for 1 run to end")
	require.NoError(t, r.Process.Signal(syscall.SIGTERM))
	r.code()
	rec := p.lastRun()
	require.Equal(t, journal.Running, rec.Status, "left open")

	p.write("open", "")
	r = p.start("serve", "--settle", "20ms", "--once", p.dir)
	require.Zero(t, r.code())
	require.Equal(t, rec.ID, p.lastRun().ID)
	require.Equal(t, journal.Completed, p.lastRun().Status)
}

func TestInterruptedRunSaysSo(t *testing.T) {
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		p := newPlace(t)
		p.write("gate.wasm", string(guests.Gate()))
		p.write("w.flow.yaml", gated)
		r := p.start("run", filepath.Join(p.dir, "w.flow.yaml"))
		r.until(r.stderr, "level 1  first")
		require.NoError(t, r.Process.Signal(sig))
		require.Equal(t, code, r.code())
		require.Equal(t, journal.Cancelled, p.lastRun().Status)
	}
}

func TestReaderThatGoesAwayEndsTheProgram(t *testing.T) {
	p := newPlace(t)
	p.write("w.flow.yaml", "levee: 1\nnodes:\n  a: { uses: text/upper, with: { text: x } }\n")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := program("run", "--state", p.cfg.StateDir, "--cache", p.cfg.CacheDir, "--json", filepath.Join(p.dir, "w.flow.yaml"))
	cmd.Stdout, cmd.Stderr = w, io.Discard
	require.NoError(t, r.Close())
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	cmd.Wait() // any code, but it ends
}
