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
	defaultTime = 5 * time.Second
)

// Prober asks for the GPUs when somebody wants to know, and remembers the answer for a while. It runs nothing by itself.
type Prober struct {
	deadline   time.Duration
	executable string
	root       string // of the files that are glanced at

	asking sync.Mutex // held while a probe goes on

	mu    sync.Mutex
	last  Report
	stuck <-chan struct{} // closed when an abandoned probe has ended after all; nil: there is none
}

// Options of a Prober; the zero value is for use.
type Options struct {
	Executable string        // the program that becomes the probe, and must call ProbeMain; "": this one
	Deadline   time.Duration // 0: 5 s
	Root       string        // where the machine's files are looked for; "": /
}

// New makes a Prober. Nothing is asked yet.
func New(o Options) *Prober {
	if o.Deadline == 0 {
		o.Deadline = defaultTime
	}
	if o.Executable == "" {
		o.Executable = "/proc/self/exe"
	}
	if o.Root == "" {
		o.Root = "/"
	}
	return &Prober{deadline: o.Deadline, executable: o.Executable, root: o.Root}
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
