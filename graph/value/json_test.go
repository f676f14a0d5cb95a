package value

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCanonicalJSON(t *testing.T) {
	for doc, want := range map[string]string{
		` { "b" : 1 , "a" : [ true , null , "x" ] } `: `{"a":[true,null,"x"],"b":1}`,
		`"\u20ac$\u000F\nA'\u0042\"\\\/"`:             `"€$\u000f\nA'B\"\\/"`,
		`"\b\t\n\f\r\u0001\u007f"`:                    "\"\\b\\t\\n\\f\\r\\u0001\u007f\"",
		`"\ud83d\ude00"`:                              `"😀"`,
		`[-0, -0.0, 1.0, 1e2, 0.1e-6, 1e21]`:          `[0,0,1,100,1e-7,1e+21]`,
		// RFC 8785 section 3.2.2: numbers and literals of its example
		`[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]`: `[333333333.3333333,1e+30,4.5,0.002,1e-27]`,
		// integers keep all their digits, unlike there
		`123456789012345678901234567890`: `123456789012345678901234567890`,
		`{"":{},"a":[]}`:                 `{"":{},"a":[]}`,
		`"` + "\u2028" + `"`:             `"` + "\u2028" + `"`,
	} {
		got, err := CanonicalJSON([]byte(doc))
		require.NoError(t, err, doc)
		require.Equal(t, want, string(got))
		again, err := CanonicalJSON(got)
		require.NoError(t, err)
		require.Equal(t, string(got), string(again))
	}
	for _, doc := range []string{
		"", " ", "{", "[1,]", `{"a":1,}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, "1 2", "[1]]", "nul", "01", "+1", "1e999", "\xff", `"` + "\xff" + `"`,
		strings.Repeat("[", 200) + strings.Repeat("]", 200), strings.Repeat("1", 1001), "NaN", "'a'", `{a:1}`,
	} {
		_, err := CanonicalJSON([]byte(doc))
		require.Error(t, err, "%.40q", doc)
	}
}

// The samples of RFC 8785 appendix B: the bits of a float64 and its text.
func TestNumberTexts(t *testing.T) {
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0", 0x8000000000000000: "0", 0x0000000000000001: "5e-324", 0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308", 0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992", 0xc340000000000000: "-9007199254740992", 0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22", 0x44b52d02c7e14af6: "1e+23", 0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000", 0x444b1ae4d6e2ef4f: "999999999999999900000", 0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7", 0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332", 0x41b3de4355555554: "333333333.33333325", 0x41b3de4355555555: "333333333.3333333",
		0x41b3de4355555556: "333333333.3333334", 0x41b3de4355555557: "333333333.33333343", 0xbecbf647612f3696: "-0.0000033333333333333333",
		0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		require.Equal(t, want, string(appendFloat(nil, math.Float64frombits(bits))), "%x", bits)
	}
}

// The order of keys is that of their bytes without escapes, whatever they have in common.
func TestKeysAreOrderedWithoutTheirEscapes(t *testing.T) {
	parts := []string{"a", "n", "u0001", " ", `\\`, `\"`, `\n`, `\b`, `\u0001`, `\u0011`, `\u001f`, "é", "\u2028", "0123456789abcdef"}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var common, doc strings.Builder
		for range rng.IntN(12) {
			common.WriteString(parts[rng.IntN(len(parts))])
		}
		for i := range 1 + rng.IntN(20) {
			fmt.Fprintf(&doc, `,"%s`, common.String())
			for range rng.IntN(4) {
				doc.WriteString(parts[rng.IntN(len(parts))])
			}
			fmt.Fprintf(&doc, `":%d`, i)
		}
		in := "{" + doc.String()[1:] + "}"
		tree, treeErr := parseJSON([]byte(in))
		canon, err := CanonicalJSON([]byte(in))
		if treeErr != nil { // a key that is there twice
			require.ErrorContains(t, err, "twice", in)
			continue
		}
		require.NoError(t, err, in)
		require.Equal(t, string(appendJSON(nil, tree)), string(canon))
	}
}

func FuzzCanonicalJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x",null,true]}`, `"\ud800"`, `1e-7`, `-0`, `[[]]`, `{"a":{"a":{}}}`, "\"\\u0000\"", `{"b\n":1,"b\u0001":[ ],"b":{"z":1,"a":2},"\\":0,"[":1,"é":1e20}`,
		`{"a":{"c":1,"b":[{"y":0,"x":"\/"}]},"a\u0000":"\uDBFF\udfff\ud800\u0041\ud800\ud800"}`, ` [1 ,-0.5E+3 , true] `, `{"\\u0061":0,"a":1,"b":1,"\u0062":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		canon, err := CanonicalJSON(doc)
		tree, treeErr := parseJSON(doc) // by encoding/json, in a hundred times the memory
		require.Equal(t, treeErr == nil, err == nil, "%v, and by way of a tree: %v", err, treeErr)
		if err != nil {
			return
		}
		require.Equal(t, string(appendJSON(nil, tree)), string(canon))
		require.True(t, json.Valid(doc))
		require.True(t, json.Valid(canon))
		again, err := CanonicalJSON(canon)
		require.NoError(t, err)
		require.Equal(t, string(canon), string(again))
	})
}

// What a guest writes as JSON is as deep, wide and out of order as it likes. It must not cost many times its size.
func TestJSONCostsLittle(t *testing.T) {
	const n = 200_000
	var back, numbers, nested strings.Builder
	for i := n; i > 0; i-- {
		fmt.Fprintf(&back, `,"%06d":0`, i)
		numbers.WriteString(",0.5")
		nested.WriteString(",[{}]")
	}
	for name, doc := range map[string]string{
		"keys in the wrong order": "{" + back.String()[1:] + "}", "numbers": "[" + numbers.String()[1:] + "]", "small objects": "[" + nested.String()[1:] + "]",
		"keys in the wrong order, deep": strings.Repeat(`{"b":0,"a":`, 50) + "{" + back.String()[1:] + "}" + strings.Repeat("}", 50),
	} {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		_, err := CanonicalJSON([]byte(doc))
		goruntime.ReadMemStats(&after)
		require.NoError(t, err, name)
		limit := 24 * len(doc) // a tree was 40; the race detector doubles what is counted
		if strings.HasSuffix(name, "deep") {
			limit += 50 * len(doc) // each of 50 levels is put in order on its own, one after the other
		}
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(limit), name)
	}
	_, err := CanonicalJSON([]byte(`"` + strings.Repeat("x", maxJSON) + `"`))
	require.ErrorContains(t, err, "at most")
	_, err = CanonicalJSON([]byte("[" + strings.Repeat("1e20,", maxJSON/20) + "0]"))
	require.ErrorContains(t, err, "canonical form")
	long := `"` + strings.Repeat("k", 10_000) + `":0`
	_, err = CanonicalJSON([]byte("{" + long + "," + long + "}"))
	require.ErrorContains(t, err, "twice")
	require.Less(t, len(err.Error()), 200)
}

func FuzzNumberTexts(f *testing.F) {
	f.Add(uint64(0x3eb0c6f7a0b5ed8d))
	f.Fuzz(func(t *testing.T, bits uint64) {
		x := math.Float64frombits(bits)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return
		}
		back, err := strconv.ParseFloat(string(appendFloat(nil, x)), 64)
		require.NoError(t, err)
		require.Equal(t, x, back)
	})
}
