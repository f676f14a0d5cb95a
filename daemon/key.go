package daemon

import (
	"slices"
	"strings"
	"sync"

	"levee/cache"
	"levee/graph"
	"levee/graph/value"
	"levee/runtime"
)

// The action key of an invocation holds everything that its result depends on, and nothing else. Names, ids, paths, runs
// and times stay out; so equal work has one key wherever it stands.

// keyOfType is the part of a key that is the same for all invocations of a node.
func keyOfType(t nodeType, limits runtime.Limits, outputs []value.Port) *cache.KeyBuilder {
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
	return k
}

func withInputs(k *cache.KeyBuilder, t nodeType, inputs []value.Value) *cache.KeyBuilder {
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

// keyMemo remembers the keys of types: the same few for all nodes of a run, of which there may be many. Its zero value is ready.
type keyMemo struct {
	mu    sync.Mutex
	known map[typeID]typeKey // guarded by mu
}

type typeID struct {
	module         [32]byte
	name           string
	memory, output int64
}

type typeKey struct {
	typ     nodeType
	outputs []value.Port
	key     *cache.KeyBuilder // never changed
}

// holds reports whether the key is that of a type: what a sidecar narrows is not in its ID.
func (k *typeKey) holds(t nodeType, outputs []value.Port) bool {
	return k.typ.ABI == t.ABI && k.typ.Export == t.Export && slices.Equal(k.typ.Wants, t.Wants) && slices.EqualFunc(k.outputs, outputs, samePort)
}

func (m *keyMemo) of(t nodeType, limits runtime.Limits, outputs []value.Port) *cache.KeyBuilder {
	id := typeID{t.Module.Hash, t.FullName, limits.Memory, limits.Output}
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.known[id]
	if !ok || !known.holds(t, outputs) {
		if m.known == nil {
			m.known = map[typeID]typeKey{}
		}
		known = typeKey{t, outputs, keyOfType(t, limits, outputs)}
		m.known[id] = known
	}
	return known.key.Clone()
}

func samePort(a, b value.Port) bool { return a.Name == b.Name && a.Type == b.Type }

// keyed makes the key of an invocation, as far as its inputs are known. What it gave to a GPU to do has the same result everywhere,
// unless the worker says that it has not: then device, on which it ran, is part of the key. "" is everywhere.
func (c *invocation) keyed(device string) *cache.KeyBuilder {
	k := withInputs(c.run.keys.of(c.typ, c.limits, c.Node.Outputs), c.typ, c.Inputs)
	if !c.worksOnGPU() {
		return k
	}
	k.String("gpu work", c.module().Extension())
	k.Int("gpu memory", gpuMemory(c.Node, c.run.grants))
	if device != "" {
		k.String("device", device)
	}
	return k
}

func (c *invocation) module() *runtime.Module { return c.run.flow.modules[c.typ.Module.Hash] }

// worksOnGPU reports whether the module can give work to a GPU.
func (c *invocation) worksOnGPU() bool { return c.module().Extension() != "" }

// device names what a result of the class "device" depends on.
func (c *invocation) device() string {
	if c.grant == nil {
		return cpu
	}
	return c.grant.fingerprint
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
	l.Companion = min(gpuMemory(n, g), mostCompanion)
	return l
}

// mostCompanion is the most memory in which tensors can lie on the processors: the address space of a 32-bit guest.
const mostCompanion = 4 << 30

// gpuMemory is what an invocation may have in tensors.
func gpuMemory(n *graph.Node, g Grants) int64 {
	if n.Limits.GPU > 0 {
		return n.Limits.GPU
	}
	return g.GPU
}
