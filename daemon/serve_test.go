package daemon_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

const greet = `levee: 1
nodes:
  hi: { uses: text/format, with: { template: "Hello, {a}!", a: WHO } }
  up: { uses: text/upper, in: { text: hi.text } }
outputs: { text: up.text }
`

func greeting(who string) string { return replaceAll(greet, "WHO", who) }

func TestDroppedFileIsCheckedAndRun(t *testing.T) {
	b := newBox(t)
	s := b.serve()
	b.drop("greet.flow.yaml", greeting("world"))
	require.Equal(t, 2, len(s.until(daemon.Loaded, "greet.flow.yaml").Flow.Graph.Nodes))
	require.Equal(t, "HELLO, WORLD!", output(t, s.ended("greet.flow.yaml").Result, "text"))

	b.drop("deep/er/two.flow.yaml", greeting("depth"))
	require.Equal(t, "HELLO, DEPTH!", output(t, s.ended("deep/er/two.flow.yaml").Result, "text"))

	b.drop("notes.yaml", greeting("nobody")) // no workflow's name
	b.drop("three.flow.json", `{"levee":1,"nodes":{"hi":{"uses":"text/upper","with":{"text":"json"}}},"outputs":{"text":"hi.text"}}`)
	require.Equal(t, "JSON", output(t, s.ended("three.flow.json").Result, "text"))
	require.Zero(t, s.count(daemon.Loaded, "notes.yaml"))
	s.stop()
}

func TestEditRunsWhatChanged(t *testing.T) {
	b := newBox(t)
	b.drop("greet.flow.yaml", greeting("world"))
	s := b.serve()
	s.ended("greet.flow.yaml")
	b.drop("greet.flow.yaml", replace(t, greeting("world"), "levee: 1", "levee: 1\ndescription: only words"))
	got := s.ended("greet.flow.yaml")
	require.Equal(t, journal.Counts{Cached: 2}, got.Counts)
	b.drop("greet.flow.yaml", replace(t, greeting("world"), "Hello", "HELLO"))
	got = s.ended("greet.flow.yaml")
	require.ElementsMatch(t, []string{"hi", "up"}, got.with(journal.Ran))
	b.drop("greet.flow.yaml", greeting("world")) // back to what it was
	require.Equal(t, journal.Counts{Cached: 2}, s.ended("greet.flow.yaml").Counts)
	s.stop()
}

func TestBrokenEditKeepsTheLastGoodVersion(t *testing.T) {
	b := newBox(t)
	flow := `levee: 1
trigger: { files: in/*.txt }
nodes:
  all:
    each: trigger.files
    as: f
    nodes:
      text: { uses: text/decode, in: { data: f.data } }
      up: { uses: text/upper, in: { text: text.text } }
    out: { text: up.text }
outputs: { texts: all.text }
`
	b.drop("in/a.txt", "one")
	b.drop("up.flow.yaml", flow)
	s := b.serve()
	require.Equal(t, `["ONE"]`, output(t, s.ended("up.flow.yaml").Result, "texts"))

	b.drop("up.flow.yaml", replace(t, flow, "in: { text: text.text }", "in: { txet: text.text }"))
	n := s.until(daemon.Broken, "up.flow.yaml")
	require.True(t, n.Kept)
	require.NotEmpty(t, n.Problems)
	require.Equal(t, 9, n.Problems[0].Line)

	b.drop("in/b.txt", "two") // the good version goes on working
	got := s.ended("up.flow.yaml")
	require.Equal(t, `["ONE","TWO"]`, output(t, got.Result, "texts"))
	require.Equal(t, journal.Counts{Ran: 2, Cached: 2}, got.Counts)

	b.drop("up.flow.yaml", replace(t, flow, "text/upper", "text/lower"))
	require.Equal(t, `["one","two"]`, output(t, s.ended("up.flow.yaml").Result, "texts"))
	s.stop()
}

