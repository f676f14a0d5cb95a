package daemon

import (
	"context"
	"fmt"
	"slices"

	"levee/cache"
	"levee/graph"
	"levee/graph/value"
)

// Where nothing is looked up, and so nobody may come who asks the cache, an output that only nodes on its GPU read is read back when one of
// them, or somebody else, wants to see its bytes, and not at all if none does: such a value rests.

// keepsLess reports whether the results of the run's nodes need not all be in the cache: it was to use none itself.
func (r *Run) keepsLess() bool {
	for ; r != nil; r = r.req.parent {
		if !r.req.NoCache {
			return false
		}
	}
	return true
}

// readersOnGPU counts the nodes that read an output, if all of them lie beside its node and run on a GPU; 0: somebody else needs it, too.
func (w *Workflow) readersOnGPU(n *graph.Node, port string) (readers int) {
	leads := func(s *graph.Source) bool {
		return s != nil && s.Kind == graph.FromNode && s.Node == n && s.Port == port
	}
	others := slices.ContainsFunc(w.Graph.Outputs, func(o graph.Output) bool { return leads(&o.From) || leads(o.Names) })
	w.Graph.Walk(func(r *graph.Node) {
		others = others || slices.ContainsFunc(groupSources(r), leads)
		for _, in := range r.Inputs {
			for i := range in.Sources {
				if !leads(&in.Sources[i]) {
					continue
				}
				readers++
				others = others || in.Collect || w.placed[r] == "" || !slices.Contains(r.Deps, n)
			}
		}
	})
	if others {
		return 0
	}
	return readers
}

// groupSources are what a node reads beside the inputs of its type.
func groupSources(n *graph.Node) []*graph.Source {
	list := []*graph.Source{n.If, n.Over}
	for i := range n.Zip {
		list = append(list, &n.Zip[i].Over)
	}
	if n.Repeat != nil {
		list = append(list, n.Repeat.Until)
		for i := range n.Repeat.Carry {
			list = append(list, &n.Repeat.Carry[i].From, n.Repeat.Carry[i].Next)
		}
	}
	if n.Body != nil {
		for i := range n.Body.Outputs {
			list = append(list, &n.Body.Outputs[i].From, n.Body.Outputs[i].Names)
		}
	}
	return list
}

// use says who is to use a value from now on: so many nodes on its GPU, or, if that is 0, somebody else too. false: it is let go already.
func (p *publication) use(readers int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unread {
		return false
	}
	p.readers += readers
	if readers == 0 {
		p.wake()
	}
	return true
}

// need has the value read back.
func (p *publication) need() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
}

// wake lets whoever waits for it know what becomes of the value. Called with mu held.
func (p *publication) wake() {
	if !p.decided {
		p.decided = true
		close(p.decide)
	}
}

// rests reports whether nobody has needed the value so far.
func (p *publication) rests() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.decided || p.unread
}

// leave says that one of the nodes that were to use it has ended well.
func (p *publication) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readers--; p.readers == 0 && !p.decided {
		p.unread = true
		p.wake()
	}
}

// decision waits until the value is to be read back, or not.
func (p *publication) decision(ctx context.Context) error {
	select {
	case <-p.decide:
	case <-p.ends:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.decided || p.unread {
		p.unread = true
		return errUnread
	}
	return nil
}

// errUnread is what one gets who wants to see a value after all that was let go: it is made again.
var errUnread = fmt.Errorf("%w: nobody was to read it elsewhere than on its GPU", cache.ErrLost)

// rest reports whether a value is on its GPU, and may never be anywhere else.
func (p *publications) rest(v value.Value) bool {
	one := p.known(v.Digest)
	return one != nil && one.rests()
}

// leave says that an invocation has ended well that had these inputs.
func (p *publications) leave(inputs []value.Value) {
	for _, v := range inputs {
		if one := p.known(v.Digest); one != nil {
			one.leave()
		}
	}
}
