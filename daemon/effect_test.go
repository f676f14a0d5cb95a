package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/cache/sqlite"
	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph/value"
	"levee/testdata/guests"
)

// effectful is a workflow with a node that writes a file and then waits for another one.
const effectful = `levee: 1
allow: { read: [.], write: [out] }
nodes:
  write: { uses: ./effect.wasm }
outputs: { n: write.n }
`

func TestEffectIsNotRepeatedUnlessItsAuthorSaysItMayBe(t *testing.T) {
	for _, idempotent := range []bool{false, true} {
		b := newBox(t)
		b.drop("effect.wasm", string(guests.Effect("out/sent.txt", "sent", "go", idempotent)))
		b.drop("w.flow.yaml", effectful)
		s := b.serve()
		s.until(daemon.Loaded, "w.flow.yaml")
		require.Eventually(t, func() bool { return b.exists("out/sent.txt") }, deadline, 10*time.Millisecond)
		s.cut() // in the middle of it
		s.stop()
		rec := b.runs()[0]
		require.Equal(t, journal.Running, rec.Status)

		b.drop("out/sent.txt", "changed since")
		b.drop("go", "")
		s = b.serve(once)
		got := s.ended("w.flow.yaml")
		require.Equal(t, rec.ID, got.ID)
		if idempotent {
			require.Equal(t, "1", output(t, got.Result, "n"))
			require.Equal(t, "sent", b.read("out/sent.txt"))
		} else {
			require.ErrorContains(t, got.Err, "E_UNKNOWN_EFFECT")
			require.Equal(t, "changed since", b.read("out/sent.txt"), "it did not happen again")
			require.Equal(t, "E_UNKNOWN_EFFECT", b.runs()[len(b.runs())-1].Code)
		}
		s.stop()
	}
}

// TestEffectBeginsWhenWhatWasBeforeItIsStored looks into the cache in the middle of an effect.
func TestEffectBeginsWhenWhatWasBeforeItIsStored(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("effect.wasm", string(guests.Effect("out/sent.txt", "sent", "go", true)))
	b.drop("w.flow.yaml", `levee: 1
allow: { read: [.], write: [out] }
inputs: { seed: int }
nodes:
  before: { uses: ./mix.wasm, in: { seed: inputs.seed } }
  write: { uses: ./effect.wasm, after: [before] }
`)
	d := b.open()
	flow, err := d.LoadFile(b.path("w.flow.yaml"))
	require.NoError(t, err)
	run := func(seed int64) {
		mustRun(t, d.Daemon, flow, daemon.Request{NoCache: true, Inputs: map[string]value.Value{"seed": value.OfInt(seed)}})
	}
	b.drop("go", "")
	run(0) // the modules are compiled, so that nothing takes time
	db, err := sqlite.Open(filepath.Join(b.cfg.CacheDir, "cache.db"), sqlite.Options{Sync: sqlite.Normal, Schema: make([]string, 1)})
	require.NoError(t, err)
	defer db.Close()
	stored := func() (n int) {
		require.NoError(t, db.Reader().QueryRow(`SELECT count(*) FROM action`).Scan(&n))
		return n
	}
	for seed := range int64(5) {
		require.NoError(t, errors.Join(os.Remove(b.path("go")), os.Remove(b.path("out/sent.txt"))))
		before := stored()
		var wg sync.WaitGroup
		wg.Go(func() { run(1 + seed) })
		require.Eventually(t, func() bool { return b.exists("out/sent.txt") }, deadline, time.Millisecond)
		now := stored()
		b.drop("go", "")
		wg.Wait()
		require.Equal(t, before+1, now)
	}
}
