package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"levee/daemon/journal"
)

// inTurn runs an accepted run when its ticket has its turn. One whose ctx ends before that ends without having begun; one that is still
// in the queue when the daemon stops stays there, for the next start.
func (r *Run) inTurn(ctx context.Context, t *ticket, closed <-chan struct{}) (*Result, error) {
	d := r.daemon
	if r.rec.Status != journal.Queued { // it had its turn when it was accepted
		return r.execute(ctx)
	}
	waiting, gone := d.stoppable(ctx, r.rec.ID)
	turn := t.wait(waiting, closed)
	cause := context.Cause(waiting)
	gone()
	if turn {
		err := d.keepTrying(ctx, func() error { return d.journal.Start(ctx, &r.rec) })
		switch {
		case err == nil && r.rec.Epoch > 0:
			if err := r.recall(ctx); err != nil {
				return nil, err
			}
			return r.execute(ctx)
		case err == nil:
			return r.execute(ctx)
		case errors.Is(err, journal.ErrCancelAsked):
			cause = errCancelAsked
		case ctx.Err() == nil:
			return nil, fmt.Errorf("run %s was not started: %w", shortID(r.rec.ID), err)
		default:
			cause = context.Cause(ctx)
		}
	}
	if cause == nil || errors.Is(cause, ErrStopping) {
		return &Result{ID: r.rec.ID, Status: journal.Queued}, nil
	}
	return r.endUnstarted(ctx, cause)
}

// endUnstarted ends a run that never had its turn.
func (r *Run) endUnstarted(ctx context.Context, cause error) (*Result, error) {
	r.startFeed(ctx)
	defer r.stopFeed()
	r.rec.Status, r.rec.Finished, r.rec.Error = journal.Cancelled, time.Now(), cause.Error()
	return &Result{ID: r.rec.ID, Status: journal.Cancelled, Err: cause}, r.finish(ctx)
}

// queuedMessage tells of a run that waits for its turn.
func (r *Run) queuedMessage(t *ticket) *journal.Event {
	return message(r.rec.ID, "job_update", "", map[string]any{"status": journal.Queued, "queue_position": max(t.position(), 1), "message": r.req.Why})
}

// tell hands a message that was recorded by itself on to who watches the run.
func (r *Run) tell(e *journal.Event) {
	if r.req.Observe == nil {
		return
	}
	for _, m := range e.Messages() {
		m.Workflow = r.rec.Workflow
		r.req.Observe(m)
	}
}
