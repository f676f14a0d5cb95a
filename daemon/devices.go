package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"levee/gpu/inventory"
	"levee/graph"
)

// cpu is the device that every machine has. Its slots are the engine's workers.
const cpu = "cpu"

// DeviceError says which nodes need a device that this machine lacks. It is known when a workflow is loaded: nothing of it runs.
type DeviceError struct{ Needs []string }

func (e *DeviceError) Error() string { return strings.Join(e.Needs, "; ") }

// devices are what this machine has for nodes to run on, besides its processors.
type devices struct {
	slots map[string]*slots // by name, of those that were declared
	gpus  *gpus
}

func newDevices(declared map[string]int) *devices {
	d := &devices{slots: make(map[string]*slots, len(declared)), gpus: newGPUs(inventory.New("/"))}
	for name, n := range declared {
		d.slots[name] = &slots{free: n}
	}
	return d
}

// place chooses where each node of a workflow runs: on the first device of its device: (else of those that its type offers) that the
// type offers and the machine has, with as much memory as the node may have. The device is no part of an action key: a module is the
// same program on each device that it offers. Where its results may differ by device, the GPU work that makes them differ says so.
func (d *devices) place(g *graph.Graph, grants Grants) (map[*graph.Node]string, error) {
	placed := map[*graph.Node]string{}
	var missing DeviceError
	var found *inventory.Report // asked for once a node could use it
	g.Walk(func(n *graph.Node) {
		t, ok := handle(n)
		if !ok {
			return
		}
		lacks := ""
		for _, name := range choices(n, t) {
			if name == cpu {
				return
			}
			if d.slots[name] != nil {
				placed[n] = name
				return
			}
			if found == nil {
				r := d.gpus.prober.Report(context.Background())
				found = &r
			}
			if lacks = lacking(found, gpuMemory(n, grants)); lacks == "" {
				placed[n] = name
				return
			}
		}
		if lacks != "" {
			missing.Needs = append(missing.Needs, fmt.Sprintf("node %q (%s) requires a GPU, but %s", n.Site, t.FullName, lacks))
		}
	})
	if len(missing.Needs) > 0 {
		return nil, &missing
	}
	return placed, nil
}

// fingerprints are the devices on which a node that was placed would run now: where results may differ, theirs may be used.
func (d *devices) fingerprints(ctx context.Context, placed string) (list []string) {
	if placed != "" && d.slots[placed] == nil {
		r := d.gpus.prober.Report(ctx)
		for _, gpu := range r.Usable() {
			list = append(list, r.Fingerprint(gpu))
		}
		slices.Sort(list)
		list = slices.Compact(list)
	}
	if len(list) == 0 {
		list = append(list, cpu)
	}
	return list
}

// choices are the devices on which a node may run, in order of preference.
func choices(n *graph.Node, t nodeType) (list []string) {
	want := n.Device
	if len(want) == 0 {
		want = t.Devices
	}
	for _, name := range want {
		if slices.Contains(t.Devices, name) {
			list = append(list, name)
		}
	}
	return list
}

// lacking says what keeps the machine's GPUs from ever taking a node with so much memory; "" when nothing does.
func lacking(found *inventory.Report, memory int64) string {
	if found.Outcome != inventory.Present {
		return "no GPU is available: " + found.Reason
	}
	var largest int64
	for _, d := range found.Usable() {
		largest = max(largest, most(d))
	}
	if memory > largest {
		return fmt.Sprintf("it may have %s of GPU memory, and the largest GPU has %s for nodes", SizeText(memory), SizeText(largest))
	}
	return ""
}

// slots are the places on one device. Who asks first is first, whatever run it belongs to.
type slots struct {
	mu   sync.Mutex
	free int             // guarded by mu
	line []chan struct{} // guarded by mu; who waits: closed when the place is theirs
}

// take waits for a place; waits is called once if there is none right now. The place must be given back by give.
func (s *slots) take(ctx context.Context, waits func()) error {
	s.mu.Lock()
	if s.free > 0 && len(s.line) == 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.line = append(s.line, turn)
	s.mu.Unlock()
	waits()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		i := slices.Index(s.line, turn)
		if i >= 0 {
			s.line = slices.Delete(s.line, i, i+1)
		}
		s.mu.Unlock()
		if i < 0 { // the place came at the same moment
			s.give()
		}
		return context.Cause(ctx)
	}
}

func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) == 0 {
		s.free++
		return
	}
	close(s.line[0])
	s.line = s.line[1:]
}
