package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph/value"
)

// deadline is when a test gives up waiting for something that never comes. No test passes because of it.
const deadline = 2 * time.Minute

// box is a folder with workflows and the folders of a daemon's own, in a temporary place.
type box struct {
	t   *testing.T
	dir string
	cfg daemon.Config
	log *logText
}

func newBox(t *testing.T) *box {
	t.Helper()
	root := t.TempDir()
	b := &box{t: t, dir: filepath.Join(root, "served"), log: &logText{}}
	require.NoError(t, os.Mkdir(b.dir, 0o755))
	b.cfg = daemon.Config{
		StateDir: filepath.Join(root, "state"), CacheDir: filepath.Join(root, "cache"),
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	copyTree(t, nativeCode(t), b.cfg.CacheDir)
	return b
}

// nativeCode is a folder with the compiled code of the core modules that the tests use, made once: to compile it for each
// test would take most of their time.
func nativeCode(t *testing.T) string {
	t.Helper()
	native.once.Do(func() {
		root := filepath.Join(scratch, "native")
		b := &box{t: t, dir: filepath.Join(root, "flows"), log: &logText{}, cfg: daemon.Config{
			StateDir: filepath.Join(root, "state"), CacheDir: filepath.Join(root, "cache"),
		}}
		require.NoError(t, os.MkdirAll(b.dir, 0o755))
		b.drop("w.flow.yaml", "levee: 1\nallow: { read: [.] }\nnodes:\n  a: { uses: text/upper, with: { text: x } }\n  b: { uses: file/list, with: { glob: '*' } }\n")
		d, err := daemon.Open(t.Context(), b.cfg)
		require.NoError(t, err)
		flow, err := d.LoadFile(b.path("w.flow.yaml"))
		require.NoError(t, err)
		res, err := d.Run(t.Context(), flow, daemon.Request{})
		require.NoError(t, err)
		require.NoError(t, res.Err)
		require.NoError(t, d.Close())
		native.dir = filepath.Join(root, "only")
		for _, part := range []string{"native", "native.key"} {
			copyTree(t, filepath.Join(b.cfg.CacheDir, part), filepath.Join(native.dir, part))
		}
	})
	return native.dir
}

var native struct {
	once sync.Once
	dir  string
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o700); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600)
	}))
}

// logText keeps a log for tests that look into it.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (b *box) path(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

// drop puts a file into the folder as a careful program does: written beside it and renamed.
func (b *box) drop(name, text string) {
	b.t.Helper()
	require.NoError(b.t, os.MkdirAll(filepath.Dir(b.path(name)), 0o755))
	tmp := filepath.Join(filepath.Dir(b.path(name)), ".drop-"+filepath.Base(name)+"~")
	require.NoError(b.t, os.WriteFile(tmp, []byte(text), 0o644))
	require.NoError(b.t, os.Rename(tmp, b.path(name)))
}

func (b *box) remove(name string) {
	b.t.Helper()
	require.NoError(b.t, os.Remove(b.path(name)))
}

func (b *box) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(b.path(name))
	require.NoError(b.t, err)
	return string(text)
}

func (b *box) exists(name string) bool {
	_, err := os.Lstat(b.path(name))
	require.True(b.t, err == nil || os.IsNotExist(err), err)
	return err == nil
}

// files lists everything in the folder but dot files.
func (b *box) files() (list []string) {
	b.t.Helper()
	require.NoError(b.t, filepath.WalkDir(b.dir, func(p string, e fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(b.dir, p); err == nil && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	}))
	return list
}

