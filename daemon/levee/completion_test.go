package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon/journal"
)

// A run can be cut short whatever it was about, and is offered to be taken up.
func TestCompletionOffersWhatCanBeTakenUp(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(t.Context(), dir, journal.Options{})
	require.NoError(t, err)
	for id, s := range map[string]journal.Status{"aaaaaaaa00000000": journal.Queued, "bbbbbbbb00000000": journal.Waiting, "cccccccc00000000": journal.Running} {
		require.NoError(t, j.Accept(t.Context(), &journal.Run{ID: id, Trigger: id, Workflow: "/w.flow.yaml", Name: "w", Status: s, Accepted: time.Now()}))
	}
	require.NoError(t, j.Close())
	out, err := program("__complete", "resume", "--state", dir, "").Output()
	require.NoError(t, err)
	for _, offered := range []string{"aaaaaaaa\tw queued", "bbbbbbbb\tw waiting", "cccccccc\tw running"} {
		require.Contains(t, string(out), offered)
	}
}
