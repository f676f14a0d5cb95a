package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// crowd is what is queued at once: runs of several workflows, of which each writes a file of its own.
type crowd struct {
	*place
	flows, each int
	serve       *running
	runs        map[string]string // name of the run, which is that of its file: id
}

// crowdFlow takes as long where eight of it run at once as where two do: the process is to be killed in the middle.
var crowdFlow = fmt.Sprintf(`levee: 1
inputs: { name: string, n: int }
allow: { write: [out] }
nodes:
  work: { uses: ./mix.wasm, in: { a: inputs.n }, with: { spin: %d } }
  path: { uses: text/format, with: { template: "out/{a}" }, in: { a: inputs.name } }
  put: { uses: file/write, in: { path: path.text, data: inputs.name }, after: [work] }
outputs: { n: work.n }
`, 50_000_000*min(goruntime.NumCPU(), 8))

func (c *crowd) begin() {
	c.serve = c.start("serve", "--runs", "8", "--settle", "20ms", c.dir)
	go io.Copy(io.Discard, readerOf(c.serve))
	require.Eventually(c.t, func() bool {
		s, err := daemon.FindServer(c.t.Context(), c.cfg, filepath.Join(c.dir, "w0.flow.yaml"))
		if err == nil {
			s.Close()
		}
		return err == nil
	}, patience, 10*time.Millisecond)
}

// read waits until all workflows were read.
func (c *crowd) read() {
	client, err := daemon.FindServer(c.t.Context(), c.cfg, c.dir)
	require.NoError(c.t, err)
	defer client.Close()
	for flow := range c.flows {
		require.Eventually(c.t, func() bool {
			_, err := client.Submit(c.t.Context(), daemon.RunRequest{Workflow: filepath.Join(c.dir, fmt.Sprintf("w%d.flow.yaml", flow))})
			return err != nil && strings.Contains(err.Error(), "needs a value")
		}, patience, 10*time.Millisecond)
	}
}

// readerOf takes what a program prints, so that it never waits for a reader.
func readerOf(r *running) io.Reader {
	read, write := io.Pipe()
	go func() {
		for r.stderr.Scan() {
		}
		write.Close()
	}()
	return read
}

