package daemon_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
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
