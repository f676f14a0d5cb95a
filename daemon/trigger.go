package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"levee/daemon/journal"
	"levee/graph"
	"levee/graph/value"
)

// start runs a workflow as it is now, or says what it waits for.
func (f *folder) start(ctx context.Context, s *served, why string) {
	flow := s.good
	if ctx.Err() != nil || flow == nil {
		return
	}
	if flow.Denied != nil {
		f.notify(Notice{Kind: Waiting, Path: s.path, Flow: flow, Text: flow.Denied.Error()})
		return
	}
	if missing := missingInputs(flow.Graph); len(missing) > 0 {
		f.notify(Notice{Kind: Waiting, Path: s.path, Flow: flow, Text: "waiting: it needs a value for " + strings.Join(missing, ", ") + " (levee run " + path.Base(s.path) + " --set NAME=VALUE)"})
		return
	}
	t := flow.Graph.Trigger
	switch {
	case t == nil:
		f.run(ctx, s, Request{Why: why})
	case t.Manual:
	case t.Timed():
		f.keepTimes(ctx, s, why)
	case t.PerFile:
		for _, p := range f.matches(s) {
			f.enqueue(s, pending{file: p, why: why})
		}
		f.next(ctx, s)
	default:
		f.runBatch(ctx, s, why)
	}
}

func missingInputs(g *graph.Graph) (names []string) {
	for _, p := range g.Inputs {
		if p.Required() {
			names = append(names, p.Name)
		}
	}
	return names
}

// data starts runs of the workflows whose trigger matches what changed, but for those that this batch started already.
func (f *folder) data(ctx context.Context, changed []string, fresh []*served) {
	for _, p := range slices.Sorted(maps.Keys(f.flows)) {
		s := f.flows[p]
		if s.good == nil || !s.good.Graph.Trigger.ByFiles() || s.good.Denied != nil || slices.Contains(fresh, s) {
			continue
		}
		var hits []string
		for _, c := range changed {
			if f.matchesOne(s, c) {
				hits = append(hits, c)
			}
		}
		switch {
		case len(hits) == 0:
		case s.good.Graph.Trigger.PerFile:
			for _, h := range hits {
				if _, there := f.files[h]; there {
					f.enqueue(s, pending{file: h, why: "new or changed"})
				}
			}
			f.next(ctx, s)
		default:
			f.runBatch(ctx, s, CountText(len(hits), "file")+" changed")
		}
	}
}

// matchesOne reports whether a file of the folder matches the workflow's trigger, whose globs are relative to its own folder.
func (f *folder) matchesOne(s *served, p string) bool {
	base := path.Dir(s.path)
	rel := p
	if base != "." {
		var ok bool
		if rel, ok = strings.CutPrefix(p, base+"/"); !ok {
			return false
		}
	}
	return s.good.triggeredBy(rel)
}

// matches are the settled files that the workflow's trigger matches, sorted.
func (f *folder) matches(s *served) (list []string) {
	for p := range f.files {
		if f.matchesOne(s, p) {
			list = append(list, p)
		}
	}
	slices.Sort(list)
	return list
}

// runBatch runs a workflow on all files that match now; while it runs, one more such run is remembered.
func (f *folder) runBatch(ctx context.Context, s *served, why string) {
	if s.running > 0 {
		s.again = why
		return
	}
	files := f.refs(ctx, s, f.matches(s))
	if ctx.Err() != nil {
		return
	}
	if len(files) == 0 {
		f.notify(Notice{Kind: Waiting, Path: s.path, Flow: s.good, Text: "waiting for files: " + strings.Join(s.good.Graph.Trigger.Files, ", ")})
		return
	}
	f.run(ctx, s, Request{Why: why, Files: files})
}

// refs hashes files. One that is not as it had settled is left out: another batch will bring it. So is one that may not be
// read; that is said.
func (f *folder) refs(ctx context.Context, s *served, paths []string) (files []value.FileRef) {
	base := path.Dir(s.path)
	for _, p := range paths {
		digest, size, err := f.d.settledDigest(ctx, f.dir, p, f.files[p])
		if err != nil {
			if !errors.Is(err, errUnsettled) && !errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
				f.trouble(fmt.Errorf("%s leaves a file out: %v", s.path, err))
			}
			continue
		}
		rel := p
		if base != "." {
			rel = strings.TrimPrefix(p, base+"/")
		}
		files = append(files, value.FileRef{Path: rel, Size: size, Digest: digest})
	}
	return files
}

