package daemon_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// TestFullDiskLosesNothing fills the disk that history and results lie on in the middle of a run.
func TestFullDiskLosesNothing(t *testing.T) {
	b := newBox(t)
	disk := smallDisk(t, "600m")
	b.cfg.StateDir, b.cfg.CacheDir = filepath.Join(disk, "state"), filepath.Join(disk, "cache")
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("mix.wasm", string(guests.Mix("")))
	flow := gated("open")
	for i := range 20 {
		flow = replace(t, flow, "outputs: {", fmt.Sprintf("  m%d: { uses: ./mix.wasm, in: { a: wait.n }, with: { seed: %d } }\noutputs: { m%d: m%d.n,", i, i, i, i))
	}
	// What is compiled for the first time needs room on the disk.
	b.drop("warm.flow.yaml", "levee: 1\nallow: { read: [.] }\nnodes:\n  a: { uses: ./gate.wasm, with: { path: warm.flow.yaml } }\n  b: { uses: ./mix.wasm }\n")
	s := b.serve()
	require.NoError(t, s.ended("warm.flow.yaml").Err)
	b.drop("w.flow.yaml", flow)
	s.nodeEnded("w.flow.yaml", "first")

	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	b.drop("open", "")
	// Whatever is kept in reserve is used up too, until the daemon waits.
	require.Eventually(t, func() bool {
		fill(t, filler)
		return strings.Contains(b.log.String(), "disk is full")
	}, deadline, 20*time.Millisecond)
	// A workflow that comes now is not forgotten either.
	b.drop("late.flow.yaml", greeting("late"))
	s.until(daemon.Loaded, "late.flow.yaml")
	require.NoError(t, os.Remove(filler))

	require.Equal(t, "HELLO, LATE!", output(t, s.ended("late.flow.yaml").Result, "text"))
	s.again()
	got := s.ended("w.flow.yaml")
	require.Equal(t, journal.Completed, got.Status, "%v", got.Err)
	require.Equal(t, "7", output(t, got.Result, "text"))
	for i := range 20 {
		require.Equal(t, fmt.Sprint(31*7+i), output(t, got.Result, fmt.Sprintf("m%d", i)))
	}
	require.Len(t, got.with(journal.Ran), 23, "each end is in the history")
	s.stop()
	require.Len(t, b.runs(), 3)
	require.NotContains(t, b.log.String(), "damaged")

	s = b.serve(once) // and a later process finds everything in order
	s.finish()
	require.Len(t, b.runs(), 3)
	require.Zero(t, s.executions())
}

// A run goes on with results in memory when the disk has no room for them, but not with as many as its nodes like to make.
func TestFullDiskDoesNotFillTheMemory(t *testing.T) {
	b := newBox(t)
	disk := smallDisk(t, "64m")
	b.cfg.CacheDir = filepath.Join(disk, "cache")
	b.drop("one.flow.yaml", `levee: 1
inputs: { text: string }
nodes:
  much: { uses: text/pad, with: { width: 1000000 }, in: { text: inputs.text } }
  long: { uses: text/length, in: { text: much.text } }
outputs: { n: long.characters }
`)
	b.drop("many.flow.yaml", `levee: 1
nodes:
  l: { uses: flow/value, with: { value: [a, b, c, d] } }
  e: { each: l.value, as: x, nodes: { much: { uses: text/pad, with: { width: 1000000 }, in: { text: x } } }, out: { text: much.text } }
  all: { uses: text/join, in: { items: e.text } }
  long: { uses: text/length, in: { text: all.text } }
outputs: { n: long.characters }
`)
	d := b.open()
	require.NoError(t, d.run("one.flow.yaml", "text", "warm").Err)
	d.HoldAtMost(5 << 20)
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	t.Cleanup(func() { require.NoError(t, os.Remove(filler)) })
	st, err := os.Stat(filler)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filler, st.Size()-800<<10))    // room for rows, and for no text of a million
	for _, text := range []string{"u", "v", "w", "x", "y", "z"} { // what a run held is free when it has ended
		got := d.run("one.flow.yaml", "text", text)
		require.NoError(t, got.Err)
		require.Equal(t, "1000000", output(t, got.Result, "n"))
	}
	require.ErrorContains(t, d.run("many.flow.yaml").Err, "results of one run for which the disk has no room may take 2.5 MiB of memory together")
	d.HoldAtMost(40 << 20) // the four, their list and the whole of them
	got := d.run("many.flow.yaml")
	require.NoError(t, got.Err)
	require.Equal(t, "4000000", output(t, got.Result, "n"))
}

