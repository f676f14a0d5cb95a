package daemon

import (
	"context"

	"levee/cache"
	"levee/graph"
	"levee/graph/value"
	"levee/runtime"
)

// items takes what an invocation gives while it runs: every item becomes a value, goes to the groups that run over the port, is
// told where the port leads straight to an output of the workflow, and is kept for the list that is the result.
type items struct {
	inv   *invocation
	lists map[int]*graph.List
	told  map[int][]*graph.Output // the workflow's, by port
	hold  context.Context         // ends when others wait for the invocation, who must not wait for this run's groups
	emit  bool
}

// maxStreaming is how many invocations hand on items while they run. One that waits for its readers keeps a process; what comes
// beyond gives its list in the end.
const maxStreaming = 64

// maxTold is how many items of one output are told; the list is told in the end.
const maxTold = 10_000

// items prepares a call whose node type has streams, nil for all others. end must be called.
func (c *invocation) items(ctx context.Context, call *runtime.Call) (s *items, end func()) {
	for i, p := range c.typ.Outputs {
		if p.Stream {
			call.Streams = append(call.Streams, i)
		}
	}
	if len(call.Streams) == 0 {
		return nil, func() {}
	}
	s = &items{inv: c, lists: map[int]*graph.List{}, told: map[int][]*graph.Output{}}
	for _, port := range call.Streams {
		s.lists[port] = graph.NewList(c.Node.Outputs[port].Type.Elem(), c.run.save)
	}
	for i := range c.run.flow.Graph.Outputs {
		o := &c.run.flow.Graph.Outputs[i]
		if o.From.Kind != graph.FromNode || o.From.Node != c.Node {
			continue
		}
		for _, port := range call.Streams {
			if c.Node.Outputs[port].Name == o.From.Port {
				s.told[port] = append(s.told[port], o)
			}
		}
	}
	call.Item = s.take
	// A place on a device would be kept while the node waits for its readers, who may want it.
	if c.Emit == nil || c.run.flow.placed[c.Node] != "" {
		return s, func() {}
	}
	if c.run.daemon.streaming.Add(1) > maxStreaming {
		c.run.daemon.streaming.Add(-1)
		return s, func() {}
	}
	hold, cancel := context.WithCancel(ctx)
	s.hold, s.emit = hold, true
	shared := cache.Shared(ctx)
	go func() {
		defer cancel()
		select {
		case <-shared:
		case <-hold.Done():
		}
	}()
	return s, func() {
		cancel()
		c.run.daemon.streaming.Add(-1)
	}
}

// take takes one item. Its error ends the call.
func (s *items) take(ctx context.Context, port int, out runtime.Output) error {
	c, p := s.inv, s.inv.Node.Outputs[port]
	v, err := c.run.output(ctx, p.Type.Elem(), out)
	if err != nil {
		p.Type = p.Type.Elem()
		return c.outputError(p, err)
	}
	at := s.lists[port].Len()
	if err := s.lists[port].Add(ctx, v); err != nil {
		return err
	}
	if at < maxTold {
		for _, o := range s.told[port] {
			c.run.feed.putWhenRoom(&entry{event: c.run.itemUpdate(o, at, v)})
		}
	}
	if s.emit {
		// An error says that the groups are gone. Others may wait for the list.
		s.emit = c.Emit(s.hold, port, v) == nil
	}
	return nil
}

// list is the whole output of a port that is a stream.
func (s *items) list(ctx context.Context, port int) (value.Value, error) {
	return s.lists[port].End(ctx)
}
