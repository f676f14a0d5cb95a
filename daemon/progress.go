package daemon

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"levee/graph"
)

// Progress is how far a run is: Total grows when groups begin, whose elements nobody knew.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"`
}

const (
	// tellEvery is how often at most a run says how far it is; one that takes long says it less and less often, up to tellLate.
	tellEvery = 500 * time.Millisecond
	tellLate  = 10 * time.Second
	// mostCurrent bounds the nodes that one such message names.
	mostCurrent = 20
)

// progressTold is what was last said of a run as a whole.
type progressTold struct {
	began, at time.Time
	text      string
}

// begin starts the counts of a run.
func (f *feed) begin() {
	f.progress.began, f.progress.at = time.Now(), time.Now()
	f.total.Store(tasksIn(f.run.flow.Graph))
	f.edges.start(f.run.flow.edges())
}

// pass starts the counts of a pass over the graph.
func (f *feed) pass() {
	clear(f.elements)
	f.total.Store(tasksIn(f.run.flow.Graph))
	f.edges.again()
	f.over.Store(false)
}

// known corrects how many invocations the run has by what an event tells.
func (f *feed) known(e *graph.Event) {
	switch {
	case e.Node.Kind == graph.Task:
	case e.State == graph.Skipped && e.Node.Kind == graph.Each:
		f.total.Add(1)
	case e.State != graph.Skipped && e.Node.Kind == graph.Each:
		if more := e.Total - f.elements[e.Path]; more > 0 { // a stream's are known one by one
			f.total.Add(int64(more) * tasksIn(e.Node.Body))
			f.elements[e.Path] = e.Total
		}
		if e.State != graph.Running && e.State != graph.Progress {
			delete(f.elements, e.Path)
		}
	case e.State == graph.Skipped:
		f.total.Add(1 - tasksIn(e.Node.Body))
	}
}

// tasksIn is how many invocations the body of a group is, as far as that is known before it begins.
func tasksIn(g *graph.Graph) (n int64) {
	for _, node := range g.Nodes {
		switch {
		case node.Kind == graph.Task:
			n++
		case node.Kind != graph.Each && node.Body != nil:
			n += tasksIn(node.Body)
		}
	}
	return n
}

// soFar is how far the run is.
func (r *Run) soFar() Progress {
	done := r.ran.Load() + r.cached.Load() + r.failed.Load() + r.skipped.Load()
	return Progress{Done: done, Total: max(done, r.feed.total.Load())}
}

// current are the nodes that run, those that have longest first, and no more of them than a message should name.
func current(running map[string]time.Time) []string {
	paths := slices.SortedFunc(maps.Keys(running), func(a, b string) int {
		return cmp.Or(running[a].Compare(running[b]), cmp.Compare(a, b))
	})
	return paths[:min(len(paths), mostCurrent)]
}

// every is how long the next message about the run as a whole waits at least.
func (p *progressTold) every(now time.Time) time.Duration {
	return min(max(tellEvery, now.Sub(p.began)/100), tellLate)
}

// due are the messages about the run as a whole for which the time has come.
func (f *feed) due(now time.Time, last bool) (list []*entry) {
	p := &f.progress
	if f.over.Load() || !last && now.Sub(p.at) < p.every(now) {
		return nil
	}
	for _, data := range f.edges.changed() {
		list = append(list, &entry{event: message(f.run.rec.ID, "edge_update", "", data)})
	}
	if !last {
		data := map[string]any{"status": f.run.presence.now(), "progress": f.run.soFar()}
		if nodes := current(f.running); len(nodes) > 0 {
			data["current_nodes"] = nodes
		}
		if text, err := json.Marshal(data); err == nil && string(text) != p.text {
			p.text = string(text)
			list = append(list, &entry{event: message(f.run.rec.ID, "job_update", "", data)})
		}
	}
	p.at = now
	return list
}

// next is how long nothing needs to be said.
func (f *feed) next(now time.Time) time.Duration {
	if f.over.Load() {
		return time.Hour
	}
	wait := max(f.progress.every(now)-now.Sub(f.progress.at), 0)
	for _, begun := range f.quiet {
		wait = min(wait, max(quietFor-now.Sub(begun.at), quietFor-now.Sub(f.window), 0))
	}
	return wait + time.Millisecond
}
