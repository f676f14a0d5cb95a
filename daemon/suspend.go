package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"levee/cache"
	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
	"levee/nodes"
	"levee/runtime"
)

// A node type that wants an answer runs when its input "answer" has a value: from a wire, or from a person, whose answers are in the
// journal. Until then the run goes on with everything else; then it is suspended, in nobody's hand, until levee resume takes it up.

// answerPort is the input that a person fills.
const answerPort = "answer"

// ask fills the answer of a node that wants one. The error is *graph.Suspend when there is none yet.
func (c *invocation) ask() error {
	for i := range c.typ.Inputs {
		if c.typ.Inputs[i].Name != answerPort || !c.Inputs[i].IsZero() {
			continue
		}
		v, ok := c.run.answers[c.Path]
		if !ok {
			return &graph.Suspend{Reason: c.question()}
		}
		c.Inputs = slices.Clone(c.Inputs)
		c.Inputs[i] = v
	}
	return nil
}

// question is what a person reads.
func (c *invocation) question() string {
	for i := range c.typ.Inputs {
		if enc, ok := c.Inputs[i].Inline(); ok && c.typ.Inputs[i].Name == "question" && c.Inputs[i].Type == value.String {
			return Clip(Printable(string(enc)), maxQuestion)
		}
	}
	return c.typ.FullName + " wants an answer"
}

const maxQuestion = 1000

// suspended records that an invocation waits.
func (c *invocation) suspended(why error) error {
	rec := c.record(journal.SuspendedNode)
	rec.Cause = why.Error()
	if err := c.run.recordEnd(rec); err != nil {
		return err
	}
	return why
}

// recall reads what the run did before, for when it is taken up or begins again: answers, and the invocations with effects, which are
// not repeated.
func (r *Run) recall(ctx context.Context) error {
	if r.flow.asks {
		answers, err := r.daemon.journal.Answers(ctx, r.rec.ID)
		if err != nil {
			return err
		}
		r.answers = make(map[string]value.Value, len(answers))
		for _, a := range answers {
			r.answers[a.Path] = a.Value
		}
	}
	invs, err := r.daemon.journal.Invocations(ctx, r.rec.ID, "")
	if err != nil {
		return err
	}
	r.effects, r.done, r.past = make(map[string]journal.Invocation), make(map[string]journal.Invocation), make(map[string]bool)
	r.gaveUp = make(map[string]journal.Invocation)
	for _, inv := range invs {
		if inv.Status == journal.FailedNode && inv.Attempt > r.gaveUp[inv.Path].Attempt {
			r.gaveUp[inv.Path] = inv
		}
		if inv.Status == journal.Ran && (r.req.NoCache || len(r.fresh) > 0) {
			r.past[inv.Path] = true
		}
		switch {
		case !inv.Effect:
		case inv.Status == journal.Started || inv.Status == journal.CancelledNode:
			r.effects[inv.Path] = inv
		case inv.Status == journal.Ran:
			r.done[inv.Path] = inv
		}
	}
	return nil
}

// failedBefore is how an invocation failed when the run came by it earlier, after all its attempts. It stays so: what failed may be left
// out of a list, and were it to succeed now, all behind it would be other elements than those that questions, effects and runs of nodes are
// known for.
func (c *invocation) failedBefore() error {
	past, ok := c.run.gaveUp[c.Path]
	if !ok || past.Attempt <= c.Node.Retry.Times {
		return nil
	}
	again := *c.Invocation
	again.Attempt = past.Attempt
	c.Invocation = &again
	return &graph.Final{Err: &pastError{text: past.Error, code: past.Code}}
}

