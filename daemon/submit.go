package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"levee/daemon/journal"
	"levee/graph/value"
)

// RunRequest is what somebody who asks for a run sends: a workflow of the served folder and values for its inputs, as JSON.
type RunRequest struct {
	Workflow string                     `json:"workflow"` // path
	Inputs   map[string]json.RawMessage `json:"inputs,omitempty"`
	NoCache  bool                       `json:"no_cache,omitempty"`
	Only     []string                   `json:"only,omitempty"` // as those of Request
	From     []string                   `json:"from,omitempty"`
}

// RunAnswer says that a run is in the history and will have its turn.
type RunAnswer struct {
	Run      string         `json:"job_id"`
	Status   journal.Status `json:"status"`
	Position int            `json:"queue_position,omitempty"`
}

// AskError is what is wrong with what somebody asked for.
type AskError struct{ Reason string }

func (e *AskError) Error() string { return e.Reason }

func refuse(format string, args ...any) error { return &AskError{fmt.Sprintf(format, args...)} }

// readRunRequest reads a request strictly: what it does not know is an error.
func readRunRequest(text []byte) (q RunRequest, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return q, refuse("the request is no run of a workflow: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return q, refuse("the request goes on behind its end")
	}
	if !filepath.IsAbs(q.Workflow) {
		return q, refuse("workflow: an absolute path is needed, not %q", Clip(Printable(q.Workflow), 200))
	}
	return q, nil
}

// do has something done by the goroutine that owns the folder.
func (f *folder) do(ctx context.Context, fn func()) error {
	done := make(chan struct{})
	select {
	case f.asks <- func() { fn(); close(done) }:
		<-done
		return nil
	case <-f.closed:
		return refuse("levee is stopping and takes no new runs")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// submit puts a run of one of the folder's workflows, as it is now, into the queue. It returns when that is durable.
func (f *folder) submit(ctx context.Context, q RunRequest) (answer RunAnswer, err error) {
	var s *served
	var flow *Workflow
	rel, ok := below(f.root, q.Workflow)
	if !ok {
		return answer, refuse("%s does not lie in %s, which is served here", Printable(q.Workflow), f.root)
	}
	err = f.do(ctx, func() {
		if s = f.flows[rel]; s != nil {
			flow = s.good
		}
	})
	switch {
	case err != nil:
		return answer, err
	case s == nil:
		return answer, refuse("there is no workflow %s in %s, or it was not read yet", Printable(rel), f.root)
	case flow == nil:
		return answer, refuse("%s has problems: levee check %[1]s", Printable(rel))
	}
	req, err := f.d.asked(ctx, flow, q)
	if err != nil {
		return answer, err
	}
	return f.queueAsked(ctx, s, flow, req)
}

// queueAsked takes a ticket for a run that somebody asked for, and returns when the run is in the history.
func (f *folder) queueAsked(ctx context.Context, s *served, flow *Workflow, req Request) (answer RunAnswer, err error) {
	accepted := make(chan error, 1)
	err = f.do(ctx, func() {
		if s.good != flow {
			accepted <- refuse("%s changed just now: ask again", Printable(s.path))
			return
		}
		req.Observer = f.show(s)
		f.launch(s, func(ctx context.Context, t *ticket) (*Run, error) {
			req.ticket = t
			r, err := f.d.accept(ctx, flow, req)
			if err == nil {
				answer = RunAnswer{Run: r.rec.ID, Status: r.rec.Status, Position: t.position()}
			}
			accepted <- err
			return r, err
		})
	})
	if err != nil {
		return answer, err
	}
	return answer, <-accepted
}

// asked makes a request of what somebody sent.
func (d *Daemon) asked(ctx context.Context, flow *Workflow, q RunRequest) (Request, error) {
	req := Request{Inputs: make(map[string]value.Value, len(q.Inputs)), NoCache: q.NoCache, Only: q.Only, From: q.From, Why: "asked for"}
	if flow.Denied != nil {
		return req, flow.Denied
	}
	if err := flow.CheckSites(q.Only, q.From); err != nil {
		return req, refuse("%s", Printable(err.Error()))
	}
	for _, name := range slices.Sorted(maps.Keys(q.Inputs)) {
		doc := q.Inputs[name]
		port, ok := flow.Input(name)
		if !ok {
			return req, refuse("the workflow has no input %q", Clip(Printable(name), 100))
		}
		v, err := value.FromJSON(port.Type, bytes.TrimSpace(doc))
		if err == nil {
			err = port.CheckRange(v)
		}
		if err != nil {
			return req, refuse("input %s: %v", port.Name, err)
		}
		if req.Inputs[port.Name], err = d.stored(ctx, v); err != nil {
			return req, err
		}
	}
	for _, p := range flow.Graph.Inputs {
		if _, ok := req.Inputs[p.Name]; !ok && p.Required() {
			return req, refuse("the workflow needs a value for %s (%s)", p.Name, p.Type)
		}
	}
	t := flow.Graph.Trigger
	if t != nil && t.PerFile {
		return req, refuse("the workflow runs once per file of %s: drop one", strings.Join(t.Files, ", "))
	}
	var err error
	req.Files, err = d.TriggerFiles(ctx, flow)
	return req, err
}
