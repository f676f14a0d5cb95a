package daemon

import (
	"bytes"
	"context"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"time"

	"levee/graph"
)

// served is one workflow of the folder.
type served struct {
	path    string
	good    *Workflow         // the last version without problems; nil: there is none
	broken  string            // the problems of what lies there now, as they were told; "": it has none
	why     string            // what made the good version the good one, for people
	ctx     context.Context   // of the runs of the good version; nil: none was started since it was loaded
	cancel  func(cause error) // ends ctx
	running int               // runs of all versions: one that was superseded takes a moment to end
	again   string            // why another run must follow the one that runs; "": none must
	times   timetable         // of a workflow that runs by time
	queue   []pending         // per-file runs that wait for their turn
	queued  map[string]bool
}

type pending struct {
	file string
	why  string
}

func (f *folder) removed(p string) {
	if s, ok := f.flows[p]; ok {
		delete(f.flows, p)
		s.end(errRemoved)
		s.drop()
		s.good = nil
		f.notify(Notice{Kind: Gone, Path: p})
	}
}

// loadChanged loads the workflows that a batch touches, by their own file or by one that they use, and returns those that are another version now.
func (f *folder) loadChanged(changed, removed []string) (fresh []*served) {
	touched := map[string]bool{} // true: by its own file
	for _, p := range changed {
		if graph.IsWorkflow(p) {
			touched[p] = true
		}
	}
	for _, p := range slices.Concat(changed, removed) {
		if !isModule(p) && !graph.IsWorkflow(p) {
			continue
		}
		for _, s := range f.flows {
			if _, own := touched[s.path]; !own && (s.broken != "" || s.good == nil || s.uses(p)) {
				touched[s.path] = false
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(touched)) {
		if s := f.load(p, touched[p]); s != nil {
			fresh = append(fresh, s)
		}
	}
	return fresh
}

// uses reports whether a workflow uses the module, its sidecar, or the workflow at a path relative to the root.
func (s *served) uses(p string) bool {
	for file := range s.good.Files {
		if q := path.Join(path.Dir(s.path), file); p == q || p == q+".json" {
			return true
		}
	}
	return false
}

// load reads a workflow of the folder; nil when it is broken or the same as before. Problems that stayed the same are told again only
// if its own file changed.
func (f *folder) load(p string, edited bool) *served {
	s := f.flows[p]
	if s == nil {
		s = &served{path: p, queued: make(map[string]bool)}
		f.flows[p] = s
	}
	flow, err := f.read(p)
	if err != nil {
		problems, ok := Problems(err)
		if !ok {
			problems = graph.Problems{{File: path.Base(p), Line: 1, Col: 1, Code: "read", Message: Printable(err.Error())}}
		}
		if told := s.broken; edited || told != problems.Error() {
			f.notify(Notice{Kind: Broken, Path: p, Problems: problems, Kept: s.good != nil})
		}
		s.broken = problems.Error()
		return nil
	}
	mended := s.broken != "" && s.good != nil
	s.broken = ""
	switch {
	case s.good == nil:
		s.why = "new"
	case s.good.ID == flow.ID:
		if mended {
			f.notify(Notice{Kind: Unchanged, Path: p, Flow: flow, Text: "as it was before it was broken"})
		}
		return nil
	case bytes.Equal(s.good.Source, flow.Source):
		s.why = "a file that it uses changed"
	default:
		s.why = "edited"
	}
	s.end(ErrSuperseded)
	s.drop()
	s.good = flow
	f.notify(Notice{Kind: Loaded, Path: p, Flow: flow, Next: flow.NextTime(f.d.now())})
	return s
}

func (f *folder) read(p string) (*Workflow, error) {
	dir, source, err := openFlow(f.dir, p)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return f.d.check(filepath.Join(f.root, filepath.FromSlash(p)), source, dir, path.Dir(p))
}

// end ends the runs of the version that was good until now, or lets go of what they needed. The next launch begins anew.
func (s *served) end(cause error) {
	if s.ctx != nil {
		s.cancel(cause)
		s.ctx, s.cancel = nil, nil
	}
}

// drop forgets what waits for its turn.
func (s *served) drop() {
	s.queue, s.again = nil, ""
	s.times.due, s.times.later = time.Time{}, timeRun{}
	clear(s.queued)
}
