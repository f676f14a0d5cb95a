//go:build linux

package runtime

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/testdata/hostile"
)

// heartbeat measures the longest time during which this process did not answer.
type heartbeat struct {
	stop chan struct{}
	done sync.WaitGroup
	gap  time.Duration
}

func newHeartbeat() *heartbeat {
	h := &heartbeat{stop: make(chan struct{})}
	h.done.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-h.stop:
				return
			case <-tick.C:
			}
			now := time.Now()
			h.gap = max(h.gap, now.Sub(last))
			last = now
		}
	})
	return h
}

func (h *heartbeat) end() time.Duration { close(h.stop); h.done.Wait(); return h.gap }

// TestHostileModules gives the engine everything of the corpus that is for it.
func TestHostileModules(t *testing.T) {
	e := newEngine(t, func(c *Config) { c.CompileTime = min(compilerSlowdown, 3) * 4 * time.Second })
	h := newHeartbeat()
	for _, hm := range hostile.Modules() {
		if hm.Stage == hostile.Compile && testing.Short() {
			continue
		}
		t.Run(hm.ID+" "+hm.Name, func(t *testing.T) {
			m, err := NewModule(hm.ID, hm.Wasm, nil)
			if hm.Stage == hostile.Preflight || hm.Stage == hostile.Load && err != nil {
				var me *ModuleError
				require.ErrorAs(t, err, &me)
				require.Equal(t, hm.Want, me.Code, err)
				require.ErrorContains(t, err, hm.Detail)
				return
			}
			loaded := e.Stats().Compiled
			require.NoError(t, err)
			c := &Call{Module: m, Node: "n", Export: "run", Outputs: 1, Limits: Limits{Time: patience}}
			if hm.Want == CodeTimeout {
				c.Limits.Time = 300 * time.Millisecond
			}
			if hm.Stdio {
				c.ABI, c.Export = Stdio, "_start"
			}
			res, err := e.Run(context.Background(), c)
			if hm.Want == hostile.OK {
				require.NoError(t, err)
				res.Close()
				return
			}
			var ge *Error
			require.ErrorAs(t, err, &ge)
			if compilerSlowdown > 1 && hm.Want == CodeCompileTimeout && ge.Code == CodeCompile {
				t.Skipf("the race detector runs out of memory before its time is over: %v", err)
			}
			require.Equal(t, hm.Want, ge.Code, err)
			require.ErrorContains(t, err, hm.Detail)
			if hm.Stage == hostile.Load {
				require.Equal(t, loaded, e.Stats().Compiled, "refused before any worker saw it")
			}
		})
	}
	gap := h.end()
	t.Logf("longest silence of this process: %v; %+v", gap, e.Stats())
	// Whatever happened, the engine works on.
	_, err := run(t, e, guestModule(t), "silent")
	require.NoError(t, err)
}
