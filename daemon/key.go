package daemon

import (
	"strings"

	"levee/cache"
	"levee/graph"
	"levee/graph/value"
	"levee/runtime"
)

// key is the action key of an invocation: everything that its result depends on, and nothing else. Names, ids, paths, runs
// and times stay out; so equal work has one key wherever it stands.
func key(t nodeType, limits runtime.Limits, outputs []value.Port, inputs []value.Value) *cache.KeyBuilder {
	k := cache.NewKey()
	k.String("engine", runtime.EngineVersion())
	k.Digest("module", t.Module.Hash)
	k.String("type", t.FullName)
	k.String("abi", string(t.ABI)+" "+t.Export)
	k.Int("memory", limits.Memory)
	k.Int("output limit", limits.Output)
	k.String("grants", strings.Join(t.Wants, " "))
	for _, p := range outputs { // a generic node may ask what it is to write
		k.String("output "+p.Name, string(p.Type))
	}
	for i, v := range inputs {
		name := "input " + t.Inputs[i].Name
		if v.IsZero() {
			k.Absent(name)
			continue
		}
		k.Value(name, v)
	}
	return k
}

// limitsOf are an invocation's limits: the node's own, else the workflow's.
func limitsOf(n *graph.Node, g Grants) runtime.Limits {
	l := runtime.Limits{Memory: g.Memory, Time: g.Time, Output: maxOutput, Log: maxLog}
	if n.Limits.Memory > 0 {
		l.Memory = n.Limits.Memory
	}
	if n.Limits.Time > 0 {
		l.Time = n.Limits.Time
	}
	return l
}
