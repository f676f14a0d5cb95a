package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
)

const perFile = `levee: 1
trigger: { files: in/*.txt, per: file }
allow: { write: [out] }
nodes:
  text: { uses: text/decode, in: { data: trigger.data } }
  up: { uses: text/upper, in: { text: text.text } }
  keep: { uses: file/write, in: { path: name.text, data: up.text } }
  name: { uses: text/format, with: { template: "out/{a}.up" }, in: { a: trigger.stem } }
outputs: { text: up.text }
`

func TestRunPerFile(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", perFile)
	s := b.serve()
	s.until(daemon.Loaded, "w.flow.yaml")
	b.drop("in/a.txt", "one")
	require.Equal(t, "ONE", output(t, s.ended("w.flow.yaml").Result, "text"))
	require.Equal(t, "ONE", b.read("out/a.up"))
	b.drop("in/b.txt", "two")
	require.Equal(t, "TWO", output(t, s.ended("w.flow.yaml").Result, "text"))
	b.drop("in/a.txt", "three")
	require.Equal(t, "THREE", output(t, s.ended("w.flow.yaml").Result, "text"))
	require.Equal(t, "THREE", b.read("out/a.up"))

	// The same content again is nothing new; another file of that content is a run, in which only the name is new.
	b.drop("in/b.txt", "two")
	s.until(daemon.Unchanged, "w.flow.yaml")
	b.drop("in/c.txt", "two")
	got := s.ended("w.flow.yaml")
	require.ElementsMatch(t, []string{"text", "up"}, got.with(journal.Cached))
	require.ElementsMatch(t, []string{"name", "keep"}, got.with(journal.Ran))
	runs := b.runs()
	require.Len(t, runs, 4)
	require.Equal(t, "in/c.txt", runs[0].File)
	s.stop()
}

