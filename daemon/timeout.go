package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"levee/graph"
	"levee/runtime"
)

// TimeoutError ends a run that took longer than its workflow, or the node that the workflow is, gives it.
type TimeoutError struct {
	After time.Duration
	From  string // what says so
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the run timed out after %s (limit: %s)", e.After, e.From)
}

// limit bounds the time of a run: from now on, or from when it is taken up again.
func (r *Run) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := &TimeoutError{After: r.flow.Graph.Timeout, From: "timeout of the workflow " + r.flow.Graph.Name}
	if own := r.req.limit; own != nil && (limit.After == 0 || own.After < limit.After) {
		limit = own
	}
	if limit.After <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit.After, limit)
}

// timedOut is what ended a run whose time was up; nil when it was something else.
func timedOut(ctx context.Context) *TimeoutError {
	var limit *TimeoutError
	if errors.As(context.Cause(ctx), &limit) {
		return limit
	}
	return nil
}

// sayTimeout says how long an invocation had, and who can give it more.
func sayTimeout(err error, n *graph.Node, g Grants, given time.Duration) {
	failure, ok := errors.AsType[*runtime.Error](err)
	if !ok || failure.Code != runtime.CodeTimeout {
		return
	}
	failure.Detail = "node timed out after " + given.String()
	switch {
	case n.Limits.Time > 0:
		failure.Limit = "timeout of node " + n.Site
	case g.AskedTime:
		failure.Limit = "allow.time of the workflow; timeout: of the node can give it more"
	case given < defaultTime:
		failure.Limit = "the operator's ceiling, --max-time"
	default:
		failure.Limit = "what nodes get by default; timeout: of the node or allow.time of the workflow can give it more"
	}
}
