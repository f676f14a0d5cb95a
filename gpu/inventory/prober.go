package inventory

import (
	"context"
	"sync"
	"time"
)

const (
	library     = "libnvidia-ml.so.1"
	cudaLibrary = "libcuda.so.1"
	freshFor    = 30 * time.Second
)

// Prober asks for the GPUs when somebody wants to know, and remembers the answer for a while. It runs nothing by itself.
type Prober struct {
	deadline   time.Duration // for NVML to answer
	executable string        // becomes the probe
	root       string        // of the files that are glanced at

	asking sync.Mutex // held while a probe goes on

	mu    sync.Mutex
	last  Report
	stuck <-chan struct{} // closed when an abandoned probe has ended after all; nil: there is none
}

// New makes a Prober, whose probes are this program, which must call ProbeMain. root is where the machine's files are looked for: "/".
// Nothing is asked yet.
func New(root string) *Prober {
	return &Prober{deadline: 5 * time.Second, executable: "/proc/self/exe", root: root}
}

// Report gives what is known, asking again when that is older than half a minute.
func (p *Prober) Report(ctx context.Context) Report {
	if r, ok := p.known(); ok {
		return r
	}
	p.asking.Lock()
	defer p.asking.Unlock()
	if r, ok := p.known(); ok { // somebody else asked meanwhile
		return r
	}
	return p.ask(ctx)
}

// Renew asks now: something has happened.
func (p *Prober) Renew(ctx context.Context) Report {
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.ask(ctx)
}

func (p *Prober) known() (Report, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, !p.last.At.IsZero() && time.Since(p.last.At) < freshFor
}

func (p *Prober) ask(ctx context.Context) Report {
	r := p.probe(ctx)
	r.At = time.Now()
	if ctx.Err() != nil {
		return r // it was cut short by the one who asked: that says nothing about the GPU
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = r
	return r
}
