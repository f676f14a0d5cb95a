package daemon_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// family returns the one run of a workflow that is a run of its own, and those of its nodes.
func (b *box) family() (parent journal.Run, children []journal.Run) {
	b.t.Helper()
	h, err := daemon.OpenHistory(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	runs, err := h.Runs(b.t.Context(), journal.Filter{})
	require.NoError(b.t, err)
	require.Len(b.t, runs, 1)
	children, err = h.Children(b.t.Context(), runs[0].ID)
	require.NoError(b.t, err)
	return runs[0], children
}

// gatedNode is a workflow that calculates, waits for a file, and calculates once more; as a node of another one.
func gatedNode(b *box) {
	b.drop("sub/mix.wasm", string(guests.Mix("")))
	b.drop("sub/gate.wasm", string(guests.Gate()))
	b.drop("sub/in.flow.yaml", `levee: 1
inputs: { start: int }
allow: { read: [.] }
nodes:
  a: { uses: ./mix.wasm, in: { a: inputs.start } }
  g: { uses: ./gate.wasm, with: { path: go }, in: { n: a.n } }
  c: { uses: ./mix.wasm, in: { a: g.n } }
outputs: { n: c.n }
`)
	b.drop("out.flow.yaml", `levee: 1
allow: { read: [sub] }
nodes:
  sub: { uses: ./sub/in.flow.yaml, with: { start: 2 } }
outputs: { n: sub.n }
`)
}

// A daemon that ends in the middle of a node that is a workflow leaves two open runs; the next start takes both up, as they were.
func TestRunOfANodeIsTakenUpWithItsParent(t *testing.T) {
	b := newBox(t)
	gatedNode(b)
	s := b.serve()
	s.until(daemon.Loaded, "out.flow.yaml")
	require.Eventually(t, func() bool {
		for _, r := range b.runs() {
			_, children := b.family()
			if len(children) == 1 && b.states(children[0].ID)["a"] == journal.Ran {
				return r.Status == journal.Running
			}
		}
		return false
	}, deadline, 10*time.Millisecond)
	_, before := b.family()
	s.cut()
	s.stop()
	parent, open := b.family()
	require.False(t, parent.Status.Terminal())
	require.False(t, open[0].Status.Terminal())

	b.drop("sub/go", "")
	s = b.serve(once)
	got := s.ended("out.flow.yaml")
	require.Equal(t, parent.ID, got.ID)
	require.Equal(t, "1922", output(t, got.Result, "n"))
	parent, after := b.family()
	require.Equal(t, journal.Completed, parent.Status)
	require.Len(t, after, 1, "no second run for the node")
	require.Equal(t, before[0].ID, after[0].ID)
	require.Equal(t, journal.Completed, after[0].Status)
	require.Equal(t, journal.Ran, b.states(after[0].ID)["a"], "what had ended stays as it was")
	s.stop()
}

func TestEditOfAUsedWorkflowIsAnEditOfItsUser(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("in.flow.yaml", "levee: 1\ninputs: { a: int }\nnodes: { m: { uses: ./mix.wasm, in: { a: inputs.a } } }\noutputs: { n: m.n }\n")
	b.drop("out.flow.yaml", "levee: 1\nnodes: { s: { uses: ./in.flow.yaml, with: { a: 1 } } }\noutputs: { n: s.n }\n")
	s := b.serve()
	require.Equal(t, "31", output(t, s.ended("out.flow.yaml").Result, "n"))
	b.drop("in.flow.yaml", "levee: 1\ninputs: { a: int }\nnodes: { m: { uses: ./mix.wasm, in: { a: inputs.a }, with: { seed: 5 } } }\noutputs: { n: m.n }\n")
	require.Equal(t, "36", output(t, s.ended("out.flow.yaml").Result, "n"))
	b.drop("in.flow.yaml", "levee: 1\ninputs: { a: int }\nnodes: { m: { uses: ./mix.wasm, in: { a: inputs.b } } }\noutputs: { n: m.n }\n")
	s.until(daemon.Broken, "out.flow.yaml")
	b.drop("mix.wasm", string(guests.Mix("other"))) // a module of the inner one counts too
	b.drop("in.flow.yaml", "levee: 1\ninputs: { a: int }\nnodes: { m: { uses: ./mix.wasm, in: { a: inputs.a }, with: { seed: 6 } } }\noutputs: { n: m.n }\n")
	require.Equal(t, "37", output(t, s.ended("out.flow.yaml").Result, "n"))
	s.stop()
}

func TestEndOfARunEndsThoseOfItsNodes(t *testing.T) {
	b := newBox(t)
	gatedNode(b)
	d := b.open()
	flow, err := d.LoadFile(b.path("out.flow.yaml"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	res, err := d.Run(ctx, flow, daemon.Request{Observer: daemon.Observer{Children: func(e journal.Event) {
		if e.Node == "a" {
			cancel(errors.New("enough"))
		}
	}}})
	require.NoError(t, err)
	require.Equal(t, journal.Cancelled, res.Status)
	parent, children := b.family()
	require.Equal(t, journal.Cancelled, parent.Status)
	require.Equal(t, journal.Cancelled, children[0].Status)
	require.Contains(t, children[0].Error, "enough")
	require.Equal(t, journal.CancelledNode, b.states(parent.ID)["sub"])
}

// A neighbour's failure ends the run of a node, and every attempt is a run.
func TestAttemptsAndNeighboursOfARunOfANode(t *testing.T) {
	b := newBox(t)
	b.drop("fail.wasm", string(guests.Bare("fail", guests.Fail("no such luck"))))
	b.drop("in.flow.yaml", "levee: 1\nnodes: { bad: { uses: ./fail.wasm } }\n")
	b.drop("out.flow.yaml", "levee: 1\nnodes: { s: { uses: ./in.flow.yaml, retry: { times: 2 } } }\n")
	d := b.open()
	got := d.run("out.flow.yaml")
	require.ErrorContains(t, got.Err, "s: bad: ")
	require.ErrorContains(t, got.Err, "no such luck")
	parent, children := b.family()
	require.Equal(t, "s", parent.Cause)
	require.Equal(t, "E_FAILED", parent.Code)
	require.Len(t, children, 3)
	for _, c := range children {
		require.Equal(t, journal.Failed, c.Status)
		require.Equal(t, "bad", c.Cause)
	}

	gatedNode(b)
	b.drop("sub/fail.flow.yaml", "levee: 1\nallow: { read: [.] }\nnodes:\n  s: { uses: ./in.flow.yaml, with: { start: 1 } }\n  bad: { uses: ./fail.wasm }\n")
	b.drop("sub/fail.wasm", string(guests.Bare("fail", guests.Fail("no such luck"))))
	res := d.run("sub/fail.flow.yaml")
	require.Equal(t, journal.Failed, res.Status)
	h, err := daemon.OpenHistory(t.Context(), b.cfg)
	require.NoError(t, err)
	defer h.Close()
	children, err = h.Children(t.Context(), res.ID)
	require.NoError(t, err)
	for _, c := range children { // it may have been ended before it began
		require.Equal(t, journal.Cancelled, c.Status)
		require.Contains(t, c.Error, "the run that it is part of has ended it")
	}
}

// The results of a completed run that are gone from the cache are made again, by another run of the node.
func TestLostResultsOfANode(t *testing.T) {
	b := newBox(t)
	b.drop("blow.wasm", string(guests.Blow()))
	b.drop("in.flow.yaml", "levee: 1\ninputs: { n: int }\nnodes: { b: { uses: ./blow.wasm, in: { n: inputs.n }, with: { kib: 300 } } }\noutputs: { data: b.data }\n")
	b.drop("out.flow.yaml", `levee: 1
nodes:
  s: { uses: ./in.flow.yaml, with: { n: 7 } }
  ask: { uses: flow/ask, with: { question: well? } }
  len: { uses: text/format, with: { template: "{a}" }, in: { a: ask.answer }, after: [s] }
outputs: { data: s.data, answer: len.text }
`)
	d := b.open()
	require.Equal(t, journal.Suspended, d.run("out.flow.yaml").Status)
	d.shut()
	b.forgetResults()
	d = b.open()
	got := d.answer(b.runs()[0].ID, "ask=fine")
	require.NoError(t, got.Err)
	require.Equal(t, "fine", output(t, got, "answer"))
	require.EqualValues(t, 300<<10, got.Outputs[0].Value.Size)
	_, children := b.family()
	require.Len(t, children, 2)
	for _, c := range children {
		require.Equal(t, journal.Completed, c.Status)
	}
}

func TestWorkflowsThatAreNodesAreBounded(t *testing.T) {
	b := newBox(t)
	b.drop("f0.flow.yaml", "levee: 1\nnodes: { a: { uses: text/upper, with: { text: x } } }\noutputs: { text: a.text }\n")
	names := "0123456789abcdefgh"
	for i := 1; i < len(names); i++ {
		b.drop("f"+names[i:i+1]+".flow.yaml", "levee: 1\nnodes:\n  a: { uses: ./f"+names[i-1:i]+".flow.yaml }\n  b: { uses: ./f"+names[i-1:i]+".flow.yaml }\noutputs: { text: a.text }\n")
	}
	d := b.open()
	_, err := d.LoadFile(b.path("ff.flow.yaml"))
	require.NoError(t, err, "16 deep, and each file is checked once though 32768 ways lead to the last")
	_, err = d.LoadFile(b.path("fg.flow.yaml"))
	require.ErrorContains(t, err, "deep, at most 16")
}

// The end of a run is asked for from outside, durable before it is acted on: of one that works, with the run of its node, and of one that
// waits, which is nobody's.
func TestCancelFromOutside(t *testing.T) {
	b := newBox(t)
	gatedNode(b)
	d := b.open()
	ended := make(chan *outcome, 1)
	go func() { ended <- d.run("out.flow.yaml") }()
	require.Eventually(t, func() bool {
		return len(b.runs()) == 1 && len(second(b.family())) == 1
	}, deadline, 10*time.Millisecond)
	parent, _ := b.family()
	rec, err := daemon.Cancel(t.Context(), b.cfg, parent.ID, deadline)
	require.NoError(t, err)
	require.Equal(t, journal.Cancelled, rec.Status)
	require.Contains(t, rec.Error, "somebody asked for its end")
	require.Equal(t, journal.Cancelled, (<-ended).Status)
	_, children := b.family()
	require.Equal(t, journal.Cancelled, children[0].Status)
	_, err = daemon.Cancel(t.Context(), b.cfg, parent.ID, deadline)
	var over *daemon.ResumeError
	require.ErrorAs(t, err, &over)

	b.drop("ask.flow.yaml", "levee: 1\nnodes:\n  a: { uses: flow/ask, with: { question: one } }\n")
	b.drop("asks.flow.yaml", "levee: 1\nnodes:\n  s: { uses: ./ask.flow.yaml }\n")
	waiting := d.run("asks.flow.yaml")
	require.Equal(t, journal.Suspended, waiting.Status)
	rec, err = daemon.Cancel(t.Context(), b.cfg, waiting.ID, 0)
	require.NoError(t, err)
	require.Equal(t, journal.Cancelled, rec.Status)
	require.Equal(t, []string{"running", "suspended", "cancelled"}, b.statuses(waiting.ID))
	h, err := daemon.OpenHistory(t.Context(), b.cfg)
	require.NoError(t, err)
	defer h.Close()
	children, err = h.Children(t.Context(), waiting.ID)
	require.NoError(t, err)
	require.Equal(t, journal.Cancelled, children[0].Status)
	_, err = d.Pending(t.Context(), waiting.ID)
	require.ErrorAs(t, err, &over)
}

func second(_ journal.Run, list []journal.Run) []journal.Run { return list }
