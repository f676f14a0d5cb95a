package daemon_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph/value"
	"levee/testdata/guests"
)

func items(t *testing.T, h *daemon.History, v value.Value) (list []string) {
	t.Helper()
	enc, err := h.Cache.Bytes(t.Context(), v)
	require.NoError(t, err)
	parts, err := value.Items(enc)
	require.NoError(t, err)
	for _, p := range parts {
		list = append(list, string(p))
	}
	return list
}

func TestChangedFileRunsItsReaderOnly(t *testing.T) {
	b := newBox(t)
	b.drop("data/a.txt", "one")
	b.drop("data/b.txt", "two")
	b.drop("w.flow.yaml", `levee: 1
allow: { read: [data] }
nodes:
  a: { uses: file/read_text, with: { path: data/a.txt } }
  b: { uses: file/read_text, with: { path: data/b.txt } }
  up: { uses: text/upper, in: { text: a.text } }
  all: { uses: text/format, with: { template: "{a} {b}" }, in: { a: up.text, b: b.text } }
outputs: { text: all.text }
`)
	d := b.open()
	require.Equal(t, "ONE two", output(t, d.run("w.flow.yaml").Result, "text"))
	require.Equal(t, journal.Counts{Cached: 4}, d.run("w.flow.yaml").Counts)

	b.drop("data/b.txt", "three")
	got := d.run("w.flow.yaml")
	require.Equal(t, "ONE three", output(t, got.Result, "text"))
	require.ElementsMatch(t, []string{"b", "all"}, got.with(journal.Ran))

	b.drop("data/a.txt", "One") // up of it is what it was
	got = d.run("w.flow.yaml")
	require.ElementsMatch(t, []string{"a", "up"}, got.with(journal.Ran))
	require.ElementsMatch(t, []string{"b", "all"}, got.with(journal.Cached))

	b.drop("data/a.txt", "one") // as it was at first: that result is still there
	require.Equal(t, journal.Counts{Cached: 4}, d.run("w.flow.yaml").Counts)

	b.remove("data/a.txt")
	require.ErrorContains(t, d.run("w.flow.yaml").Err, "data/a.txt")
	b.drop("data/a.txt", "one")
	require.Equal(t, journal.Counts{Cached: 4}, d.run("w.flow.yaml").Counts)
}

func TestNewFileRunsItsLister(t *testing.T) {
	b := newBox(t)
	b.drop("data/a.txt", "one")
	b.drop("w.flow.yaml", "levee: 1\nallow: { read: [data] }\nnodes:\n  l: { uses: file/list, with: { glob: 'data/*.txt' } }\noutputs: { paths: l.paths }\n")
	d := b.open()
	require.Equal(t, `["data/a.txt"]`, output(t, d.run("w.flow.yaml").Result, "paths"))
	b.drop("data/a.txt", "other content")
	require.Equal(t, journal.Counts{Cached: 1}, d.run("w.flow.yaml").Counts)
	b.drop("data/b.txt", "two")
	require.Equal(t, `["data/a.txt","data/b.txt"]`, output(t, d.run("w.flow.yaml").Result, "paths"))
	b.remove("data/b.txt")
	require.Equal(t, journal.Counts{Cached: 1}, d.run("w.flow.yaml").Counts)
}

