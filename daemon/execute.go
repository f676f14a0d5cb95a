package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"levee/cache"
	"levee/daemon/journal"
	"levee/gpu"
	"levee/graph"
	"levee/graph/value"
	"levee/runtime"
)

// invoke gives the outputs of one invocation: from the cache, from equal work in flight, or by running the module. It is the
// one place where graph, cache, engine and journal meet. What ran is in the cache before the journal says that it ended.
func (r *Run) invoke(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
	r.presence.change(1, 0)
	defer r.presence.change(-1, 0)
	if flow, ok := subflow(inv.Node); ok {
		return r.invokeFlow(ctx, inv, flow)
	}
	t, _ := handle(inv.Node)
	c := &invocation{Invocation: inv, run: r, typ: t, limits: limitsOf(inv.Node, r.grants), began: time.Now()}
	c.name()
	if err := c.failedBefore(); err != nil {
		return nil, c.failed(ctx, err)
	}
	if t.wantsAnswer() {
		if err := c.ask(); err != nil {
			return nil, c.suspended(err)
		}
		c.name()
	}
	if past, err := c.before(ctx); err != nil {
		return nil, c.failed(ctx, err)
	} else if past != nil {
		return c.found(ctx, past)
	}
	if err := c.checkRanges(); err != nil {
		return nil, c.failed(ctx, err)
	}
	c.looked = r.daemon.cache.Mark()
	stored, err := c.lookup(ctx)
	if err != nil && !errors.Is(err, cache.ErrMiss) {
		return nil, c.failed(ctx, err)
	}
	if stored != nil && (!r.afresh(inv.Node) || r.past[c.Path]) && !r.req.Verify {
		return c.found(ctx, stored)
	}
	entry, ran, err := c.join(ctx)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if stored != nil && r.req.Verify {
		c.compare(stored, entry)
	}
	if !ran {
		return c.done(entry, journal.Cached)
	}
	return c.done(entry, journal.Ran)
}

// invocation is the state of one invoke.
type invocation struct {
	*graph.Invocation
	run    *Run
	typ    nodeType
	key    *cache.KeyBuilder
	id     cache.Key // key's
	limits runtime.Limits
	grant  *grant         // the place on a GPU that it had; nil: it ran on the processors
	handed *os.File       // its session there
	lease  *gpu.Lease     // likewise
	pubs   []*publication // of its outputs and inputs, which are on their way into the cache
	leases []*gpu.Lease   // for those of its outputs that are to be published
	began  time.Time      // when it was asked for, or when it ran
	looked uint64         // since when it is known that no result was put under its key

	given   *items // what it gave while it ran
	begun   bool   // its effect may have happened: the journal knows
	log     []byte
	peak    int64
	compile time.Duration
}

// name makes the key, of the inputs as they are now.
func (c *invocation) name() {
	c.key = c.keyed("")
	c.id = c.key.Key()
}

// checkRanges holds wired values against the bounds that literals were held against when the workflow was checked.
func (c *invocation) checkRanges() error {
	for i := range c.typ.Inputs {
		if v := c.Inputs[i]; !v.IsZero() {
			if err := c.typ.Inputs[i].CheckRange(v); err != nil {
				return &runtime.Error{Code: runtime.CodeFailed, Module: c.typ.Module.Name, Detail: err.Error()}
			}
		}
	}
	return nil
}

// lookup finds a result that is the same everywhere, else one of a device on which the node would run now.
func (c *invocation) lookup(ctx context.Context) (*cache.Entry, error) {
	entry, err := c.stored(ctx, c.id)
	if errors.Is(err, cache.ErrMiss) && c.worksOnGPU() {
		for _, device := range c.run.daemon.devices.fingerprints(ctx, c.run.flow.placed[c.Node]) {
			if entry, err = c.stored(ctx, c.keyed(device).Key()); !errors.Is(err, cache.ErrMiss) {
				break
			}
		}
	}
	if err == nil {
		err = c.run.pubs.verified(ctx, c.Inputs)
	}
	if err != nil {
		return nil, err
	}
	return entry, nil
}

