package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"levee/daemon/journal"
)

const (
	messagesPage = 1000
	followEvery  = 150 * time.Millisecond
)

// Messages tells the messages of a run behind a number, in order: those that there are or, to follow it, all until the run has
// ended, whichever process has it in hand.
func (h *History) Messages(ctx context.Context, id string, after int64, follow bool, tell func(journal.Event)) error {
	for {
		rec, err := h.Run(ctx, id) // first: when it has ended, all its messages are there
		if err != nil {
			return err
		}
		left := follow && rec.Status != journal.Suspended && !h.InHand(&rec)
		page, err := h.Events(ctx, id, after, messagesPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			tell(e)
			after = e.Seq
		}
		switch {
		case len(page) == messagesPage:
			continue
		case !follow || !rec.Finished.IsZero():
			return nil
		case left:
			if rec, err = h.Run(ctx, id); err == nil && rec.Finished.IsZero() && !h.InHand(&rec) {
				return fmt.Errorf("run %s has not ended, and the process that ran it is gone: levee serve takes it up again", shortID(id))
			}
			continue
		}
		select {
		case <-time.After(followEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// State is what goes on in a run.
type State struct {
	Running  bool     `json:"is_running"` // a process has it in hand, and it is no longer in the queue
	Current  []string `json:"current_nodes"`
	Progress Progress `json:"progress"`
}

// State finds out what goes on in a run, from what was said last of it as a whole and what happened since.
func (h *History) State(ctx context.Context, rec *journal.Run) (State, error) {
	s := State{Current: []string{}}
	if !rec.Finished.IsZero() {
		done := int64(rec.Counts.Ran + rec.Counts.Cached + rec.Counts.Failed + rec.Counts.Skipped)
		s.Progress = Progress{Done: done, Total: done}
		return s, nil
	}
	s.Running = (rec.Status == journal.Running || rec.Status == journal.Waiting) && h.InHand(rec)
	last, err := h.LastProgress(ctx, rec.ID)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(last.Data, &s); err != nil && len(last.Data) > 0 {
		return s, err
	}
	for after := last.Seq; ; {
		page, err := h.Events(ctx, rec.ID, after, messagesPage)
		if err != nil {
			return s, err
		}
		for _, e := range page {
			s.since(&e)
			after = e.Seq
		}
		if len(page) < messagesPage {
			break
		}
	}
	s.Progress.Total = max(s.Progress.Total, s.Progress.Done)
	if !s.Running {
		s.Current = []string{}
	}
	return s, nil
}

// since brings a state up to date by a message that came later.
func (s *State) since(e *journal.Event) {
	var m struct {
		Status  string
		Attempt int
	}
	if e.Type != "node_update" || json.Unmarshal(e.Data, &m) != nil || m.Attempt == 0 { // groups have no attempts
		return
	}
	if i := slices.Index(s.Current, e.Node); i >= 0 {
		s.Current = slices.Delete(s.Current, i, i+1)
	}
	switch m.Status {
	case "running":
		s.Current = append(s.Current, e.Node)
	case "completed", "error", "skipped":
		s.Progress.Done++
	}
}
