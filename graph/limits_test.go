package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const head = "levee: 1\nnodes:\n"

// chain is a workflow of n nodes, each wired to two before it.
func chain(n int) string {
	var b strings.Builder
	b.WriteString("levee: 1\ninputs: { start: string }\nnodes:\n  n0: { uses: text/upper, in: { text: inputs.start } }\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  n%d: { uses: text/join, in: { texts: [n%d.text, n%d.text] } }\n", i, i-1, i/2)
	}
	fmt.Fprintf(&b, "outputs: { last: n%d.text }\n", n-1)
	return b.String()
}

func TestMostNodes(t *testing.T) {
	g := mustLoad(t, "big.yaml", chain(MaxNodes))
	require.Len(t, g.Nodes, MaxNodes)
	require.Len(t, g.Levels(), MaxNodes)
	_, problems := Load("big.yaml", []byte(chain(MaxNodes+1)), resolver())
	require.Len(t, problems, 1)
	require.Equal(t, "big.yaml:10004:3: error: more than 10000 nodes", problems[0].String())
}

func TestMostWires(t *testing.T) {
	wires := strings.Repeat("i.a,", MaxEdges+1)
	text := "levee: 1\ninputs: { a: string }\nnodes:\n  j: { uses: text/join, in: { texts: [" + strings.ReplaceAll(wires, "i.a", "inputs.a") + "] } }\n"
	_, problems := Load("wires.yaml", []byte(text), resolver())
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "more than 100000 wires")
	require.Less(t, len(problems[0].Source), 200, "the line is cut around the place")

	text = head + "  a: { uses: text/upper, with: { text: x } }\n  j: { uses: text/join, in: { texts: [" + strings.Repeat("a.text,", MaxFanOut+1) + "] } }\n"
	_, problems = Load("wires.yaml", []byte(text), resolver())
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), `more than 10000 wires leave node "a"`)
}