func TestReadsStayInsideTheGrants(t *testing.T) {
	b := newBox(t)
	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o644))
	b.drop("data/a.txt", "one")
	b.drop("other/a.txt", "other")
	require.NoError(t, os.Symlink(outside, b.path("data/link.txt")))
	require.NoError(t, os.Symlink(filepath.Dir(outside), b.path("data/dir")))
	require.NoError(t, os.Link(outside, b.path("data/hard.txt")))
	b.drop("w.flow.yaml", "levee: 1\nallow: { read: [data] }\ninputs: { path: string }\nnodes:\n  r: { uses: file/read_text, in: { path: inputs.path } }\noutputs: { text: r.text }\n")
	d := b.open()
	require.Equal(t, "one", output(t, d.run("w.flow.yaml", "path", "data/a.txt").Result, "text"))
	for _, path := range []string{
		"other/a.txt", "w.flow.yaml", "data/../other/a.txt", "../served/data/a.txt", "/etc/passwd", outside, "data/link.txt",
		"data/dir/secret", "data/hard.txt", "data", "", ".", "data/a.txt\x00", "data//a.txt", "./data/a.txt", "data/" + string([]byte{0x1b}),
	} {
		got := d.run("w.flow.yaml", "path", path)
		require.Error(t, got.Err, "%q", path)
		require.NotContains(t, got.Err.Error(), "secret\n")
		require.Equal(t, journal.Counts{Failed: 1}, got.Counts)
	}
}

func TestWritesStayInsideTheGrants(t *testing.T) {
	b := newBox(t)
	aside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(aside, "file"), []byte("untouched"), 0o644))
	b.drop("out/keep.txt", "old")
	require.NoError(t, os.Symlink(aside, b.path("out/dir")))
	require.NoError(t, os.Symlink(filepath.Join(aside, "file"), b.path("out/link.txt")))
	flow := "levee: 1\nallow: { write: [out] }\ninputs: { path: string }\nnodes:\n  w: { uses: file/write, with: { data: {text: new} }, in: { path: inputs.path } }\n"
	b.drop("w.flow.yaml", replace(t, flow, "{text: new}", "new"))
	d := b.open()
	before := b.files()
	for _, path := range []string{
		"w.flow.yaml", "other/x.txt", "x.txt", "out/../x.txt", "../x.txt", "/tmp/levee-escaped", filepath.Join(aside, "file"),
		"out/dir/x.txt", "out", "", "out/.hidden", "out/a\nb", "out/evil.flow.yaml", "out/deep/workflow.json", "out/x.wasm", "out/x.wasm.json", "out/X.Wasm", "out/x.waſm", "out/x.wasm.", "out/Evil.FLOW.yaml",
	} {
		got := d.run("w.flow.yaml", "path", path)
		require.Error(t, got.Err, "%q", path)
	}
	require.Equal(t, before, b.files(), "nothing was written")
	text, err := os.ReadFile(filepath.Join(aside, "file"))
	require.NoError(t, err)
	require.Equal(t, "untouched", string(text))
	left, err := os.ReadDir(aside)
	require.NoError(t, err)
	require.Len(t, left, 1)

	// A link where a file goes is replaced or refused, but never followed.
	got := d.run("w.flow.yaml", "path", "out/link.txt")
	text, err = os.ReadFile(filepath.Join(aside, "file"))
	require.NoError(t, err)
	require.Equal(t, "untouched", string(text), got.Err)

	require.NoError(t, d.run("w.flow.yaml", "path", "out/keep.txt").Err)
	require.Equal(t, "new", b.read("out/keep.txt"))
	require.NoError(t, d.run("w.flow.yaml", "path", "out/a/b/c.txt").Err)
	require.Equal(t, "new", b.read("out/a/b/c.txt"))
}