// before gives the result that an invocation with effects had when the run came by it earlier, also when the cache has forgotten it; nil
// when it did not end, or may be repeated.
func (c *invocation) before(ctx context.Context) (*cache.Entry, error) {
	past, ok := c.run.done[c.Path]
	if !ok || !c.typ.writes() || c.typ.Idempotent {
		return nil, nil
	}
	e := &cache.Entry{Key: c.id, Outputs: make([]value.Value, len(c.Node.Outputs))}
	for i, p := range c.Node.Outputs {
		for _, o := range past.Outputs {
			if o.Name == p.Name {
				e.Outputs[i] = o.Value
			}
		}
	}
	if was, err := c.run.daemon.cache.Detail(ctx, past.Key); err == nil {
		e.Observations = was.Observations
	}
	err := c.run.present(ctx, e.Outputs)
	if errors.Is(err, cache.ErrLost) {
		return nil, &runtime.Error{Code: codeUnknownEffect, Module: c.typ.Module.Name,
			Detail: "it ended before, its result is not stored any more, and its manifest does not say idempotent"}
	}
	return e, err
}

// suspend puts a run aside until somebody answers. It is false when somebody has, meanwhile: then the run goes on.
func (r *Run) suspend(ctx context.Context, waits *graph.SuspendedError) (bool, error) {
	r.feed.flush()
	d := r.daemon
	first := waits.Waits[0]
	last := message(r.rec.ID, "job_update", "", map[string]any{
		"status": journal.Suspended, "message": waits.Error(),
		"run_state": map[string]any{
			"status": journal.Suspended, "suspended_node_id": first.Path, "suspension_reason": first.Reason, "is_resumable": true,
		},
	})
	aside := context.WithoutCancel(ctx)
	err := d.keepTrying(aside, func() error { return d.journal.Suspend(aside, &r.rec, last) })
	if errors.Is(err, journal.ErrAnswered) {
		return false, nil
	}
	if err == nil {
		r.feed.put(&entry{event: last})
	}
	return true, err
}

// Question is what a run waits for.
type Question struct {
	Run  string `json:"job_id"`  // the run that asks: that of a node, where a workflow is one
	Path string `json:"node_id"` // of the node in that run
	Name string `json:"name"`    // of the node, seen from the run that was asked about: sub.ask
	Text string `json:"question"`
	port value.Port
}

// Pending is a run that can be taken up.
type Pending struct {
	Run       journal.Run // the outermost: the one that is taken up
	Flow      *Workflow   // its workflow, as it was when it began
	Questions []Question  // of the run that was asked about
}

// ResumeError says why a run cannot be resumed so.
type ResumeError struct{ Reason string }

func (e *ResumeError) Error() string { return e.Reason }

// Pending finds a run that waits, or that was cut short, by the start of its id, and what it asks.
func (d *Daemon) Pending(ctx context.Context, prefix string) (*Pending, error) {
	rec, err := d.journal.Run(ctx, prefix)
	if err != nil {
		return nil, err
	}
	if rec.Status.Terminal() {
		return nil, &ResumeError{fmt.Sprintf("run %s has ended: it was %s", shortID(rec.ID), rec.Status)}
	}
	p := &Pending{Run: rec}
	if p.Flow, err = d.recorded(&rec); err != nil {
		return nil, err
	}
	if p.Questions, err = d.questions(ctx, rec.ID, p.Flow, ""); err != nil {
		return nil, err
	}
	for p.Run.Parent != "" {
		if p.Run, err = d.journal.Run(ctx, p.Run.Parent); err != nil {
			return nil, err
		}
	}
	if p.Run.ID != rec.ID {
		p.Flow, err = d.recorded(&p.Run)
	}
	return p, err
}

// recorded checks the workflow of a run as it was when the run began: a run goes on with its own version, whatever lies there now.
func (d *Daemon) recorded(rec *journal.Run) (*Workflow, error) {
	dir, err := d.openDir(filepath.Dir(rec.Workflow))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	w, err := d.checkNested(rec.Workflow, rec.Source, dir, ".", nest{rel: filepath.Base(rec.Workflow), known: make(map[string]nested), mapped: rec.How.Map})
	if err == nil {
		err = w.Denied
	}
	return w, err
}