// fill queues everything, each workflow by somebody of its own.
func (c *crowd) fill() {
	client, err := daemon.FindServer(c.t.Context(), c.cfg, c.dir)
	require.NoError(c.t, err)
	defer client.Close()
	c.runs = make(map[string]string)
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for flow := range c.flows {
		wg.Go(func() {
			for n := range c.each {
				name := fmt.Sprintf("w%d-%03d", flow, n)
				q := daemon.RunRequest{Workflow: filepath.Join(c.dir, fmt.Sprintf("w%d.flow.yaml", flow)), Inputs: map[string]json.RawMessage{
					"name": json.RawMessage(fmt.Sprintf("%q", name)), "n": json.RawMessage(fmt.Sprint(flow*1000 + n)),
				}}
				got, err := client.Submit(c.t.Context(), q)
				if err != nil {
					c.t.Error(err)
					return
				}
				mu.Lock()
				c.runs[name] = got.Run
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	c.t.Logf("%d runs queued in %s: %.0f a second", len(c.runs), took, float64(len(c.runs))/took.Seconds())
}

func (c *crowd) list(status ...journal.Status) []journal.Run {
	h := c.history()
	defer h.Close()
	runs, err := h.Runs(c.t.Context(), journal.Filter{Status: status})
	require.NoError(c.t, err)
	return runs
}

func (c *crowd) until(completed int) {
	require.Eventually(c.t, func() bool { return len(c.list(journal.Completed)) >= completed }, patience, 5*time.Millisecond)
}

func (c *crowd) kill() {
	require.NoError(c.t, c.serve.Process.Kill())
	c.serve.Wait()
}

// TestCrowdIsServedThroughKills queues many runs at once, cancels some in every state, kills the process twice in the middle, and looks
// whether each run has one end, in order, and did what it was for once.
func TestCrowdIsServedThroughKills(t *testing.T) {
	c := &crowd{place: newPlace(t), flows: 6, each: 15}
	if os.Getenv("LEVEE_SOAK") != "" {
		c.flows, c.each = 10, 50
	}
	c.write("mix.wasm", string(guests.Mix("")))
	c.write("spin.wasm", string(guests.Bare("spin", guests.Spin())))
	for flow := range c.flows {
		c.write(fmt.Sprintf("w%d.flow.yaml", flow), crowdFlow)
	}
	c.begin()
	c.read()
	began := time.Now()
	c.fill()
	total := c.flows * c.each

	cancelled := map[string]bool{}
	cancel := func(status journal.Status, n int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		list := c.list(status)
		for _, r := range list[:min(n, len(list))] {
			wg.Go(func() {
				began := time.Now()
				if r, err := daemon.Cancel(t.Context(), c.cfg, r.ID, patience); err == nil && r.Status == journal.Cancelled {
					mu.Lock()
					defer mu.Unlock()
					cancelled[r.ID] = true
					t.Logf("cancelled while %s after %s", status, time.Since(began))
				}
			})
		}
		wg.Wait()
	}
	c.until(total / 10)
	cancel(journal.Queued, 4)
	cancel(journal.Running, 2)
	require.GreaterOrEqual(t, len(cancelled), 4)

	c.until(total / 4)
	c.kill()
	j, err := journal.Open(t.Context(), c.cfg.StateDir, journal.Options{})
	require.NoError(t, err)
	for _, s := range []journal.Status{journal.Queued, journal.Running} { // asked for, and then nobody was there to do it
		left := c.list(s)
		require.NotEmpty(t, left)
		for _, r := range left[:min(3, len(left))] {
			require.NoError(t, j.RequestCancel(t.Context(), r.ID))
			cancelled[r.ID] = true
		}
	}
	require.NoError(t, j.Close())
	c.begin()
	c.until(total / 2)
	c.kill()
	c.begin()
	require.Eventually(t, func() bool {
		return len(c.list(journal.Queued, journal.Running, journal.Waiting)) == 0
	}, patience, 20*time.Millisecond)
	t.Logf("all have ended after %s", time.Since(began))
	c.check(cancelled)
}

func (c *crowd) check(cancelled map[string]bool) {
	t := c.t
	h := c.history()
	defer h.Close()
	runs, err := h.Runs(t.Context(), journal.Filter{})
	require.NoError(t, err)
	require.Len(t, runs, len(c.runs), "none is lost, none came twice")
	slices.Reverse(runs)
	byID, order := map[string]journal.Run{}, map[string][]journal.Run{}
	for _, r := range runs {
		byID[r.ID] = r
		if !r.Started.IsZero() {
			order[r.Workflow] = append(order[r.Workflow], r)
		}
		ends := 0
		events, err := h.Events(t.Context(), r.ID, 0, math.MaxInt)
		require.NoError(t, err)
		for i, e := range events {
			var m struct{ Status journal.Status }
			if e.Type == "job_update" && json.Unmarshal(e.Data, &m) == nil && m.Status.Terminal() {
				ends++
				require.Equal(t, r.Status, m.Status)
				require.Equal(t, len(events)-1, i, "it is the last message")
			}
		}
		require.Equal(t, 1, ends, "run %s", r.ID)
	}
	for name, id := range c.runs {
		r, ok := byID[id]
		require.True(t, ok, "run %s is lost", id)
		want := journal.Completed
		if cancelled[id] {
			want = journal.Cancelled
		}
		require.Equal(t, want, r.Status, "%s %s", name, r.Error)
		text, err := os.ReadFile(filepath.Join(c.dir, "out", name))
		if r.Status == journal.Completed {
			require.NoError(t, err)
			require.Equal(t, name, string(text))
			require.Equal(t, 3, r.Counts.Ran+r.Counts.Cached)
		} else if r.Started.IsZero() {
			require.ErrorIs(t, err, os.ErrNotExist, "it never began")
		}
	}
	for workflow, list := range order {
		for i, r := range list {
			for _, later := range list[min(i+8, len(list)):] { // so many go on at a time, and begin together
				require.False(t, later.Started.Before(r.Started), "%s: %s begins before %s", workflow, later.ID, r.ID)
			}
		}
	}
	require.LessOrEqual(t, most(runs), 8)
}

// most is how many runs were under way at once.
func most(runs []journal.Run) (most int) {
	for _, r := range runs {
		n := 0
		for _, other := range runs {
			if !r.Started.IsZero() && !other.Started.IsZero() && !other.Started.After(r.Started) && other.Finished.After(r.Started) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// TestEndlessNodeIsCancelledAtOnce: also one that never asks anybody for anything.
func TestEndlessNodeIsCancelledAtOnce(t *testing.T) {
	p := newPlace(t)
	p.write("spin.wasm", string(guests.Bare("spin", guests.Spin())))
	p.write("w.flow.yaml", "levee: 1\nnodes:\n  n: { uses: ./spin.wasm }\n")
	r := p.start("serve", "--settle", "20ms", p.dir)
	r.until(r.stderr, "> w.flow.yaml")
	require.Eventually(t, func() bool { // it is in the middle of its node
		h := p.history()
		defer h.Close()
		rec := p.lastRun()
		state, err := h.State(t.Context(), &rec)
		return err == nil && slices.Equal(state.Current, []string{"n"})
	}, patience, 10*time.Millisecond)
	began := time.Now()
	cmd := program("cancel", "--state", p.cfg.StateDir, "--cache", p.cfg.CacheDir, p.lastRun().ID[:8])
	out, err := cmd.CombinedOutput()
	took := time.Since(began)
	require.NoError(t, err, string(out))
	require.Equal(t, journal.Cancelled, p.lastRun().Status, string(out))
	t.Logf("levee cancel took %s", took)
}

func TestDetachedRun(t *testing.T) {
	p := newPlace(t)
	p.write("w.flow.yaml", "levee: 1\ninputs: { name: string, data: bytes, n: { type: int, default: 7 }, rows: { type: table, default: [] }, files: { type: list<bytes>, default: [] } }\nnodes:\n"+
		"  a: { uses: text/format, with: { template: \"{a} {b} {c} {e} {d}\" }, in: { a: inputs.name, b: inputs.n, c: data.text, d: kinds.text, e: count.length } }\n"+
		"  kinds: { uses: table/to_text, in: { table: described.table } }\n  described: { uses: table/describe, in: { table: inputs.rows } }\n"+
		"  count: { uses: list/length, in: { list: inputs.files } }\n"+
		"  data: { uses: text/decode, in: { data: inputs.data } }\noutputs: { text: a.text }\n")
	p.write("rows.csv", "n\n1.0\n2.0\n")
	p.write("data.txt", "from a file")
	file := filepath.Join(p.dir, "w.flow.yaml")
	detached := func(args ...string) *running {
		return p.start("run", append([]string{"--detach", file}, args...)...)
	}
	r := detached()
	r.until(r.stderr, "start levee serve "+p.dir)
	require.Equal(t, daemon.ExitDaemon, r.code())

	serve := p.start("serve", "--settle", "20ms", p.dir)
	serve.until(serve.stderr, "= w.flow.yaml  waiting: it needs a value")
	data, rows := "=@"+filepath.Join(p.dir, "data.txt"), "rows=@"+filepath.Join(p.dir, "rows.csv")
	r = detached("--set", "name=Ada", "--input", "data"+data, "--set", "n=-2", "--set", rows, "--input", "files"+data, "--input", "files"+data)
	require.True(t, r.stdout.Scan())
	id := r.stdout.Text()
	require.Regexp(t, "^[0-9a-f]{16}$", id)
	require.Zero(t, r.code())
	serve.until(serve.stderr, "> w.flow.yaml  run "+id[:8]+"  asked for")
	follow := p.start("logs", "-f", id[:8])
	require.Zero(t, follow.code())
	require.Equal(t, journal.Completed, p.lastRun().Status)
	show := p.start("inspect", id, "--output", "text")
	show.until(show.stdout, "Ada -2 from a file 2 ")
	show.until(show.stdout, "float")

	for _, wrong := range [][]string{{}, {"--set", "name"}, {"--set", "none=1"}, {"--set", "name=a", "--set", "n=x"}, {"--verify"}} {
		r = detached(wrong...)
		require.NotZero(t, r.code(), "%v", wrong)
	}
	require.Equal(t, id, p.lastRun().ID)
}
