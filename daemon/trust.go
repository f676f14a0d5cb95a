package daemon

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"levee/graph"
)

// Grants are the permissions in force for the nodes of one workflow: what the workflow asks for, within the operator's
// ceiling. A node gets of them what its manifest wants and its module imports.
type Grants struct {
	Read, Write []string // folders relative to the workflow's folder
	Memory      int64    // the most that an invocation may have
	Time        time.Duration
	AskedTime   bool  // Time is what the workflow says, not the default
	GPU         int64 // bytes of tensors, of a node that does not say how much
}

// DeniedError says what a workflow asks for beyond the ceiling. The workflow waits until the operator allows it.
type DeniedError struct{ Wants []string }

func (e *DeniedError) Error() string {
	return "waiting: wants " + strings.Join(e.Wants, ", ") + ", which the operator's ceiling does not allow"
}

// grants weighs what a workflow asks for against the ceiling. base is the workflow's folder relative to the folder that
// ceilings are relative to.
func grants(g *graph.Graph, ceiling Ceiling, base string) (Grants, error) {
	var denied DeniedError
	ask := func(verb string, dirs, allowed []string) {
		for _, d := range dirs {
			if !within(path.Join(base, d), allowed) {
				denied.Wants = append(denied.Wants, verb+" "+d)
			}
		}
	}
	ask("read", g.Allow.Read, ceiling.Read)
	ask("write", g.Allow.Write, ceiling.Write)
	if g.Trigger != nil {
		for _, glob := range g.Trigger.Files {
			if !within(path.Join(base, globDir(glob)), ceiling.Read) {
				denied.Wants = append(denied.Wants, "read "+glob)
			}
		}
	}
	got := Grants{Read: g.Allow.Read, Write: g.Allow.Write, Memory: g.Allow.Memory, Time: g.Allow.Time, AskedTime: g.Allow.Time > 0}
	if got.Memory == 0 {
		got.Memory = min(defaultMemory, ceiling.Memory)
	}
	if got.Time == 0 {
		got.Time = min(defaultTime, ceiling.Time)
	}
	got.GPU = min(defaultGPU, ceiling.GPU)
	g.Walk(func(n *graph.Node) {
		if m := n.Limits.GPU; m > ceiling.GPU {
			denied.Wants = append(denied.Wants, fmt.Sprintf("%s of GPU memory for %s", SizeText(m), n.Site))
		}
		if m := max(n.Limits.Memory, got.Memory); m > ceiling.Memory {
			denied.Wants = append(denied.Wants, fmt.Sprintf("%s of memory for %s", SizeText(m), n.Site))
		}
		if t := max(n.Limits.Time, got.Time); t > ceiling.Time {
			denied.Wants = append(denied.Wants, fmt.Sprintf("%s of time for %s", t, n.Site))
		}
	})
	if len(denied.Wants) > 0 {
		slices.Sort(denied.Wants)
		denied.Wants = slices.Compact(denied.Wants)
		return Grants{}, &denied
	}
	return got, nil
}

// below is the path of a file from a folder that it lies in, with slashes; false: it lies elsewhere. Both are absolute.
func below(dir, file string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, file)
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}

// within reports whether a folder lies in one of others; all are clean relative slash paths.
func within(dir string, others []string) bool {
	dir = path.Clean(dir)
	return dir != ".." && !strings.HasPrefix(dir, "../") && slices.ContainsFunc(others, func(o string) bool {
		o = path.Clean(o)
		return o == "." || dir == o || strings.HasPrefix(dir, o+"/")
	})
}

// globDir is the folder part of a glob before its first meta character.
func globDir(glob string) string {
	if i := strings.IndexAny(glob, "*?[{"); i >= 0 {
		glob = glob[:i]
		return path.Clean(glob[:strings.LastIndexByte(glob, '/')+1] + ".")
	}
	return path.Dir(glob)
}
