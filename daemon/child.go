package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"levee/cache"
	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
)

// A node that is a workflow runs as a run of its own: with its own id, messages, outputs and files. It takes no turn in the queue, for
// its parent has one and waits for it. Its trigger names the node and the attempt, so that however often the parent is taken up again
// there is one run for it, or one for each inputs that it had, where that is harmless.

// errParentEnded ends the run of a node whose run needs it no more.
var errParentEnded = errors.New("the run that it is part of has ended it")

// pastError is how a run failed that an earlier process ran.
type pastError struct{ text, code string }

func (e *pastError) Error() string { return e.text }

// invokeFlow gives the outputs of a node that is a workflow.
func (r *Run) invokeFlow(ctx context.Context, inv *graph.Invocation, flow *Workflow) ([]value.Value, error) {
	c := &childCall{Invocation: inv, run: r, flow: flow, began: time.Now()}
	outputs, status, err := c.result(ctx)
	rec := journal.Invocation{
		Run: r.rec.ID, Path: inv.Path, Site: inv.Node.Site, Name: inv.Node.Label, Attempt: inv.Attempt, Status: status, Type: typeName(inv.Node),
		Started: c.began, Ended: time.Now(),
	}
	var wait *graph.Suspend
	switch {
	case err == nil && status == journal.Ran:
		r.ran.Add(1)
	case err == nil:
		r.cached.Add(1)
	case errors.As(err, &wait):
		rec.Status, rec.Cause = journal.SuspendedNode, wait.Reason
	case ctx.Err() != nil:
		rec.Status = journal.CancelledNode
	default:
		rec.Status = journal.FailedNode
		r.failed.Add(1)
	}
	if err != nil && wait == nil {
		rec.Error, rec.Code = err.Error(), codeOf(err)
	}
	for i, p := range inv.Node.Outputs {
		if err == nil && !outputs[i].IsZero() {
			rec.Outputs = append(rec.Outputs, journal.Named{Name: p.Name, Value: outputs[i]})
		}
	}
	if recErr := r.recordEnd(rec); recErr != nil && err == nil {
		err = recErr
	}
	return outputs, err
}

// childCall is the state of one invokeFlow.
type childCall struct {
	*graph.Invocation
	run   *Run
	flow  *Workflow
	began time.Time
}

// result finds the run of the node, or makes it, and waits for its end.
func (c *childCall) result(ctx context.Context) ([]value.Value, journal.InvocationStatus, error) {
	d := c.run.daemon
	req := c.request()
	for {
		rec, err := d.journal.ByTrigger(ctx, req.Trigger)
		switch {
		case errors.Is(err, journal.ErrNoRun):
			child, err := d.accept(ctx, c.flow, req)
			if err != nil {
				return nil, "", err
			}
			return c.wait(ctx, child)
		case err != nil:
			return nil, "", err
		case !sameInputs(rec.Inputs, req.Inputs) && c.flow.repeatable():
			if err := d.drop(ctx, &rec); err != nil {
				return nil, "", err
			}
			req.Trigger += "/" + hashOf(req.Inputs)
		case !rec.Status.Terminal():
			won, err := d.journal.Claim(ctx, &rec)
			if err == nil && !won {
				err = fmt.Errorf("run %s of this node is in the hands of another process", shortID(rec.ID))
			}
			if err != nil {
				return nil, "", err
			}
			child, err := d.taken(ctx, c.flow, &rec, req)
			if err != nil {
				return nil, "", err
			}
			return c.wait(ctx, child)
		case rec.Status == journal.Completed:
			outputs := c.outputs(rec.Outputs)
			if err := c.run.present(ctx, outputs); err == nil {
				return outputs, journal.Cached, nil
			} else if !errors.Is(err, cache.ErrLost) {
				return nil, "", err
			}
			req.Trigger += "/" + shortID(rec.ID) // its results are gone: another run finds or makes them
		default:
			return nil, "", &pastError{text: rec.Error, code: rec.Code}
		}
	}
}

// sameInputs reports whether an earlier run of a node had the inputs that the node has now: a file that something before it reads may have
// another content since.
func sameInputs(had []journal.Named, has map[string]value.Value) bool {
	for _, in := range had {
		if v := has[in.Name]; v.Digest != in.Value.Digest || v.Type != in.Value.Type {
			return false
		}
	}
	return len(had) == len(has)
}

func hashOf(inputs map[string]value.Value) string {
	k := cache.NewKey()
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		k.Value(name, inputs[name])
	}
	sum := k.Key()
	return hex.EncodeToString(sum[:8])
}

