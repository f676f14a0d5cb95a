package kernel

import (
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// TestEveryAccessIsGuarded reads generated PTX: memory is touched by loads of an input and stores of an output at the thread's own
// element, which is below the count that the host gives; by loads from a slot under a comparison of the index with the slot's count;
// and by the minimum into the trap word. Nothing else.
func TestEveryAccessIsGuarded(t *testing.T) {
	wasms := [][]byte{corpus(t)}
	for seed := range uint64(4) {
		wasms = append(wasms, randomModule(rand.New(rand.NewPCG(seed, 9)), 20))
	}
	loads := 0
	for _, wasm := range wasms {
		_, entries, err := Companion(wasm)
		require.NoError(t, err)
		for _, e := range entries {
			sig := e.Func.Signature()
			text, err := e.Func.PTX(Types{sig.Params, make([]bool, len(sig.Params)), sig.Results})
			require.NoError(t, err)
			loads += guarded(t, sig, text)
		}
	}
	require.Greater(t, loads, 100)
}

var (
	paramLine  = regexp.MustCompile(`^ld\.param\.u64 (%rd\d+), \[p(\d+)\]$`)
	shiftLine  = regexp.MustCompile(`^shl\.b64 (%rd\d+), (%rd\d+), \d$`)
	sumLine    = regexp.MustCompile(`^add\.s64 (%rd\d+), (%rd\d+), (%rd\d+)$`)
	testLine   = regexp.MustCompile(`^setp\.lt\.u64 (%p\d+), (%rd\d+), (%rd\d+)$`)
	strideLine = regexp.MustCompile(`^mul\.wide\.u32 (%rd\d+), %r\d+, %r\d+$`)
	lastLine   = regexp.MustCompile(`^setp\.ge\.s64 %p\d+, (%rd\d+), (%rd\d+)$`)
	bareLine   = regexp.MustCompile(`^(ld|st)\.global\.(?:b32|b64|f32|f64)(?: %\w+,)? \[(%rd\d+)\](?:, %\w+)?$`)
	heldLine   = regexp.MustCompile(`^@(%p\d+) ld\.global\.(?:b32|b64|f32|f64) %\w+, \[(%rd\d+)\]$`)
	trapLine   = regexp.MustCompile(`^atom\.global\.min\.u64 %rd\d+, \[(%rd\d+)\], %rd\d+$`)
)

// guarded checks a kernel of types without narrow ones, and counts its loads from slots.
func guarded(t *testing.T, sig op.Signature, text string) (loads int) {
	params := map[string]int{}        // registers of parameters
	shifted := map[string]string{}    // by the size of an element
	address := map[string][2]string{} // base and index
	tests := map[string][2]string{}   // index and count
	written := map[string]int{}       // how often each register is written
	slots, outs := len(sig.Params), len(sig.Params)+2*len(sig.Slots)
	gid, far, stride := "", "", ""
	chain, elements := map[string]bool{}, map[string]bool{} // those of a loop: before and after it was seen that they are within
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSpace(line), ";")
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], "%rd") && !strings.HasPrefix(f[0], "st.") {
			written[strings.TrimSuffix(f[1], ",")]++
		}
		if m := paramLine.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[2])
			require.NoError(t, err)
			if params[m[1]] = n; n == outs+len(sig.Results) {
				gid, far = m[1], m[1]
				chain[gid] = true
			}
		} else if m := shiftLine.FindStringSubmatch(line); m != nil {
			shifted[m[1]] = m[2]
		} else if m := sumLine.FindStringSubmatch(line); m != nil {
			address[m[1]] = [2]string{m[2], m[3]}
			if chain[m[2]] && m[3] == stride && m[1] != gid {
				chain[m[1]], far = true, m[1]
			}
		} else if m := strideLine.FindStringSubmatch(line); m != nil {
			stride = m[1] // the last of two
		} else if m := lastLine.FindStringSubmatch(line); m != nil {
			if n, ok := params[m[2]]; ok { // else the kernel's own
				require.Equal(t, outs+len(sig.Results)+1, n, line)
				require.Equal(t, far, m[1], line) // the farthest of the loop is within, so all are
				elements, chain, far = chain, map[string]bool{gid: true}, gid
			}
		} else if m := testLine.FindStringSubmatch(line); m != nil {
			tests[m[1]] = [2]string{m[2], m[3]}
		} else if m := bareLine.FindStringSubmatch(line); m != nil {
			at := address[m[2]]
			n, ok := params[at[0]]
			require.True(t, ok && elements[shifted[at[1]]], line)
			require.True(t, m[1] == "ld" && n < len(sig.Params) || m[1] == "st" && n >= outs && n < outs+len(sig.Results), line)
		} else if m := heldLine.FindStringSubmatch(line); m != nil {
			loads++
			at, test := address[m[2]], tests[m[1]]
			n, ok := params[at[0]]
			require.True(t, ok && n >= slots && n < outs && (n-slots)%2 == 0, line)
			require.Equal(t, n+1, params[test[1]], line)
			require.Equal(t, shifted[at[1]], test[0], line)
		} else if m := trapLine.FindStringSubmatch(line); m != nil {
			require.Equal(t, outs+len(sig.Results)+2, params[m[1]], line)
		} else {
			require.NotRegexp(t, `\.(global|shared|local|const|generic)|^(@\S+ )?(ld|st|atom|red|call|tex|sust|suld|prefetch)\b[^p]*$`, line)
			require.NotContains(t, line, "[%", line)
		}
	}
	for r := range params { // a pointer or count is what it was, and the element's number only grows
		require.True(t, written[r] == 1 || r == gid && written[r] <= 5, "%s of parameter %d is written %d times", r, params[r], written[r])
	}
	for r := range shifted {
		require.Equal(t, 1, written[r])
	}
	for r := range address {
		require.True(t, written[r] == 1 || r == gid)
	}
	return loads
}