// What the run of a node gives is in memory when that run has ended, too, and counts for the run that it is part of.
func TestFullDiskCountsWhatRunsOfNodesGive(t *testing.T) {
	b := newBox(t)
	disk := smallDisk(t, "64m")
	b.cfg.CacheDir = filepath.Join(disk, "cache")
	b.drop("one.flow.yaml", `levee: 1
inputs: { text: string }
nodes: { much: { uses: text/pad, with: { width: 1000000 }, in: { text: inputs.text } } }
outputs: { text: much.text }
`)
	b.drop("many.flow.yaml", `levee: 1
nodes:
  a: { uses: ./one.flow.yaml, with: { text: a } }
  b: { uses: ./one.flow.yaml, with: { text: b } }
  c: { uses: ./one.flow.yaml, with: { text: c } }
  n: { uses: text/length, in: { text: a.text }, after: [b, c] }
outputs: { n: n.characters }
`)
	d := b.open()
	require.NoError(t, d.run("many.flow.yaml").Err) // compiles, which needs room on the disk
	d.HoldAtMost(5 << 20)
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	t.Cleanup(func() { require.NoError(t, os.Remove(filler)) })
	st, err := os.Stat(filler)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filler, st.Size()-800<<10)) // room for rows, and for no text of a million
	b.drop("many.flow.yaml", strings.ReplaceAll(b.read("many.flow.yaml"), "with: { text: ", "with: { text: other "))
	require.ErrorContains(t, d.run("many.flow.yaml").Err, "results of one run for which the disk has no room may take 2.5 MiB of memory together")

	// What is in memory because the file has it does not count.
	b.drop("one.flow.yaml", "levee: 1\ninputs: { text: string }\nnodes: { n: { uses: text/length, in: { text: inputs.text } } }\noutputs: { text: inputs.text }\n")
	for _, text := range []string{"a", "b", "c"} {
		b.drop("many.flow.yaml", replace(t, b.read("many.flow.yaml"), "{ text: other "+text, "{ text: "+strings.Repeat(text, 300_000)))
	}
	d.HoldAtMost(1 << 20)
	require.NoError(t, d.run("many.flow.yaml").Err)
}

// A result that cannot be stored is not called the node's fault.
func TestDiskThatTakesNoValuesIsNamed(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", "levee: 1\nnodes:\n  much: { uses: text/pad, with: { text: x, width: 1000000 } }\noutputs: { text: much.text }\n")
	d := b.open()
	values := filepath.Join(b.cfg.CacheDir, "values")
	require.NoError(t, os.RemoveAll(values))
	require.NoError(t, os.WriteFile(values, nil, 0o600))
	res := d.run("w.flow.yaml")
	require.Equal(t, journal.Failed, res.Status)
	require.ErrorContains(t, res.Err, "output text: cache: ")
	require.ErrorContains(t, res.Err, "not a directory")
	require.NotContains(t, res.Err.Error(), "is no string")
}

// smallDisk is a folder on a disk of its own, of that size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	disk := t.TempDir()
	if err := unix.Mount("levee-test", disk, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small disk needs root: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	return disk
}

// fill writes until there is no room left.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			require.True(t, errors.Is(err, unix.ENOSPC), err)
			block = block[:len(block)/2]
		}
	}
}