// open starts a daemon that ends with the test, unless it is closed before.
func (b *box) open() *opened {
	b.t.Helper()
	d, err := daemon.Open(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	o := &opened{Daemon: d, box: b}
	b.t.Cleanup(o.shut)
	return o
}

type opened struct {
	*daemon.Daemon
	box  *box
	once sync.Once
}

func (o *opened) shut() {
	o.once.Do(func() {
		require.NoError(o.box.t, o.Close())
		o.box.checkEnds()
	})
}

// checkEnds looks whether each run that ended, however it did, has one message that says so, its last one.
func (b *box) checkEnds() {
	if _, err := os.Stat(filepath.Join(b.cfg.StateDir, "state.db")); err != nil {
		return
	}
	h, err := daemon.OpenHistory(context.Background(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	runs, err := h.Runs(context.Background(), journal.Filter{Children: true, Last: 200})
	require.NoError(b.t, err)
	for _, r := range runs {
		events, err := h.Events(context.Background(), r.ID, 0, math.MaxInt)
		require.NoError(b.t, err)
		ends := 0
		for i, e := range events {
			var m struct{ Status journal.Status }
			if e.Type == "job_update" && json.Unmarshal(e.Data, &m) == nil && m.Status.Terminal() {
				ends++
				require.Equal(b.t, r.Status, m.Status, "run %s", r.ID)
				require.Equal(b.t, len(events)-1, i, "run %s", r.ID)
			}
		}
		want := 0
		if r.Status.Terminal() && !r.Bare {
			want = 1
		}
		require.Equal(b.t, want, ends, "run %s is %s", r.ID, r.Status)
	}
}

// executions is how many calls the engine has taken so far.
func (o *opened) executions() int {
	engine, _ := o.Counters()
	return int(engine.Ran)
}

// outcome is a run as its journal tells it.
type outcome struct {
	*daemon.Result
	state map[string]journal.InvocationStatus // by path
}

// run loads a workflow of the box and runs it once; set is NAME, VALUE, ...
func (o *opened) run(name string, set ...string) *outcome {
	o.box.t.Helper()
	return o.runWith(name, daemon.Request{}, set...)
}

func (o *opened) runWith(name string, req daemon.Request, set ...string) *outcome {
	t := o.box.t
	t.Helper()
	flow, err := o.LoadFile(o.box.path(name))
	require.NoError(t, err)
	req.Inputs = make(map[string]value.Value)
	ports := value.Signature{Inputs: flow.Graph.Inputs}
	for i := 0; i < len(set); i += 2 {
		port, ok := ports.Input(set[i])
		require.True(t, ok, set[i])
		req.Inputs[set[i]], err = o.InputText(t.Context(), port, set[i+1])
		require.NoError(t, err)
	}
	req.Files, err = o.TriggerFiles(t.Context(), flow)
	require.NoError(t, err)
	res, err := o.Run(t.Context(), flow, req)
	require.NoError(t, err)
	return &outcome{Result: res, state: o.box.states(res.ID)}
}

// states reads how each invocation of a run ended.
func (b *box) states(run string) map[string]journal.InvocationStatus {
	b.t.Helper()
	state := make(map[string]journal.InvocationStatus)
	for _, inv := range b.invocations(run) {
		state[inv.Path] = inv.Status
	}
	return state
}

func (b *box) invocations(run string) []journal.Invocation {
	b.t.Helper()
	h, err := daemon.OpenHistory(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	invs, err := h.Invocations(b.t.Context(), run, "")
	require.NoError(b.t, err)
	return invs
}

func (b *box) runs() []journal.Run {
	b.t.Helper()
	h, err := daemon.OpenHistory(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	runs, err := h.Runs(b.t.Context(), journal.Filter{})
	require.NoError(b.t, err)
	return runs
}

// with lists the paths whose invocations ended so, in no order.
func (o *outcome) with(status journal.InvocationStatus) []string {
	list := []string{}
	for path, s := range o.state {
		if s == status {
			list = append(list, path)
		}
	}
	return list
}

// output is the text or the JSON form of an output.
func output(t *testing.T, r *daemon.Result, name string) string {
	t.Helper()
	require.NoError(t, r.Err)
	for _, o := range r.Outputs {
		if o.Name == name {
			enc, ok := o.Value.Inline()
			require.True(t, ok, "output %s is large", name)
			if o.Value.Type == value.String || o.Value.Type == value.Bytes {
				return string(enc)
			}
			js, err := value.ToJSON(o.Value.Type, enc, -1)
			require.NoError(t, err)
			return string(js)
		}
	}
	require.FailNow(t, "no output "+name)
	return ""
}