// repeatable reports whether a workflow may run once more for other inputs: nobody is asked, and it has no effects that may not be repeated.
func (w *Workflow) repeatable() bool {
	ok := !w.asks
	w.Graph.Walk(func(n *graph.Node) {
		if child, is := subflow(n); is {
			ok = ok && child.repeatable()
		} else if t, is := handle(n); is {
			ok = ok && (!t.writes() || t.Idempotent)
		}
	})
	return ok
}

// drop ends an earlier run of a node that is not what the node needs now.
func (d *Daemon) drop(ctx context.Context, rec *journal.Run) error {
	if rec.Status.Terminal() {
		return nil
	}
	won, err := d.journal.Claim(ctx, rec)
	if err != nil || !won {
		return err
	}
	return abandon(ctx, d.journal, rec, errParentEnded.Error())
}

func (c *childCall) request() Request {
	r := c.run
	req := Request{
		Inputs: make(map[string]value.Value, len(c.Inputs)), Trigger: fmt.Sprintf("child/%s/%s/%d", r.rec.ID, c.Path, c.Attempt),
		Why: fmt.Sprintf("node %s of run %s", c.Path, shortID(r.rec.ID)), NoCache: r.afresh(c.Node), Verify: r.req.Verify,
		Observer: Observer{Observe: r.req.Children, Children: r.req.Children}, parent: r, parentPath: c.Path,
	}
	for i, p := range c.flow.Graph.Inputs {
		if !c.Inputs[i].IsZero() {
			req.Inputs[p.Name] = c.Inputs[i]
		}
	}
	if after := c.Node.Limits.Time; after > 0 {
		req.limit = &TimeoutError{After: after, From: "timeout of node " + c.Node.Site}
	}
	return req
}

// wait runs the child to its end, which comes with that of ctx at the latest.
func (c *childCall) wait(ctx context.Context, child *Run) ([]value.Value, journal.InvocationStatus, error) {
	r := c.run
	r.event("node_update", c.Path, map[string]any{"status": "running", "child_job_id": child.rec.ID})
	if r.req.Working != nil {
		r.req.Working(r.rec.ID, c.Path)
	}
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		cause := context.Cause(ctx)
		if errors.Is(cause, context.Canceled) { // nobody said why: a neighbour failed
			cause = errParentEnded
		}
		cancel(cause)
	})
	defer stop()
	res, err := child.execute(own)
	if err != nil {
		return nil, "", err
	}
	c.keep(res)
	switch {
	case ctx.Err() != nil:
		return nil, "", context.Cause(ctx)
	case res.Waits != nil:
		return nil, "", &graph.Suspend{Reason: res.Waits.Error()}
	case errors.Is(res.Err, cache.ErrLost): // the child has tried what can be tried
		return nil, "", errors.New(res.Err.Error())
	case res.Err != nil:
		return nil, "", res.Err
	case res.Status != journal.Completed:
		return nil, "", fmt.Errorf("run %s of this node was %s", shortID(res.ID), res.Status)
	}
	outputs := c.outputs(res.Outputs)
	if err := r.hold(outputs, res.unstored); err != nil {
		return nil, "", err
	}
	if res.Counts.Ran > 0 {
		return outputs, journal.Ran, nil
	}
	return outputs, journal.Cached, nil
}

// keep adds what the child did to what its parent tells of at its end.
func (c *childCall) keep(res *Result) {
	r := c.run
	folder := path.Dir(strings.TrimPrefix(c.Node.Uses, "./"))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, file := range res.Written {
		r.written = append(r.written, path.Join(folder, file))
	}
	for _, m := range res.Mismatches {
		m.Node = c.Path + "." + m.Node
		r.mismatches = append(r.mismatches, m)
	}
}

// outputs puts the results of a run into the order of the node's ports.
func (c *childCall) outputs(named []journal.Named) []value.Value {
	list := make([]value.Value, len(c.Node.Outputs))
	for _, o := range named {
		for i := range c.Node.Outputs {
			if c.Node.Outputs[i].Name == o.Name {
				list[i] = o.Value
			}
		}
	}
	return list
}

// present reports cache.ErrLost when the bytes of a value are not there any more.
func (r *Run) present(ctx context.Context, list []value.Value) error {
	for _, v := range list {
		if v.IsZero() {
			continue
		}
		src, err := r.reader(ctx, v)
		if err != nil {
			return err
		}
		src.Close()
	}
	return nil
}
