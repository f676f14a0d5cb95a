package kernel

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// TestEveryAccessIsGuarded reads generated PTX: memory is touched by loads of an input and stores of an output at elements of the
// thread, which were compared with the last one that the host gives; by loads from a slot under a comparison of the index with the
// slot's count; and by the minimum into the trap word. Nothing else.
func TestEveryAccessIsGuarded(t *testing.T) {
	wasms := [][]byte{corpus(t)}
	for seed := range uint64(4) {
		wasms = append(wasms, randomModule(rand.New(rand.NewPCG(seed, 9)), 20))
	}
	counts := map[string]int{}
	for _, wasm := range wasms {
		_, entries, err := Companion(wasm)
		require.NoError(t, err)
		for _, e := range entries {
			sig := e.Func.Signature()
			types := Types{sig.Params, make([]bool, len(sig.Params)), sig.Results}
			for range 2 { // with the types of WebAssembly, and with narrow ones
				text, err := e.Func.PTX(types)
				require.NoError(t, err)
				newGuard(t, sig, types, counts).read(text)
				types.In, types.Out = narrowest(types.In), narrowest(types.Out)
			}
		}
	}
	for _, kind := range []string{"of one", "of four", "of a slot", "of the trap word"} {
		require.Greater(t, counts[kind], 30, kind)
	}
}

func narrowest(types []op.DType) (n []op.DType) {
	for i, d := range types {
		all := allTypes(d)
		n = append(n, all[(i+1)%len(all)])
	}
	return n
}

// guard knows of each 64-bit register what it is, as a term over the entry's parameters. A register that is written again is not one
// of those but for the two that count elements, which are known by name.
type guard struct {
	t        *testing.T
	sig      op.Signature
	types    Types
	counts   map[string]int
	terms    map[string]string
	parts    map[string][2]string // of terms that are sums and shifts
	tests    map[string][2]string // predicates: index and count
	written  map[string]int
	pending  map[string]bool // elements of the loop that was begun
	elements map[string]bool // those of them that are known to be within
	four     string          // the first of four that are known to be within
}

func newGuard(t *testing.T, sig op.Signature, types Types, counts map[string]int) *guard {
	return &guard{t: t, sig: sig, types: types, counts: counts, terms: map[string]string{}, parts: map[string][2]string{}, tests: map[string][2]string{}, written: map[string]int{}}
}

// The entry's parameters, by their places.
func (g *guard) slotAt(i int) string { return fmt.Sprint("p", len(g.sig.Params)+2*i) }
func (g *guard) outAt(i int) string  { return fmt.Sprint("p", len(g.sig.Params)+2*len(g.sig.Slots)+i) }
func (g *guard) from() string        { return g.outAt(len(g.sig.Results)) }
func (g *guard) last() string        { return g.outAt(len(g.sig.Results) + 1) }
func (g *guard) trap() string        { return g.outAt(len(g.sig.Results) + 2) }

var (
	writeLine  = regexp.MustCompile(`^(?:@\S+ )?([a-z0-9.]+) (%rd\d+), (.*)$`)
	testLine   = regexp.MustCompile(`^setp\.(lt\.u64|ge\.s64) (%p\d+), (%rd\d+), (%rd\d+)$`)
	accessLine = regexp.MustCompile(`^(?:@(%p\d+) )?(ld|st|atom)(?:\.relaxed\.gpu)?\.global\.(\S+) (?:(\{[^}]*\}|%\w+), )?\[(%rd\d+)(\+16)?\](?:, (?:\{[^}]*\}|%\w+))?$`)
)

func (g *guard) read(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSpace(line), ";")
		if m := accessLine.FindStringSubmatch(line); m != nil {
			g.access(line, m[1], m[2], m[3], m[5], m[6] != "")
		} else if m := testLine.FindStringSubmatch(line); m != nil {
			g.test(m[1], m[2], m[3], m[4])
		} else {
			require.NotContains(g.t, line, "[%", line)
			require.NotRegexp(g.t, `^(@\S+ )?(ld|st|atom|red|call|tex|sust|suld|prefetch|cp|mma|bar)\.(global|shared|local|generic|v\d|b|u|s|f|sync|uni|async)`, line)
		}
		if m := writeLine.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[1], "st.") {
			g.write(m[1], m[2], strings.Split(m[3], ", "))
		}
	}
	for r, n := range g.written {
		count := strings.HasPrefix(g.terms[r], "#") // the two that count elements, and go on with others only by whole strides
		require.True(g.t, n == 1 || count || !strings.HasPrefix(g.terms[r], "p"), "%s is %s and is written %d times", r, g.terms[r], n)
	}
}