// questions are what the nodes of a run wait for, those of its nodes' runs included.
func (d *Daemon) questions(ctx context.Context, run string, flow *Workflow, prefix string) ([]Question, error) {
	invs, err := d.journal.Invocations(ctx, run, "")
	if err != nil {
		return nil, err
	}
	children, err := d.journal.Children(ctx, run)
	if err != nil {
		return nil, err
	}
	var list []Question
	for _, inv := range invs {
		n := flow.nodeAt(inv.Path)
		if inv.Status != journal.SuspendedNode || n == nil {
			continue
		}
		if t, ok := handle(n); ok {
			if port, ok := t.Input(answerPort); ok {
				list = append(list, Question{Run: run, Path: inv.Path, Name: prefix + inv.Path, Text: inv.Cause, port: *port})
			}
			continue
		}
		inner, ok := subflow(n)
		for _, child := range children {
			if ok && child.ParentPath == inv.Path && !child.Status.Terminal() {
				more, err := d.questions(ctx, child.ID, inner, prefix+inv.Path+".")
				if err != nil {
					return nil, err
				}
				list = append(list, more...)
			}
		}
	}
	return list, nil
}

// asked lists questions for an error.
func (p *Pending) asked() string {
	if len(p.Questions) == 0 {
		return ", no node of it waits for an answer"
	}
	var b strings.Builder
	b.WriteString(", it asks")
	for _, q := range p.Questions[:min(len(p.Questions), 20)] {
		fmt.Fprintf(&b, "; %s: %s (--set %s=VALUE, %s)", q.Name, q.Text, q.Name, q.port.Type)
	}
	if more := len(p.Questions) - 20; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Unanswered is the error for who gives no answers to a run that waits for some.
func (p *Pending) Unanswered() error {
	return &ResumeError{"run " + shortID(p.Run.ID) + " is suspended" + p.asked()}
}

// Answer records answers: NODE=VALUE each. None is, when one of them does not fit.
func (d *Daemon) Answer(ctx context.Context, p *Pending, set []string) error {
	answers := make([]journal.Answer, 0, len(set))
	for _, arg := range set {
		name, text, ok := strings.Cut(arg, "=")
		if !ok {
			return &ResumeError{fmt.Sprintf("--set %s: wants NODE=VALUE%s", arg, p.asked())}
		}
		at := slices.IndexFunc(p.Questions, func(q Question) bool { return q.Name == name })
		if at < 0 {
			return &ResumeError{fmt.Sprintf("--set %s: no node %q of run %s waits for an answer%s", name, name, shortID(p.Run.ID), p.asked())}
		}
		q := p.Questions[at]
		v, err := d.InputText(ctx, &q.port, text)
		if err != nil {
			return &ResumeError{fmt.Sprintf("--set %s: %v%s", name, err, p.asked())}
		}
		answers = append(answers, journal.Answer{Run: q.Run, Path: q.Path, Name: answerPort, Value: v})
	}
	return d.journal.Answer(ctx, answers...)
}

// Resume takes up a run that is suspended or whose process is gone. It is nil without an error when another process has the run in
// hand, which takes the answers up itself.
func (d *Daemon) Resume(ctx context.Context, p *Pending, show Observer) (*Result, error) {
	rec, err := d.journal.Run(ctx, p.Run.ID)
	if err != nil {
		return nil, err
	}
	if rec.Status != journal.Suspended {
		orphans, err := d.journal.Orphans(ctx)
		if err != nil || !slices.ContainsFunc(orphans, func(o journal.Run) bool { return o.ID == rec.ID }) {
			return nil, err
		}
	}
	won, err := d.journal.Claim(ctx, &rec)
	if err != nil || !won {
		return nil, err
	}
	return d.resume(ctx, p.Flow, &rec, show)
}

// wantsAnswer reports whether a person may fill the node's input answer.
func (t nodeType) wantsAnswer() bool { return t.wantsTo(nodes.WantAnswer) }
