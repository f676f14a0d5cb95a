package daemon

import (
	"fmt"
	"strings"
	"sync"

	"levee/graph"
	"levee/graph/value"
)

// writers knows who wrote which file in a run. Elements of an each run in no order: of two that write different things into one file, one
// would be lost, now this and now that.
type writers struct {
	mu sync.Mutex
	by map[string]writer // by file; guarded by mu
}

type writer struct {
	path   string // of the invocation
	digest value.Digest
}

// claim notes that an invocation writes a file; the error says that another element has written something else there.
func (w *writers) claim(flow *Workflow, path, file string, digest value.Digest) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if first, ok := w.by[file]; ok && first.digest != digest && flow.besides(first.path, path) {
		return fmt.Errorf("%s of this run has written something else into it: each element needs a file of its own", first.path)
	}
	if w.by == nil {
		w.by = make(map[string]writer)
	}
	w.by[file] = writer{path, digest}
	return nil
}

// besides reports whether two invocations are in different elements of one each.
func (w *Workflow) besides(a, b string) bool {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	open := strings.LastIndexByte(a[:same], '[')
	if open < 0 || strings.IndexByte(a[open:same], ']') >= 0 {
		return false
	}
	n := w.nodeAt(a[:open])
	return n != nil && n.Kind == graph.Each
}