// enqueue remembers a per-file run unless it waits already.
func (f *folder) enqueue(s *served, p pending) {
	if !s.queued[p.file] {
		s.queued[p.file] = true
		s.queue = append(s.queue, p)
	}
}

// next puts per-file runs that wait into the queue: so many that its turns are used, so few that thousands of files do not become
// thousands of open runs.
func (f *folder) next(ctx context.Context, s *served) {
	for s.running < 2*f.d.cfg.Runs && len(s.queue) > 0 && s.good != nil && ctx.Err() == nil {
		p := s.queue[0]
		s.queue = s.queue[1:]
		delete(s.queued, p.file)
		if files := f.refs(ctx, s, []string{p.file}); len(files) == 1 {
			f.run(ctx, s, Request{Why: p.why, Files: files, File: &files[0]})
		}
	}
}

// run starts a run unless the last one of the same workflow, and file, was the same.
func (f *folder) run(ctx context.Context, s *served, req Request) {
	flow := s.good
	file := ""
	if req.File != nil {
		file = req.File.Path
	}
	last, err := f.d.journal.Runs(ctx, journal.Filter{Last: 1, Workflow: flow.Path, File: file})
	if ctx.Err() != nil {
		return // the next start runs it
	}
	if err != nil {
		f.trouble(fmt.Errorf("%s: %v", s.path, err))
		return
	}
	content, prev := identity(flow, &req), ""
	if len(last) > 0 {
		if strings.HasPrefix(last[0].Trigger, content) && settledStatus(last[0].Status) && !f.lostOutputs(flow, &last[0]) {
			f.notify(Notice{Kind: Unchanged, Path: s.path, Flow: flow, Text: sameText(&last[0])})
			return
		}
		prev = last[0].ID
	}
	req.Trigger = content + "/" + prev
	req.Observer = f.show(s)
	f.launch(s, func(ctx context.Context, t *ticket) (*Run, error) { return f.accept(ctx, flow, req, t) })
}

// sameText says what the run has come to that need not be repeated.
func sameText(run *journal.Run) string {
	switch {
	case run.Status == journal.Suspended:
		return fmt.Sprintf("run %s of the same waits for an answer (levee resume %[1]s)", shortID(run.ID))
	case run.Status.Terminal():
		return fmt.Sprintf("unchanged since run %s (%s)", shortID(run.ID), run.Status)
	}
	return fmt.Sprintf("run %s of the same goes on", shortID(run.ID))
}

// lostOutputs reports whether files that a completed run left as its outputs are not there any more: people delete them and
// expect them to be made again.
func (f *folder) lostOutputs(flow *Workflow, last *journal.Run) bool {
	if last.Status != journal.Completed {
		return false
	}
	dir, err := f.d.openDir(flow.Dir)
	if err != nil {
		return false
	}
	defer dir.Close()
	for i := range flow.Graph.Outputs {
		o := &flow.Graph.Outputs[i]
		if o.File == "" || !slices.ContainsFunc(last.Outputs, func(had journal.Named) bool { return had.Name == o.Name && !emptyList(had.Value) }) {
			continue
		}
		if names, err := dir.Glob(o.File, 1); err == nil && len(names) == 0 {
			return true
		}
	}
	return false
}

// emptyList reports whether a value, of which only type and size are known, is a list without items.
func emptyList(v value.Value) bool { return v.Type.Base() == "list" && v.Size == 8 }

// settledStatus reports whether a run that ended so, or goes on, need not be repeated on the same content.
func settledStatus(s journal.Status) bool { return s == journal.Completed || !s.Terminal() }

func shortID(id string) string { return id[:min(8, len(id))] }

func sortFiles(files []value.FileRef) {
	slices.SortFunc(files, func(a, b value.FileRef) int { return strings.Compare(a.Path, b.Path) })
}
