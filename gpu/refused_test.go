package gpu

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// Who gets no session is told what the driver answered, in its class, and what can be done.
func TestPoolRefusals(t *testing.T) {
	for macro, want := range map[string]struct {
		fault op.Fault
		texts []string
	}{
		"INIT=100":    {op.Unavailable, []string{"cuInit: CUDA_ERROR_NO_DEVICE", "levee gpu lists what there is now"}},
		"CONTEXT=2":   {op.OverQuota, []string{"cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY", "nvidia-smi shows which"}},
		"CONTEXT=46":  {op.Unavailable, []string{"cuDevicePrimaryCtxRetain: CUDA_ERROR_DEVICE_UNAVAILABLE", "nvidia-smi -c 0"}},
		"STREAMS=0":   {op.OverQuota, []string{"the device has no memory left: cuStreamCreate: CUDA_ERROR_OUT_OF_MEMORY", "nvidia-smi shows which"}},
		"CONTEXT=719": {op.Unavailable, []string{"cuDevicePrimaryCtxRetain: CUDA_ERROR_LAUNCH_FAILED", "dmesg"}},
	} {
		t.Run(macro, func(t *testing.T) {
			p := newPool(t, fakeDriver(t, macro))
			_, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
			requireFault(t, want.fault, err)
			for _, text := range want.texts {
				require.ErrorContains(t, err, text)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			h := p.hosts[hostKey{"fake", "a"}]
			if want.fault == op.OverQuota && h != nil {
				require.Zero(t, h.failures, "memory that is short is no failure")
			}
			if h != nil && h.now != nil {
				require.Zero(t, h.now.leases)
				require.Empty(t, h.now.begins)
			}
		})
	}
}

// A session for which there is no memory on the device yet is tried again when others may have given some back.
func TestPoolWaitsForMemory(t *testing.T) {
	p := newPool(t, fakeDriver(t, "STREAMS=1"), func(c *PoolConfig) { c.backoff = slices.Repeat([]time.Duration{time.Millisecond}, 60_000) })
	e, first := session(t, p, "a")
	require.NoError(t, sums(t, e))
	got := make(chan *Lease)
	go func() {
		l, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	endOfSession(t, first)
	next := <-got
	require.NoError(t, sums(t, dial(t, next)))
	next.Close()
}

// A worker that dies while it is asked for a session is not waited for.
func TestPoolWorkerDiesBeforeASessionBegins(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	_, l := session(t, p, "a")
	w := l.on
	begun, ended, number, err := w.begin(1, -1) // with no socket: the worker takes it for nonsense
	require.NoError(t, err)
	require.ErrorIs(t, <-begun, errGone)
	<-ended
	<-l.Ended()
	p.mu.Lock()
	require.NotContains(t, w.begins, number)
	p.mu.Unlock()
	e, _ := session(t, p, "a")
	require.NoError(t, sums(t, e))
}