func TestBrokenFromTheStartIsMended(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", "levee: 1\nnodes:\n  a: { uses: ./mix.wasm }\noutputs: { n: a.n }\n")
	s := b.serve()
	n := s.until(daemon.Broken, "w.flow.yaml")
	require.False(t, n.Kept)
	b.drop("other.flow.yaml", greeting("other"))
	s.ended("other.flow.yaml")
	require.Equal(t, 1, s.count(daemon.Broken, "w.flow.yaml"), "what is still the same is not told again")
	b.drop("mix.wasm", string(guests.Mix(""))) // what was missing arrives
	require.Equal(t, "0", output(t, s.ended("w.flow.yaml").Result, "n"))
	b.drop("mix.wasm", "no module at all")
	require.True(t, s.until(daemon.Broken, "w.flow.yaml").Kept)
	b.drop("mix.wasm", string(guests.Mix("")))
	// The same module again is the same version: nothing is to be done, as the next drop shows.
	b.drop("probe.flow.yaml", greeting("probe"))
	s.ended("probe.flow.yaml")
	require.Equal(t, 1, s.count(daemon.Ended, "w.flow.yaml"))
	s.stop()
}

func TestChangedModuleRunsWhatUsedIt(t *testing.T) {
	b := newBox(t)
	b.drop("mods/mix.wasm", string(guests.Mix("")))
	b.drop("uses.flow.yaml", "levee: 1\nnodes:\n  a: { uses: ./mods/mix.wasm, with: { a: 1 } }\n  b: { uses: text/upper, with: { text: x } }\noutputs: { n: a.n }\n")
	b.drop("not.flow.yaml", greeting("world"))
	s := b.serve()
	s.until(daemon.Ended, "not.flow.yaml")
	b.drop("mods/mix.wasm", string(guests.Mix("second")))
	got := s.wait("run of the new module", func(n daemon.Notice) bool {
		return n.Kind == daemon.Ended && n.Path == "uses.flow.yaml" && n.Result.Counts.Cached == 1
	})
	require.Equal(t, journal.Counts{Ran: 1, Cached: 1}, got.Result.Counts)
	require.Equal(t, 1, s.count(daemon.Ended, "not.flow.yaml"))
	s.stop()
}

func TestRestartWithNothingChangedRunsNothing(t *testing.T) {
	b := newBox(t)
	b.drop("in/a.txt", "one")
	b.drop("greet.flow.yaml", greeting("world"))
	b.drop("batch.flow.yaml", "levee: 1\ntrigger: { files: in/* }\nnodes:\n  n: { uses: text/upper, with: { text: x } }\n")
	b.drop("each.flow.yaml", "levee: 1\ntrigger: { files: in/*, per: file }\nnodes:\n  n: { uses: text/decode, in: { data: trigger.data } }\noutputs: { t: n.text }\n")
	s := b.serve(once)
	s.finish()
	require.Len(t, b.runs(), 3)

	s = b.serve(once)
	s.finish()
	require.Len(t, b.runs(), 3)
	for _, flow := range []string{"greet.flow.yaml", "batch.flow.yaml", "each.flow.yaml"} {
		require.Equal(t, 1, s.count(daemon.Unchanged, flow), s.story())
	}
	require.Zero(t, s.executions())

	b.drop("in/b.txt", "two")
	s = b.serve(once)
	s.finish()
	require.Len(t, b.runs(), 5, "the batch, and one for the new file")
}

func TestRemovedWorkflowEndsAndComesBack(t *testing.T) {
	b := newBox(t)
	b.drop("spin.wasm", string(guests.Bare("spin", guests.Spin())))
	b.drop("spin.flow.yaml", "levee: 1\nnodes:\n  n: { uses: ./spin.wasm }\n")
	s := b.serve()
	s.wait("start", func(n daemon.Notice) bool { return n.Kind == daemon.Happened && n.Path == "spin.flow.yaml" })
	b.remove("spin.flow.yaml")
	s.until(daemon.Gone, "spin.flow.yaml")
	got := s.ended("spin.flow.yaml")
	require.Equal(t, journal.Cancelled, got.Status)
	require.ErrorContains(t, got.Err, "removed")
	b.drop("spin.flow.yaml", greeting("again"))
	require.Equal(t, "HELLO, AGAIN!", output(t, s.ended("spin.flow.yaml").Result, "text"))
	s.stop()
}