func TestEditedPerFileWorkflowTakesAllFilesAgain(t *testing.T) {
	b := newBox(t)
	for i := range 20 {
		b.drop(fmt.Sprintf("in/%02d.txt", i), fmt.Sprint("file ", i))
	}
	b.drop("w.flow.yaml", perFile)
	s := b.serve()
	for range 20 {
		require.Equal(t, journal.Completed, s.ended("w.flow.yaml").Status)
	}
	b.drop("w.flow.yaml", replace(t, perFile, "text/upper", "text/lower"))
	for range 20 {
		require.Equal(t, journal.Completed, s.ended("w.flow.yaml").Status)
	}
	for i := range 20 {
		require.Equal(t, fmt.Sprint("file ", i), b.read(fmt.Sprintf("out/%02d.up", i)))
	}
	// From per file to a batch: what was left of the old way does not matter.
	b.drop("w.flow.yaml", "levee: 1\ntrigger: { files: in/*.txt }\nnodes:\n  n: { uses: text/upper, with: { text: all } }\noutputs: { text: n.text }\n")
	require.Equal(t, "ALL", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.stop()
}

const perBatch = `levee: 1
trigger: { files: ["in/**/*.txt", "more/*.txt"] }
nodes:
  all:
    each: trigger.files
    as: f
    nodes:
      text: { uses: text/decode, in: { data: f.data } }
    out: { text: text.text, path: path.text }
outputs: { texts: all.text }
`

func TestRunPerBatch(t *testing.T) {
	b := newBox(t)
	flow := replace(t, perBatch, ", path: path.text", "")
	b.drop("w.flow.yaml", flow)
	s := b.serve()
	require.Contains(t, s.until(daemon.Waiting, "w.flow.yaml").Text, "waiting for files")
	b.drop("in/x/b.txt", "b")
	require.Equal(t, `["b"]`, output(t, s.ended("w.flow.yaml").Result, "texts"))
	b.drop("in/a.txt", "a")
	got := s.ended("w.flow.yaml")
	require.Equal(t, `["a","b"]`, output(t, got.Result, "texts"), "ordered by path")
	require.Equal(t, journal.Counts{Ran: 1, Cached: 1}, got.Counts)
	b.remove("in/x/b.txt")
	require.Equal(t, `["a"]`, output(t, s.ended("w.flow.yaml").Result, "texts"))
	b.drop("more/c.txt", "c")
	require.Equal(t, `["a","c"]`, output(t, s.ended("w.flow.yaml").Result, "texts"))
	b.drop("in/not.jpg", "x") // matches nothing
	b.remove("in/a.txt")
	require.Equal(t, `["c"]`, output(t, s.ended("w.flow.yaml").Result, "texts"))
	b.remove("more/c.txt")
	s.until(daemon.Waiting, "w.flow.yaml")
	s.stop()
}

func TestFilesOfAWorkflowInASubfolder(t *testing.T) {
	b := newBox(t)
	b.drop("sub/w.flow.yaml", replace(t, perBatch, ", path: path.text", ""))
	b.drop("in/a.txt", "not this one")
	b.drop("sub/in/a.txt", "this one")
	s := b.serve()
	require.Equal(t, `["this one"]`, output(t, s.ended("sub/w.flow.yaml").Result, "texts"))
	require.Equal(t, "in/a.txt", b.runs()[0].Files[0].Path)
	s.stop()
}

// whole is the content of a file that tells whether it is all there.
func whole(i int) string {
	return fmt.Sprintf("begin %d %s end %d", i, strings.Repeat(fmt.Sprint(i, " "), 400), i)
}

// TestThousandFilesByCopy writes files as cp does, several at once and each in pieces.
func TestThousandFilesByCopy(t *testing.T) {
	b := newBox(t)
	const n, atOnce, settle = 1000, 20, 250 * time.Millisecond
	b.drop("w.flow.yaml", replace(t, perBatch, ", path: path.text", ""))
	s := b.serve(func(o *daemon.ServeOptions) { o.Settle = settle })
	s.until(daemon.Waiting, "w.flow.yaml")
	require.NoError(t, os.Mkdir(b.path("in"), 0o755))
	var paused []string // the contents of which a part may have been quiet for as long as a whole is
	for first := 0; first < n; first += atOnce {
		began := time.Now()
		var open [atOnce]*os.File
		for i := range open {
			f, err := os.OpenFile(b.path(fmt.Sprintf("in/%04d.txt", first+i)), os.O_CREATE|os.O_WRONLY, 0o644)
			require.NoError(t, err)
			open[i] = f
		}
		for part := range 3 {
			for i, f := range open {
				text := whole(first + i)
				third := len(text) / 3
				cut := text[part*third : (part+1)*third]
				if part == 2 {
					cut = text[2*third:]
				}
				_, err := f.WriteString(cut)
				require.NoError(t, err)
			}
		}
		for _, f := range open {
			require.NoError(t, f.Close())
		}
		if time.Since(began) >= settle { // the machine stalls
			for i := range open {
				paused = append(paused, whole(first+i))
			}
		}
	}
	missing := map[string]bool{}
	for i := range n {
		missing[whole(i)] = true
	}
	seen := map[string]bool{}
	for len(missing) > 0 {
		got := s.ended("w.flow.yaml")
		require.NoError(t, got.Err)
		require.Zero(t, got.Counts.Failed)
		texts := s.texts(got)
		require.NotEmpty(t, texts)
		for _, text := range texts {
			delete(missing, text)
			seen[text] = true
		}
	}
	for i := range n {
		delete(seen, whole(i))
	}
	for half := range seen {
		require.True(t, slices.ContainsFunc(paused, func(w string) bool { return strings.HasPrefix(w, half) }), "%q was read half", half)
	}
	s.stop()
}

// TestThousandFilesByRename moves finished files into the folder; each gets a run of its own.
func TestThousandFilesByRename(t *testing.T) {
	b := newBox(t)
	const n = 1000
	b.drop("w.flow.yaml", replace(t, perFile, "  keep: { uses: file/write, in: { path: name.text, data: up.text } }\n", ""))
	require.NoError(t, os.Mkdir(b.path("in"), 0o755))
	s := b.serve()
	s.until(daemon.Loaded, "w.flow.yaml")
	aside := t.TempDir()
	for i := range n {
		require.NoError(t, os.WriteFile(filepath.Join(aside, fmt.Sprintf("%04d.txt", i)), []byte(whole(i)), 0o644))
	}
	for i := range n {
		name := fmt.Sprintf("%04d.txt", i)
		require.NoError(t, os.Rename(filepath.Join(aside, name), b.path("in/"+name)))
	}
	seen := map[string]bool{}
	for range n {
		got := s.ended("w.flow.yaml")
		seen[output(t, got.Result, "text")] = true
	}
	for i := range n {
		require.True(t, seen[strings.ToUpper(whole(i))], i)
	}
	s.stop()
	require.Len(t, b.runs(), n, "one run per file")
}

func TestOutputsInTheFolderDoNotFeedTheWorkflow(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", `levee: 1
trigger: { files: "**/*.txt" }
allow: { write: [out] }
nodes:
  all:
    each: trigger.files
    as: f
    nodes:
      text: { uses: text/decode, in: { data: f.data } }
      longer: { uses: text/format, with: { template: "{a}+" }, in: { a: text.text } }
      stem: { uses: text/upper, in: { text: f.stem } }
      keep: { uses: file/write, with: { path: out/kept.txt }, in: { data: longer.text } }
    out: { text: longer.text, stem: stem.text }
outputs:
  texts: { from: all.text, file: "out/*.md", names: all.stem }
`)
	b.drop("in/a.txt", "a")
	s := b.serve()
	require.NoError(t, s.ended("w.flow.yaml").Err)
	require.Equal(t, "a+", b.read("out/A.md"))
	require.Equal(t, "a+", b.read("out/kept.txt"))
	// Whatever the outputs start would have started before the probe, which settled later.
	b.drop("probe.flow.yaml", greeting("probe"))
	s.ended("probe.flow.yaml")
	require.Equal(t, 1, s.count(daemon.Ended, "w.flow.yaml"), s.story())
	require.Zero(t, s.count(daemon.Unchanged, "w.flow.yaml"))
	s.stop()
	s = b.serve(once)
	s.finish()
	require.Len(t, b.runs(), 2)
}

func TestTriggerOnWhatTheWorkflowWritesIsRefused(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", "levee: 1\ntrigger: { files: [out/x/*.txt] }\nallow: { write: [out] }\nnodes:\n  a: { uses: text/upper, with: { text: x } }\n")
	s := b.serve(once)
	problems := s.until(daemon.Broken, "w.flow.yaml").Problems
	require.Len(t, problems, 1)
	require.Equal(t, 2, problems[0].Line)
	require.Contains(t, problems[0].Message, "start itself")
	s.finish()
}

func TestFileThatMayNotBeReadIsSaid(t *testing.T) {
	b := newBox(t)
	b.drop("in/good.txt", "good")
	b.drop("in/bad.txt", "bad")
	require.NoError(t, os.Chmod(b.path("in/bad.txt"), 0o666))
	b.drop("w.flow.yaml", replace(t, perBatch, ", path: path.text", ""))
	b.drop("v.flow.yaml", replace(t, perFile, "uses: text/upper", "uses: text/lower"))
	s := b.serve(once)
	s.wait("complaint of the batch", func(n daemon.Notice) bool {
		return n.Kind == daemon.Warning && strings.Contains(n.Text, "bad.txt")
	})
	require.Equal(t, `["good"]`, output(t, s.ended("w.flow.yaml").Result, "texts"))
	s.finish()
	require.Equal(t, 1, s.count(daemon.Ended, "v.flow.yaml"))
}

// texts are the items of the output of that name, also when it is large.
func (s *server) texts(o *outcome) []string {
	s.t.Helper()
	h, err := daemon.OpenHistory(s.t.Context(), s.box.cfg)
	require.NoError(s.t, err)
	defer h.Close()
	for _, out := range o.Outputs {
		if out.Name == "texts" {
			return items(s.t, h, out.Value)
		}
	}
	return nil
}

// An empty file that has settled is a file; when its writer goes on it is another one. Once it has another name, it is that file
// too, whose content was seen before.
func TestHashingEndsWithItsContext(t *testing.T) {
	b := newBox(t)
	b.drop("in/a.txt", "a")
	b.drop("w.flow.yaml", "levee: 1\ntrigger: { files: in/* }\nnodes:\n  n: { uses: flow/value, with: { value: 1 } }\n")
	d := b.open()
	flow, err := d.LoadFile(b.path("w.flow.yaml"))
	require.NoError(t, err)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err = d.TriggerFiles(ctx, flow)
	require.ErrorIs(t, err, why)
}

func TestEmptyAndRenamedFiles(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", perFile)
	b.drop("all/w.flow.yaml", replace(t, perBatch, ", path: path.text", ""))
	s := b.serve()
	s.until(daemon.Waiting, "all/w.flow.yaml")
	require.NoError(t, os.Mkdir(b.path("in"), 0o755))
	f, err := os.Create(b.path("in/a.txt"))
	require.NoError(t, err)
	require.Equal(t, "", output(t, s.ended("w.flow.yaml").Result, "text"))
	_, err = f.WriteString("now")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, "NOW", output(t, s.ended("w.flow.yaml").Result, "text"))
	require.NoError(t, os.Rename(b.path("in/a.txt"), b.path("in/b.txt")))
	got := s.ended("w.flow.yaml")
	require.ElementsMatch(t, []string{"text", "up"}, got.with(journal.Cached))
	require.Equal(t, "NOW", b.read("out/b.up"))
	require.Equal(t, "in/b.txt", b.runs()[0].File)

	// In a batch it is one change, not a file that went and one that came.
	b.drop("all/in/a.txt", "one")
	require.Equal(t, `["one"]`, output(t, s.ended("all/w.flow.yaml").Result, "texts"))
	require.NoError(t, os.Rename(b.path("all/in/a.txt"), b.path("all/in/z.txt")))
	last := s.ended("all/w.flow.yaml")
	require.Equal(t, `["one"]`, output(t, last.Result, "texts"))
	require.Equal(t, journal.Counts{Cached: 1}, last.Counts)
	// A touched file has the content that it had.
	now := time.Now().Add(time.Second)
	require.NoError(t, os.Chtimes(b.path("all/in/z.txt"), now, now))
	s.until(daemon.Unchanged, "all/w.flow.yaml")
	s.stop()
}

// A start with what is there already: nothing is missed while levee is away, and nothing runs twice.
func TestFilesThatCameWhileLeveeWasAway(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", perFile)
	for i := range 5 {
		b.drop(fmt.Sprintf("in/%d.txt", i), fmt.Sprint("file ", i))
	}
	s := b.serve(once)
	s.finish()
	require.Len(t, b.runs(), 5)
	b.drop("in/2.txt", "changed")
	b.drop("in/9.txt", "new")
	b.remove("in/0.txt")
	s = b.serve(once)
	s.finish()
	require.Len(t, b.runs(), 7)
	require.Equal(t, 3, s.count(daemon.Unchanged, "w.flow.yaml"), s.story())
}