func TestSizeAndDepth(t *testing.T) {
	_, problems := Load("big.yaml", make([]byte, MaxFileSize+1), resolver())
	require.Equal(t, "big.yaml:1:1: error: the file has 1048577 bytes, at most 1048576", problems[0].String())
	literal := func(open, end string, n int) string {
		return head + "  a: { uses: json/get, with: { path: x, doc: " + strings.Repeat(open, n) + "1" + strings.Repeat(end, n) + " } }\n"
	}
	mustLoad(t, "deep.yaml", literal("[", "]", MaxDepth-4))
	mustLoad(t, "deep.json", string(toJSON(t, literal("[", "]", MaxDepth-4))))
	for name, text := range map[string]string{
		"flow.yaml":  literal("[", "]", MaxDepth-3),
		"maps.yaml":  literal("{a: ", "}", MaxDepth-3),
		"block.yaml": head + "  a: { uses: json/get }\nb:\n" + strings.Repeat("- ", MaxDepth) + "x\n",
		"lists.json": `{"a":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + "}",
		"maps.json":  strings.Repeat(`{"a":`, MaxDepth) + "{}" + strings.Repeat("}", MaxDepth),
	} {
		_, problems := Load(name, []byte(text), resolver())
		require.NotEmpty(t, problems, name)
		require.Equal(t, "nested deeper than 64 lists and maps", problems[0].Message, name)
	}
}

// The hostile files Y1 to Y7, and what costs other readers seconds or gigabytes.
func TestHostileFiles(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), ","))
	}
	for name, text := range map[string]string{
		"Y1 alias bomb":      bomb,
		"Y2 depth":           "a: " + strings.Repeat("[", 100_000),
		"Y2 depth in JSON":   `{"a":` + strings.Repeat("[", 100_000),
		"Y3 5 MB key":        strings.Repeat("k", 5<<20) + ": 1\n",
		"Y3 1 MB key":        strings.Repeat("k", 1<<20-10) + ": 1\n",
		"Y3 1 MB JSON key":   `{"` + strings.Repeat("k", 1<<20-10) + `":1}`,
		"Y4 duplicate key":   head + "  a: { uses: text/upper, with: { text: x, text: y } }\n",
		"Y5 self alias":      "a: &a [*a]\n",
		"Y6 cycle":           head + "  a: { uses: text/upper, in: { text: b.text } }\n  b: { uses: text/upper, in: { text: a.text } }\n",
		"Y7 module outside":  head + "  a: { uses: ../../x }\n",
		"Y7 module absolute": head + "  a: { uses: /etc/x.wasm }\n",
		"NUL":                "levee: 1\x00\n",
		"not UTF-8":          "levee: 1 # \xff\n",
		"UTF-16":             "\xff\xfel\x00e\x00v\x00e\x00e\x00",
		"line separator":     "levee: 1 # \u2028nodes: {}\n",
		"many brackets":      strings.Repeat("[", MaxFileSize),
		"many dashes":        strings.Repeat("- ", MaxFileSize/2),
		"many questions":     strings.Repeat("? ", MaxFileSize/2),
		"many tags":          strings.Repeat("!<", MaxFileSize/2),
		"many documents":     strings.Repeat("---\n", MaxFileSize/4),
		"escape sequences":   "levee: 1\nno\u009bdes: \"\\e[2J\"\n",
	} {
		g, problems := Load("x.yaml", []byte(text), resolver())
		require.Nil(t, g, name)
		require.NotEmpty(t, problems, name)
		text := problems.Error()
		require.Less(t, len(text), 100_000, name)
		require.False(t, strings.ContainsAny(text, "\x1b\u009b\x00"), name)
	}
}

func TestManyProblems(t *testing.T) {
	text := head + "  a: { uses: text/upper, with: { text: x } }\n"
	for i := range 7000 {
		text += fmt.Sprintf("  b%d: { uses: text/upper, in: { txt: nod%d.text } }\n", i, i)
	}
	_, problems := Load("many.yaml", []byte(text), resolver())
	require.Len(t, problems, maxProblems+1)
	require.Equal(t, "many.yaml:204:40: error: 20800 more problems from here on", problems[maxProblems].String())
}

func TestProblemFormats(t *testing.T) {
	_, problems := Load("a,b.yaml", []byte(head+"\ta: 50%\n"), resolver())
	var b strings.Builder
	require.NoError(t, problems.Write(&b, JSONFormat))
	var p Problem
	require.NoError(t, json.Unmarshal([]byte(b.String()), &p))
	require.Equal(t, Problem{File: "a,b.yaml", Line: 3, Col: 1, Code: "syntax", Message: p.Message, Source: " a: 50%"}, p)
	_, problems = Load("a,b.yaml", []byte(head+"  a: { uses: text/format, with: { templat: 50% } }\n"), resolver())
	b.Reset()
	require.NoError(t, problems.Write(&b, GitHubFormat))
	require.Equal(t, "::error file=a%2Cb.yaml,line=3,col=3,title=missing::node \"a\" (text/format) needs input template (string)\n"+
		"::error file=a%2Cb.yaml,line=3,col=35,title=unknown::node \"a\" (text/format) has no input \"templat\" (did you mean template?)\n", b.String())
	require.NoError(t, Problems(nil).Err())
	require.Error(t, problems.Err())
}

func TestExcerpt(t *testing.T) {
	line := strings.Repeat("é", 300)
	text, caret := excerpt([]byte(line), 301)
	require.Equal(t, "..."+strings.Repeat("é", 30)+strings.Repeat("é", 50)+"...", text)
	require.Equal(t, 33, caret)
	text, caret = excerpt([]byte("a\tb\x1bc"), 4)
	require.Equal(t, "a b\ufffdc", text)
	require.Equal(t, 3, caret)
	text, caret = excerpt(bytes.Repeat([]byte{0x84}, 400), 5)
	require.Equal(t, strings.Repeat("\ufffd", 101)+"...", text)
	require.Equal(t, 4, caret)
	text, caret = excerpt(nil, 1)
	require.Equal(t, "", text)
	require.Equal(t, 0, caret)
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		text := []byte(chain(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, problems := Load("x.yaml", text, resolver()); problems != nil {
					b.Fatal(problems)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/node")
		})
	}
}

func TestProblemOfSomeoneElse(t *testing.T) {
	f, _ := Parse("x.yaml", []byte(head+"  a: { uses: text/upper }\n"))
	p := f.Problem(Pos{3, 3}, "grant", "it wants\x1b %s", "files")
	require.Equal(t, "x.yaml:3:3: error: it wants\ufffd files\n   3 |   a: { uses: text/upper }\n     |   ^", Problems{p}.Error())
}