func (c *invocation) stored(ctx context.Context, k cache.Key) (*cache.Entry, error) {
	if !c.typ.files() {
		return c.run.daemon.cache.Get(ctx, k)
	}
	return c.run.daemon.cache.Lookup(ctx, k, c.run.observeNow)
}

// join runs the module unless equal work is in flight. Work that touches files is never joined: the same name may be
// another file for another workflow.
func (c *invocation) join(ctx context.Context) (entry *cache.Entry, ran bool, err error) {
	if c.typ.files() || c.run.afresh(c.Node) || c.run.req.Verify {
		entry, err = c.execute(ctx)
		return entry, true, err
	}
	same := c.id
	if c.worksOnGPU() { // what runs on another device may give something else
		same = c.keyed("any " + c.run.flow.placed[c.Node]).Key()
	}
	entry, _, err = c.run.daemon.cache.Join(ctx, same, func(ctx context.Context) (*cache.Entry, error) {
		// Equal work may have ended between the lookup and here.
		if c.worksOnGPU() || c.run.daemon.cache.PutSince(c.looked, same) {
			if stored, err := c.lookup(ctx); err == nil {
				return stored, nil
			}
		}
		ran = true
		return c.execute(ctx)
	})
	if err == nil && !ran {
		if err = c.run.shared(ctx, entry); err == nil {
			err = c.run.pubs.verified(ctx, c.Inputs)
		}
	}
	return entry, ran && err == nil, err
}

// execute runs the module and stores what it gave.
func (c *invocation) execute(ctx context.Context) (*cache.Entry, error) {
	if c.typ.writes() {
		if err := c.begin(ctx); err != nil {
			return nil, err
		}
	}
	access := c.fileAccess()
	res, err := c.try(ctx, access)
	if lostTensors(err) && !c.typ.writes() && ctx.Err() == nil { // through no fault of the node's
		c.run.daemon.log.Warn("a node runs once more", "node", c.Path, "why", err)
		res, err = c.try(ctx, access)
	}
	seen, whole, clash := access.end()
	if err == nil {
		defer res.Close()
		defer c.letGo()
	}
	if clash != nil && ctx.Err() == nil {
		err = clash
	}
	if err != nil {
		return nil, err
	}
	outputs, err := c.take(ctx, res)
	if err != nil {
		return nil, err
	}
	key := c.key
	if res.DeviceClass {
		key = c.keyed(c.device())
	}
	entry := &cache.Entry{
		Key: key.Key(), Outputs: outputs, Node: c.typ.FullName, Site: c.site(), Parts: key.Parts(), Log: c.log,
		Observations: seen, Cost: res.Duration,
	}
	if !whole || slices.ContainsFunc(c.pubs, (*publication).rests) { // of what rests nothing was verified
		return entry, nil
	}
	if pubs := c.pubs; len(pubs) > 0 { // what it depends on, or gave, is not in the cache yet
		entry.Ready = func(ctx context.Context) error { return stored(ctx, pubs) }
		kept := *entry // Put writes into what it is given, and others read entry meanwhile
		c.run.pubs.beside(pubs, func(ctx context.Context) { _ = c.put(ctx, &kept) })
		return entry, nil
	}
	if err := c.put(ctx, entry); err != nil {
		return nil, err
	}
	return entry, nil
}

// put stores a result. A result that cannot be kept is still one; the next run will have to work for it again.
func (c *invocation) put(ctx context.Context, entry *cache.Entry) error {
	store := c.run.daemon.cache.PutSoon
	if len(entry.Observations) > 0 || len(c.pubs) > 0 {
		store = c.run.daemon.cache.Put
	}
	err := store(ctx, entry)
	if err != nil && ctx.Err() != nil {
		return err
	}
	if err != nil {
		c.run.daemon.log.Warn("result not stored", "node", c.Path, "err", err)
	}
	return nil
}

// lostTensors reports whether a call ended because the process that held its tensors did.
func lostTensors(err error) bool {
	failure, ok := errors.AsType[*runtime.Error](err)
	return ok && failure.Code == runtime.CodeLost
}

