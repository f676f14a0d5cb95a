package gpu

import (
	"encoding/hex"
	"maps"
	"time"

	"levee/gpu/device"
	"levee/gpu/op"
)

// host is the workers of one owner at one device, one after the other. Guarded by the pool's lock.
type host struct {
	key      hostKey
	now      *process // nil: there is none
	failures int      // workers that died, one soon after the other
	last     time.Time
	until    time.Time            // before that none is started
	reason   string               // why the last one died
	slow     map[string]time.Time // code for which one was given up, and until when it is not tried again
}

// offFor is how long no worker is started after too many have died.
const offFor = 10 * time.Minute

// resting says how long no worker is started yet; an error when that is too long to wait for.
func (h *host) resting(backoff []time.Duration) (time.Duration, error) {
	wait := time.Until(h.until)
	if wait > 0 && h.failures > len(backoff) {
		return 0, op.Errorf(op.Unavailable, "its GPU worker has died %d times, the last time because: %s; the next one is started at %s",
			h.failures, h.reason, h.until.Format(time.TimeOnly))
	}
	return wait, nil
}

// forgotten says whether a host without a worker may go.
func (h *host) forgotten() bool {
	return h.now == nil && time.Since(h.last) > max(slowFor, offFor+time.Minute)
}

const (
	slowFor = time.Hour // a fault of the machine that looked like one of the code's should pass
	maxSlow = 16        // the message to a worker has room for them
)

// tooSlow takes note of code that the driver does not compile in time: each attempt costs a worker, and everybody at it.
func (h *host) tooSlow(code string) {
	if _, err := hex.DecodeString(code); err != nil || len(code) != device.CodeName {
		return // a worker that speaks nonsense
	}
	now := time.Now()
	maps.DeleteFunc(h.slow, func(_ string, until time.Time) bool { return now.After(until) || len(h.slow) >= maxSlow })
	if h.slow == nil {
		h.slow = map[string]time.Time{}
	}
	h.slow[code] = now.Add(slowFor)
}

func (h *host) failed(backoff []time.Duration, reason string) {
	now := time.Now()
	if now.Sub(h.last) > offFor+time.Minute {
		h.failures = 0
	}
	h.failures++
	h.last, h.reason, h.until = now, reason, now.Add(offFor)
	if h.failures <= len(backoff) {
		h.until = now.Add(backoff[h.failures-1])
	}
}
