package daemon_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// A guest may shrug when it does not get a file, and give a result all the same. That must not stand for when it would get it.
func TestResultsWithoutAFileEndWithTheReason(t *testing.T) {
	b := newBox(t)
	b.drop("peek.wasm", string(guests.Peek("data/a.txt")))
	b.drop("data/a.txt", "one")
	without := "levee: 1\nallow: { read: [other] }\nnodes:\n  n: { uses: ./peek.wasm }\noutputs: { n: n.n }\n"
	with := replace(t, without, "other", "data")
	b.drop("w.flow.yaml", without)
	d := b.open()
	require.Equal(t, "0", output(t, d.run("w.flow.yaml").Result, "n"), "not granted")
	require.Equal(t, journal.Counts{Cached: 1}, d.run("w.flow.yaml").Counts)

	b.drop("w.flow.yaml", with)
	require.Equal(t, "1", output(t, d.run("w.flow.yaml").Result, "n"), "granted now")
	require.Equal(t, journal.Counts{Cached: 1}, d.run("w.flow.yaml").Counts)
	b.drop("w.flow.yaml", without)
	got := d.run("w.flow.yaml")
	require.Equal(t, "0", output(t, got.Result, "n"), "not any more")
	require.Equal(t, journal.Counts{Cached: 1}, got.Counts)

	b.drop("w.flow.yaml", with)
	b.drop("data/a.txt", "two")
	require.NoError(t, os.Chmod(b.path("data/a.txt"), 0o666))
	require.Equal(t, "0", output(t, d.run("w.flow.yaml").Result, "n"), "anybody can write it")
	require.NoError(t, os.Chmod(b.path("data/a.txt"), 0o644))
	require.Equal(t, "1", output(t, d.run("w.flow.yaml").Result, "n"), "nobody else can")
}

// One call may open 512 files. That each is copied into memory must not fill the machine's.
func TestFilesHeldInMemoryAreBounded(t *testing.T) {
	b := newBox(t)
	b.drop("peek.wasm", string(guests.Peek("data/a.bin")))
	b.drop("data/a.bin", string(make([]byte, 10<<10)))
	b.drop("w.flow.yaml", "levee: 1\nallow: { read: [data] }\nnodes:\n  n: { uses: ./peek.wasm, with: { times: 20 } }\noutputs: { n: n.n }\n")
	d := b.open()
	d.HoldAtMost(64 << 10)
	for range 3 { // what a call held is free when it has ended
		got := d.run("w.flow.yaml")
		require.Equal(t, "3", output(t, got.Result, "n"), "half of it for one call")
		require.Equal(t, journal.Counts{Ran: 1}, got.Counts, "how much memory was free is no reason to keep a result")
	}
}

// A list of a million empty texts costs a guest nothing. What is done for each of them is bounded.
func TestListsOfStrangersAreBounded(t *testing.T) {
	b := newBox(t)
	b.drop("empties.wasm", string(guests.Empties()))
	b.drop("each.flow.yaml", `levee: 1
nodes:
  n: { uses: ./empties.wasm, with: { n: 1000001 } }
  e: { each: n.list, as: x, nodes: { u: { uses: text/upper, in: { text: x } } }, out: { t: u.text } }
outputs: { t: e.t }
`)
	b.drop("files.flow.yaml", "levee: 1\nallow: { write: [out] }\nnodes:\n  n: { uses: ./empties.wasm, with: { n: 100001 } }\noutputs: { t: { from: n.list, file: 'out/*.txt' } }\n")
	d := b.open()
	got := d.run("each.flow.yaml")
	require.ErrorContains(t, got.Err, "1000001 elements, at most 1000000")
	require.Equal(t, 1, got.Counts.Ran, "the list itself")
	require.ErrorContains(t, d.run("files.flow.yaml").Err, "100001 elements, at most 100000 files")
	require.NoDirExists(t, b.path("out"))
}

// Who can put files into the daemon's folders can put another history there.
func TestFoldersThatOthersCanWriteAreRefused(t *testing.T) {
	for _, which := range []string{"state", "cache"} {
		b := newBox(t)
		dir := map[string]string{"state": b.cfg.StateDir, "cache": b.cfg.CacheDir}[which]
		require.NoError(t, os.MkdirAll(dir, 0o700))
		require.NoError(t, os.Chmod(dir, 0o777))
		_, err := daemon.Open(t.Context(), b.cfg)
		require.ErrorContains(t, err, "can be written by others")
		require.Equal(t, daemon.ExitDaemon, daemon.ExitCode(err))
	}
}