func TestEditSupersedesWhatRuns(t *testing.T) {
	b := newBox(t)
	b.drop("spin.wasm", string(guests.Bare("spin", guests.Spin())))
	b.drop("w.flow.yaml", "levee: 1\nnodes:\n  n: { uses: ./spin.wasm }\n")
	s := b.serve()
	s.wait("start", func(n daemon.Notice) bool { return n.Kind == daemon.Happened })
	b.drop("w.flow.yaml", greeting("new"))
	status := map[journal.Status]int{}
	for range 2 {
		status[s.ended("w.flow.yaml").Status]++
	}
	require.Equal(t, map[journal.Status]int{journal.Cancelled: 1, journal.Completed: 1}, status)
	s.stop()
}

func TestReplacedFolder(t *testing.T) {
	b := newBox(t)
	b.drop("a.flow.yaml", greeting("a"))
	b.drop("b.flow.yaml", greeting("b"))
	s := b.serve()
	s.ended("b.flow.yaml")
	old := b.dir + ".old"
	next := newBox(t)
	next.drop("a.flow.yaml", greeting("a")) // as it was
	next.drop("c.flow.yaml", greeting("c"))
	require.NoError(t, os.Rename(b.dir, old))
	require.NoError(t, os.Rename(next.dir, b.dir))
	require.Equal(t, "HELLO, C!", output(t, s.ended("c.flow.yaml").Result, "text"))
	s.again()
	s.until(daemon.Gone, "b.flow.yaml")
	require.Equal(t, 1, s.count(daemon.Ended, "a.flow.yaml"), s.story())
	s.stop()
}

func TestDrainFinishesWhatRuns(t *testing.T) {
	b := newGatedBox(t)
	s := b.serve()
	s.nodeEnded("w.flow.yaml", "first")
	s.drain()
	b.drop("open", "")
	s.stop()
	rec := b.runs()[0]
	require.Equal(t, journal.Completed, rec.Status)
	require.Equal(t, journal.Counts{Ran: 3}, rec.Counts)
}

// newGatedBox is a box with a workflow that waits for the file open.
func newGatedBox(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("w.flow.yaml", gated("open"))
	return b
}

// gated is a workflow whose second node waits for a file.
func gated(file string) string {
	return fmt.Sprintf(`levee: 1
allow: { read: [.] }
nodes:
  first: { uses: text/upper, with: { text: x } }
  wait: { uses: ./gate.wasm, with: { path: %s, n: 7 }, after: [first] }
  last: { uses: text/format, with: { template: "{a}" }, in: { a: wait.n } }
outputs: { text: last.text }
`, file)
}

func TestCutShortRunIsResumed(t *testing.T) {
	b := newGatedBox(t)
	s := b.serve()
	s.nodeEnded("w.flow.yaml", "first")
	s.drain()
	s.cut() // a second signal
	s.stop()
	rec := b.runs()[0]
	require.Equal(t, journal.Running, rec.Status, "the run is open")

	b.drop("open", "")
	s = b.serve(once)
	got := s.ended("w.flow.yaml")
	require.Equal(t, rec.ID, got.ID)
	require.Equal(t, "7", output(t, got.Result, "text"))
	require.Equal(t, journal.Counts{Ran: 2, Cached: 1}, got.Counts)
	require.Equal(t, journal.Ran, got.state["first"], "its history says what ran, not that it was found again")
	s.finish()
	b.requireStory(rec.ID, nil)
	require.Len(t, b.runs(), 1)
}

