package daemon

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"levee/cache"
	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
)

// How an invocation ends, and what is recorded of it.

func (c *invocation) record(status journal.InvocationStatus) journal.Invocation {
	return journal.Invocation{
		Run: c.run.rec.ID, Path: c.Path, Site: c.Node.Site, Name: c.Node.Label, Attempt: c.Attempt, Status: status, Type: c.typ.FullName,
		Module: c.typ.Module.Hash, Key: c.id, Started: c.began, Ended: time.Now(), Compile: c.compile, Peak: c.peak,
		Log: c.log, Effect: c.begun,
	}
}

// beginning is that an invocation began. It is told only when the end does not come soon.
type beginning struct {
	of         *invocation
	at         time.Time
	properties json.RawMessage
}

func (b *beginning) event() journal.Event {
	c := b.of // of which nothing is read that changes while it runs
	began := journal.Invocation{Run: c.run.rec.ID, Path: c.Path, Site: c.Node.Site, Name: c.Node.Label, Attempt: c.Attempt, Type: c.typ.FullName,
		Started: b.at, Properties: b.properties}
	return began.Beginning()
}

// properties are the literals that the file gives the node, for its beginning. A node that runs for each element of a group has them told
// nowhere: they are the same for each.
func (c *invocation) properties() json.RawMessage {
	if strings.Contains(c.Path, "[") {
		return nil
	}
	var list []journal.Named
	for i := range c.Node.Inputs {
		if in := &c.Node.Inputs[i]; len(in.Sources) == 1 && !in.Collect && in.Sources[0].Kind == graph.FromLiteral && !in.Sources[0].Default {
			list = append(list, journal.Named{Name: c.typ.Inputs[i].Name, Value: in.Sources[0].Literal})
		}
	}
	return journal.Properties(list)
}

// found is done for a result of an earlier call. The files that it wrote hold what it wrote: nothing else may come in their place.
func (c *invocation) found(ctx context.Context, got *cache.Entry) ([]value.Value, error) {
	if c.typ.writes() {
		if err := c.run.claim(c.Path, wrote(got.Observations)...); err != nil {
			return nil, c.failed(ctx, err)
		}
	}
	return c.done(got, journal.Cached)
}

// done records the end of an invocation and returns its outputs.
func (c *invocation) done(got *cache.Entry, status journal.InvocationStatus) ([]value.Value, error) {
	if status == journal.Ran {
		c.run.ran.Add(1)
	} else {
		c.run.cached.Add(1)
	}
	rec := c.record(status)
	rec.Key = got.Key.Observed(got.Observations)
	defer c.run.pubs.leave(c.Inputs)
	for i, p := range c.Node.Outputs {
		if v := got.Outputs[i]; !v.IsZero() && !c.run.pubs.rest(v) { // that one may never be anywhere
			rec.Outputs = append(rec.Outputs, journal.Named{Name: p.Name, Value: got.Outputs[i]})
		}
	}
	if c.typ.writes() {
		return got.Outputs, c.run.recordEnd(rec)
	}
	if late := c.run.pubs.late(c.pubs, got.Outputs); len(late) > 0 {
		c.run.pubs.beside(late, func(context.Context) { c.run.feed.putWhenRoom(&entry{inv: &rec}) })
		return got.Outputs, nil
	}
	// Nobody waits for the record of a pure invocation: its result is in the cache before that, so should levee be killed before the
	// record is written, the resumed run finds the result and records that.
	c.run.feed.putStored(&entry{inv: &rec}, got)
	return got.Outputs, nil
}

// failed records a failed or cancelled invocation and returns err. Failures are never stored in the cache.
func (c *invocation) failed(ctx context.Context, err error) error {
	rec := c.record(journal.FailedNode)
	if ctx.Err() != nil {
		rec.Status = journal.CancelledNode
	} else {
		c.run.failed.Add(1)
	}
	rec.Error, rec.Code = err.Error(), codeOf(err)
	if recErr := c.run.recordEnd(rec); recErr != nil {
		c.run.daemon.log.Error("failure not recorded", "run", c.run.rec.ID, "node", c.Path, "err", recErr)
	}
	return err
}

// compare notes where a result differs from the stored one.
func (c *invocation) compare(stored, fresh *cache.Entry) {
	for i, p := range c.Node.Outputs {
		if stored.Outputs[i].Digest != fresh.Outputs[i].Digest {
			c.run.mu.Lock()
			c.run.mismatches = append(c.run.mismatches, Mismatch{Node: c.Path, Module: c.typ.Module.Name, Output: p.Name})
			c.run.mu.Unlock()
		}
	}
}
