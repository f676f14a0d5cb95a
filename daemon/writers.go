package daemon

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"levee/cache"
	"levee/graph"
	"levee/graph/value"
)

// writers knows who wrote which file in a run and in those of its nodes. Of two that write different things into one file, and that
// nothing orders, one would be lost, now this and now that.
type writers struct {
	flow *Workflow // of the outermost run

	mu sync.Mutex
	by map[string]*written // by the file's whole path; guarded by mu
}

// written is what a file holds, and the invocations that wrote that, by their ways: sub/group[3].save is the node group[3].save in the
// run of the node sub, and sub/ the outputs of that run.
type written struct {
	digest value.Digest
	by     string
	others map[string]bool
}

func (w *written) add(way string) {
	if way == w.by {
		return
	}
	if w.others == nil {
		w.others = make(map[string]bool)
	}
	w.others[way] = true
}

// content is what somebody writes into a file.
type content struct {
	file   string // relative to the workflow's folder
	digest value.Digest
}

// wrote is what an invocation wrote, of what it was seen to do.
func wrote(seen []cache.Observation) (list []content) {
	for _, o := range seen {
		if o.Op == opWrite && o.Digest != denied {
			list = append(list, content{o.Path, o.Digest})
		}
	}
	return list
}

// claim notes that an invocation of the run writes files, before it does. The error says that another one, before or after which it does
// not come, has written something else into one of them; then none is noted.
func (r *Run) claim(path string, contents ...content) error {
	w, way := r.writers, r.way+path
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range contents {
		if had := w.by[r.whole(c.file)]; had != nil && had.digest != c.digest {
			if clash := w.clash(had, way); clash != nil {
				clash.file = c.file
				return &graph.Final{Err: clash}
			}
		}
	}
	for _, c := range contents {
		file := r.whole(c.file)
		if had := w.by[file]; had != nil && had.digest == c.digest {
			had.add(way)
			continue
		}
		w.by[file] = &written{digest: c.digest, by: way}
	}
	return nil
}

// whole is the path of a file by which all runs that share writers know it. Nobody writes through a link, and a path has one spelling.
func (r *Run) whole(file string) string { return filepath.Join(r.flow.Dir, file) }

// clash finds one of those that wrote a file that comes neither before nor after an invocation. All of them are asked: that the last one
// does says nothing of another that wrote the same.
func (w *writers) clash(had *written, way string) *clashError {
	first, second := w.unordered(had.by, way)
	who := had.by
	for _, other := range slices.Sorted(maps.Keys(had.others)) { // so that it is always the same one that is named
		if first != nil {
			break
		}
		first, second = w.unordered(other, way)
		who = other
	}
	if first == nil {
		return nil
	}
	if first.Level > second.Level {
		first, second = second, first // it goes over items of that one
	}
	return &clashError{who: strings.ReplaceAll(strings.TrimSuffix(who, "/"), "/", "."), first: first, second: second}
}

// clashError says that two invocations write different things into a file in no order.
type clashError struct {
	file, who     string
	first, second *graph.Node // that hold the two, in one graph; the same each group: elements of it
}

func (e *clashError) Error() string {
	said := fmt.Sprintf("cannot write %q: %s of this run has written something else into it", e.file, e.who)
	if e.first == e.second {
		return said + ": each element needs a file of its own"
	}
	return fmt.Sprintf("%s, and no wire says which of the two comes last: order them by after: [%s] at %s, or give one of them another file",
		said, e.first.ID, e.second.Site)
}

// codeClash is the failure of an invocation that would write over what another one has written.
const codeClash = "E_CLASH"

// unordered finds the nodes of one graph that hold two invocations, if none of these comes before the other.
func (w *writers) unordered(a, b string) (n, m *graph.Node) {
	for flow := w.flow; ; {
		here, below, _ := strings.Cut(a, "/")
		there, beyond, _ := strings.Cut(b, "/")
		if here != there {
			return flow.unordered(here, there)
		}
		if n = flow.nodeAt(here); n == nil {
			return nil, nil
		}
		next, ok := subflow(n)
		if !ok {
			return nil, nil
		}
		flow, a, b = next, below, beyond
	}
}

// unordered is that of two paths in one workflow. "" is its end, before which all of it comes. Elements that go in turn do so unless one of
// them waits for an answer, behind which the others go on.
func (w *Workflow) unordered(a, b string) (n, m *graph.Node) {
	here, there := strings.Split(a, "."), strings.Split(b, ".")
	at := 0
	for at < min(len(here), len(there))-1 && here[at] == there[at] {
		at++
	}
	around := strings.Join(append(here[:at:at], ""), ".")
	id, element, _ := strings.Cut(here[at], "[")
	other, beside, _ := strings.Cut(there[at], "[")
	n, m = w.nodeAt(around+id), w.nodeAt(around+other)
	switch {
	case n == nil, m == nil:
		return nil, nil
	case n == m && n.Kind == graph.Each && (w.asks || !n.InTurn()), n != m && !graph.Ordered(n, m, element != "" && element == beside):
		return n, m
	}
	return nil, nil
}