// try is call; where the process that held the tensors has died, the error says why.
func (c *invocation) try(ctx context.Context, access *fileAccess) (*runtime.Result, error) {
	res, err := c.call(ctx, access)
	if c.lease == nil || !lostTensors(err) {
		return res, err
	}
	const most = 300 // bytes of what a driver says, or the one who took over its process
	why := Printable(c.lease.Settle(ctx))
	if failure, ok := errors.AsType[*runtime.Error](err); ok && why != "" {
		failure.Detail += ": " + strings.ToValidUTF8(why[:min(len(why), most)], "")
	}
	return res, err
}

// call hands the invocation to the engine.
func (c *invocation) call(ctx context.Context, access *fileAccess) (*runtime.Result, error) {
	var err error
	call := &runtime.Call{
		Module: c.module(), Export: c.typ.Export, Outputs: max(len(c.typ.Outputs), 1), Owner: c.run.rec.ID,
		Limits: c.limits, Files: access.functions(), Seed: c.id,
		Progress: func(done, total int64) {
			c.run.event("node_progress", c.Path, map[string]any{"progress": done, "total": total})
		},
	}
	if c.worksOnGPU() {
		for _, p := range c.Node.Outputs {
			call.OutputTypes = append(call.OutputTypes, string(p.Type))
		}
	}
	items, end := c.items(ctx, call)
	defer end()
	c.given = items
	inputs := make([]runtime.Input, len(c.Inputs))
	defer func() {
		for _, in := range inputs {
			if in.File != nil {
				in.File.Close()
			}
		}
	}()
	for i, v := range c.Inputs {
		if in, ok := c.early(v); ok {
			inputs[i] = in
			continue
		}
		if inputs[i], err = c.run.input(ctx, v); err != nil {
			return nil, fmt.Errorf("input %s: %w", c.typ.Inputs[i].Name, err)
		}
	}
	if err := c.give(ctx, call, inputs); err != nil {
		return nil, err
	}
	giveBack, err := c.place(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	if call.Handed = c.handed; c.handed != nil {
		call.Referable = c.referable()
	} else if err := settle(ctx, call.Inputs); err != nil {
		return nil, err
	}
	c.run.feed.put(&entry{begun: &beginning{of: c, at: time.UnixMicro(time.Now().UnixMicro()), properties: c.properties()}})
	if c.run.req.Working != nil {
		c.run.req.Working(c.run.rec.ID, c.Path)
	}
	res, err := c.run.daemon.engine.Run(ctx, call)
	if err == nil {
		if err = c.reserve(ctx, res); err != nil {
			c.letGo()
			res.Close()
			return nil, err
		}
	}
	if res != nil && res.Duration >= 0 && res.Duration+res.Held < time.Since(c.began) {
		c.began = time.Now().Add(-res.Duration - res.Held) // before that it waited: for a worker, for others, for its module to be compiled
	}
	c.keepLog(res, err)
	sayTimeout(err, c.Node, c.run.grants, c.limits.Time)
	return res, err
}

func (c *invocation) site() string { return c.run.flow.Path + "#" + c.Node.Site }

// begin records an invocation with effects before it runs, and refuses to repeat one that may have happened.
func (c *invocation) begin(ctx context.Context) error {
	if doubt := c.run.rec.Doubt; doubt != "" && !c.typ.Idempotent {
		return &runtime.Error{Code: codeUnknownEffect, Module: c.typ.Module.Name, Detail: fmt.Sprintf(
			"the run's history is not whole (%s): whether its effect happened is not known, and its manifest does not say idempotent", doubt)}
	}
	if prev, ok := c.run.effects[c.Path]; ok && !c.typ.Idempotent {
		return &runtime.Error{Code: codeUnknownEffect, Module: c.typ.Module.Name, Detail: fmt.Sprintf(
			"it was started at %s and levee ended before it did: whether its effect happened is not known, and its manifest does not say idempotent",
			prev.Started.Format(time.RFC3339))}
	}
	if err := c.run.daemon.cache.Flush(ctx); err != nil { // what it works with is not to be another when it is resumed
		return err
	}
	c.begun = true
	rec := c.record(journal.Started)
	return c.run.daemon.keepTrying(ctx, func() error { return c.run.daemon.journal.Begin(ctx, rec) })
}

// codeUnknownEffect is the failure of an invocation that may have had its effect already.
const codeUnknownEffect = "E_UNKNOWN_EFFECT"
