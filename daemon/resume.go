package daemon

import (
	"context"
	"errors"
	"time"

	"levee/daemon/journal"
	"levee/graph/value"
)

// orphans claims the open runs below a folder whose process is gone, oldest first.
func (d *Daemon) orphans(ctx context.Context, root string) ([]*journal.Run, error) {
	open, err := d.journal.Orphans(ctx)
	if err != nil {
		return nil, err
	}
	var mine []*journal.Run
	for i := range open {
		rec := &open[i]
		if _, ok := below(root, rec.Workflow); !ok || rec.Parent != "" { // its parent takes it up
			continue
		}
		won, err := d.journal.Claim(ctx, rec)
		if err != nil {
			return nil, err
		}
		if won {
			mine = append(mine, rec)
		}
	}
	return mine, nil
}

// request is what a recorded run was asked to do.
func request(rec *journal.Run) Request {
	req := Request{Inputs: make(map[string]value.Value, len(rec.Inputs)), Files: rec.Files, Trigger: rec.Trigger, Why: rec.Why, NoCache: rec.How.NoCache, Verify: rec.How.Verify, Time: rec.How.Time, Only: rec.How.Only, From: rec.How.From}
	for _, in := range rec.Inputs {
		req.Inputs[in.Name] = in.Value
	}
	for i := range rec.Files {
		if rec.File == rec.Files[i].Path {
			req.File = &rec.Files[i]
		}
	}
	return req
}

// requeue makes a run that can have its turn of one that was claimed. What had finished is found in the cache by its key, so only the
// rest runs.
func (d *Daemon) requeue(ctx context.Context, flow *Workflow, rec *journal.Run, show Observer, t *ticket) (*Run, error) {
	req := request(rec)
	req.Observer = show
	r := d.claimed(flow, rec, req)
	if t.begun() {
		return r, nil
	}
	queued := r.queuedMessage(t)
	if err := d.journal.SetStatus(ctx, &r.rec, journal.Queued, queued); err != nil {
		return nil, err
	}
	r.tell(queued)
	return r, nil
}

func (d *Daemon) claimed(flow *Workflow, rec *journal.Run, req Request) *Run {
	var fresh map[string]bool
	if part, behind, err := flow.part(req.Only, req.From); err == nil { // else it was no run of this workflow: all of it runs
		flow, fresh = part, behind
	}
	r := d.newRun(flow, req, fresh)
	r.rec = *rec
	return r
}

// resume takes up a claimed run at once.
func (d *Daemon) resume(ctx context.Context, flow *Workflow, rec *journal.Run, show Observer) (*Result, error) {
	req := request(rec)
	req.Observer = show
	r, err := d.taken(ctx, flow, rec, req)
	if err != nil {
		return nil, err
	}
	return r.execute(ctx)
}

// taken makes a run that goes on of one that was claimed.
func (d *Daemon) taken(ctx context.Context, flow *Workflow, rec *journal.Run, req Request) (*Run, error) {
	r := d.claimed(flow, rec, req)
	if err := r.recall(ctx); err != nil {
		return nil, err
	}
	if err := d.journal.Start(ctx, &r.rec); errors.Is(err, journal.ErrCancelAsked) {
		return nil, errors.Join(errCancelAsked, abandon(ctx, d.journal, rec, errCancelAsked.Error()))
	} else if err != nil {
		return nil, err
	}
	return r, nil
}

// abandon ends a claimed run that cannot be taken up: its workflow was edited, moved or removed meanwhile. With it end the runs of its nodes.
func abandon(ctx context.Context, j *journal.Journal, rec *journal.Run, why string) error {
	children, err := j.Children(ctx, rec.ID)
	if err != nil {
		return err
	}
	for i := range children {
		if child := &children[i]; !child.Status.Terminal() {
			won, err := j.Claim(ctx, child)
			if err == nil && won {
				err = abandon(ctx, j, child, errParentEnded.Error())
			}
			if err != nil {
				return err
			}
		}
	}
	rec.Status, rec.Finished, rec.Error = journal.Cancelled, time.Now(), why
	return j.Finish(ctx, rec, endMessage(rec))
}

// abandonStale ends runs that were cut short long ago and that no served folder took up.
func (d *Daemon) abandonStale(ctx context.Context) error {
	open, err := d.journal.Orphans(ctx)
	if err != nil {
		return err
	}
	for i := range open {
		rec := &open[i]
		if d.now().Sub(rec.Accepted) < staleAfter {
			continue
		}
		won, err := d.journal.Claim(ctx, rec)
		if err == nil && won {
			err = abandon(ctx, d.journal, rec, "levee was stopped in the middle of it, and nothing took it up again")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepSince is since when the cache must keep what was used, because open runs will ask for it again; the zero time when
// there are none.
func keepSince(j *journal.Journal) time.Time {
	at, open, err := j.OldestOpen(context.Background())
	switch {
	case err != nil:
		return time.Unix(1, 0) // in doubt everything
	case !open:
		return time.Time{}
	}
	return at
}