// What is unchanged does not run again at a start, unless files that it left are gone.
func TestLostOutputFilesAreMadeAgain(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", "levee: 1\nallow: { write: [out] }\nnodes:\n  a: { uses: text/upper, with: { text: x } }\noutputs: { text: { from: a.text, file: out/x.txt } }\n")
	s := b.serve(once)
	s.ended("w.flow.yaml")
	s.finish()
	s = b.serve(once)
	s.until(daemon.Unchanged, "w.flow.yaml")
	s.finish()
	require.NoError(t, os.Remove(b.path("out/x.txt")))
	s = b.serve(once)
	require.Equal(t, journal.Counts{Cached: 1}, s.ended("w.flow.yaml").Counts)
	s.finish()
	require.Equal(t, "X", b.read("out/x.txt"))
}

// The same text in another folder has other files before it: it is another workflow.
func TestCopyOfAWorkflowElsewhereRuns(t *testing.T) {
	b := newBox(t)
	flow := "levee: 1\nallow: { read: [data] }\nnodes:\n  a: { uses: file/read_text, with: { path: data/a.txt } }\noutputs: { text: a.text }\n"
	for _, dir := range []string{"one", "two"} {
		b.drop(dir+"/data/a.txt", "of "+dir)
		b.drop(dir+"/w.flow.yaml", flow)
	}
	s := b.serve(once)
	for _, dir := range []string{"one", "two"} {
		s.again()
		ended := s.wait("end in "+dir, func(n daemon.Notice) bool {
			return n.Path == dir+"/w.flow.yaml" && (n.Kind == daemon.Ended || n.Kind == daemon.Unchanged)
		})
		require.Equal(t, daemon.Ended, ended.Kind, ended.Text)
		require.Equal(t, "of "+dir, output(t, ended.Result, "text"))
	}
	s.finish()
}

func TestOpenRunOfAnEditedWorkflowIsNotTakenUp(t *testing.T) {
	b := newGatedBox(t)
	s := b.serve()
	s.nodeEnded("w.flow.yaml", "first")
	s.cut()
	s.stop()
	b.drop("w.flow.yaml", greeting("edited"))
	s = b.serve(once)
	require.Equal(t, "HELLO, EDITED!", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.finish()
	runs := b.runs()
	require.Len(t, runs, 2)
	require.Equal(t, journal.Cancelled, runs[1].Status)
}

func TestRunsAreFairToEachOther(t *testing.T) {
	b := newBox(t)
	b.cfg.Workers = 1
	b.drop("mix.wasm", string(guests.Mix("")))
	long := "levee: 1\nnodes:\n"
	for i := range 900 { // some ten seconds of work
		long += fmt.Sprintf("  n%d: { uses: ./mix.wasm, with: { a: %d, spin: 30000000 } }\n", i, i)
	}
	b.drop("long.flow.yaml", long)
	s := b.serve()
	s.nodeEnded("long.flow.yaml", "n0")
	b.drop("short.flow.yaml", "levee: 1\nnodes:\n  a: { uses: ./mix.wasm, with: { seed: 5 } }\n  b: { uses: ./mix.wasm, in: { a: a.n } }\n")
	require.Equal(t, journal.Counts{Ran: 2}, s.ended("short.flow.yaml").Counts)
	require.Zero(t, s.count(daemon.Ended, "long.flow.yaml"), "the short run did not wait for the long one")
	s.cut()
	s.stop()
}

func TestWorkflowThatAsksForTooMuchWaits(t *testing.T) {
	b := newBox(t)
	b.cfg.Ceiling.Write = []string{}
	b.drop("w.flow.yaml", replace(t, greeting("x"), "nodes:", "allow: { write: [out] }\nnodes:"))
	s := b.serve(once)
	require.Contains(t, s.until(daemon.Waiting, "w.flow.yaml").Text, "wants write out")
	s.finish()
	require.Empty(t, b.runs())
	require.Zero(t, s.executions())
}

func TestServeOfWhatIsNoFolder(t *testing.T) {
	b := newBox(t)
	b.drop("file", "")
	d := b.open()
	require.Error(t, d.Serve(t.Context(), context.Background(), b.path("file"), daemon.ServeOptions{}))
	require.Error(t, d.Serve(t.Context(), context.Background(), b.path("nowhere"), daemon.ServeOptions{}))
}
