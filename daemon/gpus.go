package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/inventory"
)

// gpus admits nodes to the machine's GPUs by memory: each gets what it may have in tensors, or waits until that is free. Who asks
// first is first, whatever run it belongs to.
type gpus struct {
	prober *inventory.Prober
	again  time.Duration // while somebody waits: others than levee give memory back too

	mu     sync.Mutex
	report inventory.Report // what cards was made of; guarded by mu, as all below
	cards  map[string]*card // by identity
	line   []*applicant
	timer  *time.Timer // looks again; runs only while somebody waits
}

func newGPUs(p *inventory.Prober) *gpus {
	return &gpus{prober: p, again: lookAgain, cards: map[string]*card{}}
}

// card is a GPU as nodes are admitted to it.
type card struct {
	device  inventory.Device
	room    int64 // bytes that nodes may have in all
	granted int64
	nodes   int
}

// applicant waits for memory.
type applicant struct {
	memory int64
	except map[string]error // GPUs, by identity, on which it cannot be, and why
	turn   chan struct{}    // closed when grant or err is set
	grant  *grant
	err    error
}

// grant is a place on a GPU, with memory.
type grant struct {
	device      inventory.Device
	memory      int64
	fingerprint string
	card        *card
}

// What a GPU is left with, at least: a screen's, and what the process takes that holds it for an owner.
const (
	contextMemory = 512 << 20
	leastReserve  = 512 << 20
	reservePart   = 20
	mostOnGPU     = 8 // nodes at the same time
	lookAgain     = 30 * time.Second
)

// noGPUError says that a GPU was there when the workflow was checked, and is not any more.
type noGPUError struct{ reason string }

func (e *noGPUError) Error() string { return "the GPU cannot be used any more: " + e.reason }

// most is the memory that a GPU can give to nodes when nobody else uses it.
func most(d inventory.Device) int64 {
	total := d.Memory
	if total == 0 { // it does not say: one that shares the machine's memory gives half of it
		total = machineMemory() / 2
	}
	return max(total-reserve(total), 0)
}

func reserve(total int64) int64 { return contextMemory + max(leastReserve, total/reservePart) }

func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 2 << 30
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// take waits for memory on one of the GPUs but some; waits is called once if there is none right now. The grant must be given back.
func (g *gpus) take(ctx context.Context, memory int64, except map[string]error, waits func()) (*grant, error) {
	report := g.prober.Report(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return g.stand(ctx, report, &applicant{memory: memory, except: except}, waits)
}

// stand stands in the line, knowing what NVML reports.
func (g *gpus) stand(ctx context.Context, report inventory.Report, a *applicant, waits func()) (*grant, error) {
	a.turn = make(chan struct{})
	g.mu.Lock()
	g.see(report)
	g.line = append(g.line, a)
	g.serve()
	waiting := slices.Contains(g.line, a)
	g.mu.Unlock()
	if waiting {
		waits()
	}
	select {
	case <-a.turn:
		return a.grant, a.err
	case <-ctx.Done():
		g.leave(a)
		return nil, context.Cause(ctx)
	}
}

// leave takes one out of the line that will not wait any more.
func (g *gpus) leave(a *applicant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.line, a); i >= 0 {
		g.line = slices.Delete(g.line, i, i+1)
	} else if a.grant != nil { // it came at the same moment
		a.grant.release()
	}
	g.serve() // those behind it may want less
}

// give gives a grant back.
func (g *gpus) give(got *grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	got.release()
	g.serve()
}

// renew asks NVML again: something has happened to a GPU.
func (g *gpus) renew() {
	report := g.prober.Renew(context.Background())
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	g.see(report)
	g.serve()
}

// see takes in what was found, once. What is free then and what was granted do not tell how much of that is used, so that while
// nodes are on a GPU its room is known within bounds only: it shrinks when it must, and grows when that much is free whatever they use.
func (g *gpus) see(report inventory.Report) {
	if report.At.Equal(g.report.At) && !report.At.IsZero() {
		return
	}
	g.report = report
	for _, d := range report.Usable() {
		c := g.cards[d.Identity()]
		if c == nil {
			c = &card{}
			g.cards[d.Identity()] = c
		}
		c.device = d
		free := most(d)
		if d.Memory > 0 {
			free = min(free, d.Free-reserve(d.Memory))
		}
		if c.granted == 0 {
			c.room = free
		} else {
			c.room = max(min(c.room, free+c.granted), free)
		}
	}
}

// serve gives those in the line what there is, in their order: nobody gets a place on a GPU that one in front waits for.
func (g *gpus) serve() {
	wanted := map[*card]bool{}
	for i, all := 0, max(1, len(g.report.Usable())); i < len(g.line) && len(wanted) < all; {
		a := g.line[i]
		if a.err = g.hopeless(a); a.err == nil {
			a.grant = g.admit(a, wanted)
		}
		if a.err != nil || a.grant != nil {
			close(a.turn)
			g.line = slices.Delete(g.line, i, i+1)
			continue
		}
		for _, d := range g.usable(a) {
			wanted[g.cards[d.Identity()]] = true
		}
		i++
	}
	switch {
	case len(g.line) > 0 && g.timer == nil:
		g.timer = time.AfterFunc(g.again, g.renew)
	case len(g.line) == 0 && g.timer != nil:
		g.timer.Stop()
		g.timer = nil
	}
}

// usable are the GPUs on which one in the line can be.
func (g *gpus) usable(a *applicant) []inventory.Device {
	return slices.DeleteFunc(g.report.Usable(), func(d inventory.Device) bool { return a.except[d.Identity()] != nil })
}

// hopeless says why one would keep the line waiting for ever: no GPU, or none that could give so much if nobody else used it.
func (g *gpus) hopeless(a *applicant) error {
	if g.report.Outcome != inventory.Present {
		return &noGPUError{g.report.Reason}
	}
	largest := int64(0)
	for _, d := range g.usable(a) {
		largest = max(largest, most(d))
	}
	if a.memory > largest {
		return &noGPUError{fmt.Sprintf("%s of its memory are asked for, and no GPU that is left has more than %s for nodes", SizeText(a.memory), SizeText(largest))}
	}
	return nil
}

// admit grants memory on the GPU with the most room, but for those that others want; nil: none has enough.
func (g *gpus) admit(a *applicant, wanted map[*card]bool) *grant {
	var best *card
	for _, d := range g.usable(a) {
		c := g.cards[d.Identity()]
		if left := c.room - c.granted; !wanted[c] && left >= a.memory && c.nodes < mostOnGPU && (best == nil || left > best.room-best.granted) {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	best.granted += a.memory
	best.nodes++
	return &grant{device: best.device, memory: a.memory, fingerprint: g.report.Fingerprint(best.device), card: best}
}

// release undoes admit. Called with gpus.mu held.
func (got *grant) release() {
	got.card.granted -= got.memory
	got.card.nodes--
}