func TestWhatWasWrittenIsWrittenAgainWhenItIsGone(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", `levee: 1
allow: { write: [out] }
nodes:
  t: { uses: text/upper, with: { text: x } }
  w: { uses: file/write, with: { path: out/node.txt }, in: { data: t.text } }
outputs:
  o: { from: t.text, file: out/output.txt }
`)
	d := b.open()
	got := d.run("w.flow.yaml")
	require.Equal(t, []string{"out/output.txt"}, got.Written)
	got = d.run("w.flow.yaml")
	require.Empty(t, got.Written)
	require.Equal(t, journal.Counts{Cached: 2}, got.Counts)
	b.remove("out/node.txt")
	b.remove("out/output.txt")
	got = d.run("w.flow.yaml")
	require.Equal(t, journal.Counts{Ran: 1, Cached: 1}, got.Counts)
	require.Equal(t, []string{"out/output.txt"}, got.Written)
	require.Equal(t, "X", b.read("out/node.txt"))
	require.Equal(t, "X", b.read("out/output.txt"))
	b.drop("out/node.txt", "somebody else's")
	require.Equal(t, journal.Counts{Ran: 1, Cached: 1}, d.run("w.flow.yaml").Counts)
	require.Equal(t, "X", b.read("out/node.txt"))
}

// TestLargeValues go through value files, the each group and the outputs.
func TestLargeValues(t *testing.T) {
	b := newBox(t)
	b.drop("blow.wasm", string(guests.Blow()))
	b.drop("w.flow.yaml", `levee: 1
allow: { write: [out] }
inputs: { ns: { type: list<int>, default: [65, 66, 67] } }
nodes:
  all:
    each: inputs.ns
    as: n
    nodes:
      big: { uses: ./blow.wasm, in: { n: n }, with: { kib: 700 } }
      text: { uses: text/decode, in: { data: big.data } }
      low: { uses: text/lower, in: { text: text.text } }
    out: { text: low.text }
outputs:
  texts: { from: all.text, file: "out/*.txt" }
`)
	d := b.open()
	got := d.run("w.flow.yaml")
	require.NoError(t, got.Err)
	require.Equal(t, []string{"out/0.txt", "out/1.txt", "out/2.txt"}, got.Written)
	for i, letter := range []byte("abc") {
		text := b.read("out/" + string(rune('0'+i)) + ".txt")
		require.Len(t, text, 700<<10)
		require.Equal(t, string(letter), text[:1])
	}
	require.Equal(t, journal.Counts{Cached: 9}, d.run("w.flow.yaml").Counts)
}

func TestGuestThatLooksAtTooManyFilesIsStopped(t *testing.T) {
	b := newBox(t)
	b.drop("flood.wasm", string(guests.ReadFlood(21_000)))
	b.drop("w.flow.yaml", "levee: 1\nallow: { read: [.] }\nnodes:\n  n: { uses: ./flood.wasm }\noutputs: { n: n.n }\n")
	d := b.open()
	got := d.run("w.flow.yaml")
	require.ErrorContains(t, got.Err, "at most")
}

// TestDamagedValueIsMadeAgain changes a bit of a value file behind the back of a daemon: in front of a reader, and of an output.
func TestDamagedValueIsMadeAgain(t *testing.T) {
	b := newBox(t)
	b.drop("blow.wasm", string(guests.Blow()))
	flow := `levee: 1
allow: { write: [out] }
nodes:
  big: { uses: ./blow.wasm, with: { n: 65, kib: 400 } }
  text: { uses: text/decode, in: { data: big.data } }
  len: { uses: text/length, in: { text: text.text } }
outputs: { big: { from: big.data, file: out/big.bin } }
`
	b.drop("w.flow.yaml", flow)
	d := b.open()
	require.NoError(t, d.run("w.flow.yaml").Err)
	b.damageValues()
	b.remove("out/big.bin")
	got := d.run("w.flow.yaml")
	require.NoError(t, got.Err)
	require.Equal(t, 1, got.Counts.Ran)
	require.Len(t, b.read("out/big.bin"), 400<<10)

	b.damageValues()
	b.drop("w.flow.yaml", replace(t, flow, "text/decode, in: { data: big.data } }", "text/decode, in: { data: big.data }, memory: 128MiB }"))
	got = d.run("w.flow.yaml")
	require.NoError(t, got.Err)
	require.Equal(t, 2, got.Counts.Ran, "what made it and what reads it")
	require.Equal(t, journal.Completed, got.Status)
}

// damageValues flips a bit in every value file.
func (b *box) damageValues() {
	b.t.Helper()
	require.NoError(b.t, filepath.WalkDir(filepath.Join(b.cfg.CacheDir, "values"), func(p string, e fs.DirEntry, err error) error {
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