// write notes what a register is from now on.
func (g *guard) write(name, to string, from []string) {
	g.written[to]++
	was, a, b := g.terms[to], g.name(from[0]), g.name(from[len(from)-1])
	switch name {
	case "ld.param.u64":
		g.terms[to] = strings.Trim(from[0], "[]")
		return
	case "mul.wide.u32":
		g.terms[to] = fmt.Sprint("wide", g.written["wide"]) // the first is that of the block's first thread, the second the stride
		g.written["wide"]++
		return
	case "cvt.u64.u32":
		g.terms[to] = "u32"
		return
	case "add.s64", "sub.s64", "shl.b64", "and.b64":
		g.terms[to] = fmt.Sprintf("(%s %s %s)", a, name[:3], b)
		g.parts[g.terms[to]] = [2]string{a, b}
	default:
		delete(g.terms, to)
		return
	}
	const thread, stride = "(wide0 add u32)", "wide1"
	end := "(" + g.from() + " add ((" + g.last() + " sub " + g.from() + ") and -4))"
	switch term := g.terms[to]; {
	case was == "#gid": // the next round, or what four at a time left over
		require.True(g.t, term == "("+end+" add "+thread+")" || g.elements[a] && b == stride, term)
		g.terms[to] = "#gid"
	case term == "("+g.from()+" add "+thread+")":
		g.terms[to], g.pending = "#gid", map[string]bool{"#gid": true}
	case term == "("+g.from()+" add ("+thread+" shl 2))":
		g.terms[to] = "#at"
	case was == "#at":
		require.Equal(g.t, "(#at add ("+stride+" shl 2))", term)
		g.terms[to] = "#at"
	case strings.HasSuffix(term, " add "+stride+")") && g.pending[a]:
		g.pending[term] = true
	}
}

// test notes a comparison: of an index with a count, or of elements with the last.
func (g *guard) test(kind, p, a, b string) {
	if kind == "lt.u64" {
		g.tests[p] = [2]string{a, g.terms[b]}
		return
	}
	end := "(" + g.from() + " add ((" + g.last() + " sub " + g.from() + ") and -4))"
	switch a, b := g.terms[a], g.terms[b]; {
	case b == g.last():
		for e := range g.pending { // the farthest is within, so all are
			require.LessOrEqual(g.t, len(e), len(a), "%s is compared, and not %s", a, e)
		}
		require.True(g.t, g.pending[a], a)
		g.elements, g.pending, g.four = g.pending, map[string]bool{"#gid": true}, ""
	case b == end && a == "#at":
		g.four = a
	}
}

// access holds an access against what is known.
func (g *guard) access(line, p, what, form, at string, upper bool) {
	term := g.terms[at]
	if what == "atom" {
		require.Equal(g.t, g.trap(), term, line)
		require.Equal(g.t, "min.u64", form, line)
		g.counts["of the trap word"]++
		return
	}
	if what == "ld" && term == g.trap() {
		require.Contains(g.t, line, "ld.relaxed.gpu.global.u64", line)
		require.Empty(g.t, p, line)
		return
	}
	for i, one := range g.types.One {
		if one && term == fmt.Sprint("p", i) && what == "ld" && p == "" {
			return
		}
	}
	tensor, index, size := g.parts[term][0], g.parts[term][1], int64(1)
	if shift := g.parts[index]; shift[0] != "" && index == "("+shift[0]+" shl "+shift[1]+")" {
		index, size = shift[0], int64(1)<<(shift[1][0]-'0')
	}
	bytes := g.bytes(form, upper)
	for i, d := range g.sig.Slots {
		if tensor == g.slotAt(i) {
			require.True(g.t, what == "ld" && p != "" && d.Size() == size && bytes == size, line)
			require.Equal(g.t, [2]string{index, fmt.Sprint("p", len(g.sig.Params)+2*i+1)}, [2]string{g.name(g.tests[p][0]), g.tests[p][1]}, line)
			g.counts["of a slot"]++
			return
		}
	}
	require.Empty(g.t, p, line)
	require.Equal(g.t, g.tensor(tensor, what, line).Size(), size, line)
	if index == g.four {
		require.LessOrEqual(g.t, bytes, 4*size, line)
		g.counts["of four"]++
		return
	}
	require.True(g.t, g.elements[index], "%s: %s is not known to be within", line, index)
	require.Equal(g.t, size, bytes, line)
	g.counts["of one"]++
}

func (g *guard) name(r string) string {
	if term, ok := g.terms[r]; ok {
		return term
	}
	return r
}

// bytes is where an access ends.
func (g *guard) bytes(form string, upper bool) int64 {
	n := int64(1)
	if v, rest, ok := strings.Cut(form, "."); ok {
		n, form = int64(v[1]-'0'), rest
	}
	var bits int64
	_, err := fmt.Sscanf(form[1:], "%d", &bits)
	require.NoError(g.t, err)
	if upper {
		return 16 + n*bits/8
	}
	return n * bits / 8
}

// tensor is the type of the input that is loaded from, or of the output that is stored to.
func (g *guard) tensor(term, what, line string) op.DType {
	for i, d := range g.types.In {
		if term == fmt.Sprint("p", i) && what == "ld" {
			return d
		}
	}
	for i, d := range g.types.Out {
		if term == g.outAt(i) && what == "st" {
			return d
		}
	}
	g.t.Fatalf("%s: at %s", line, term)
	return 0
}
