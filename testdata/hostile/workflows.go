package hostile

import (
	"fmt"
	"strings"
)

// Workflow is one hostile workflow file. Each must be refused, with a position, within 50 ms and without using more than a few
// times its size.
type Workflow struct {
	ID     string
	Name   string
	File   string // a name under which it may be dropped
	Source []byte
}

// Workflows gives them all, anew at each call; together they take some 6 MB.
func Workflows() []Workflow {
	yaml := func(id, name string, lines ...string) Workflow {
		return Workflow{ID: id, Name: name, File: strings.ToLower(id) + ".flow.yaml", Source: []byte(strings.Join(lines, "\n") + "\n")}
	}
	json := func(id, name, text string) Workflow {
		return Workflow{ID: id, Name: name, File: strings.ToLower(id) + ".flow.json", Source: []byte(text)}
	}
	upper := "  a: { uses: text/upper, with: { text: x } }"
	bomb := []string{"levee: 1", "x0: &x0 [a, a, a, a, a, a, a, a, a]"}
	for i := 1; i < 10; i++ {
		bomb = append(bomb, fmt.Sprintf("x%d: &x%d [%s]", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 9), ", ")))
	}
	deep := 100_000
	return []Workflow{
		yaml("Y1", "an alias bomb of 9^9 items", append(bomb, "nodes:", upper)...),
		yaml("Y2", "100,000 nested lists", "levee: 1", "nodes: "+strings.Repeat("[", deep)+strings.Repeat("]", deep)),
		yaml("Y2b", "100,000 nested lists that never close", "levee: 1", "nodes: "+strings.Repeat("[", deep)),
		yaml("Y2c", "100,000 nested mappings", "levee: 1", "nodes: "+strings.Repeat("{a: ", deep)+strings.Repeat("}", deep)),
		json("Y2d", "100,000 nested lists in JSON", `{"levee":1,"nodes":`+strings.Repeat("[", deep)+strings.Repeat("]", deep)+"}"),
		yaml("Y3", "a key of 5 MB", "levee: 1", strings.Repeat("k", 5_000_000)+": 1", "nodes:", upper),
		yaml("Y4", "a node twice", "levee: 1", "nodes:", upper, upper),
		json("Y4b", "a node twice in JSON", `{"levee":1,"nodes":{"a":{"uses":"text/upper","with":{"text":"x"}},"a":{"uses":"text/upper","with":{"text":"y"}}}}`),
		yaml("Y5", "an alias of itself", "levee: 1", "nodes: &n", "  a: *n"),
		yaml("Y6", "a cycle", "levee: 1", "nodes:",
			"  a: { uses: text/upper, in: { text: b.text } }",
			"  b: { uses: text/upper, in: { text: a.text } }"),
		yaml("Y6b", "a node that waits for itself", "levee: 1", "nodes:", "  a: { uses: text/upper, with: { text: x }, after: [a] }"),
		yaml("Y7", "a module outside the folder", "levee: 1", "nodes:", "  a: { uses: ../../x.wasm }"),
		yaml("Y7b", "a module by its absolute path", "levee: 1", "nodes:", "  a: { uses: /etc/passwd }"),
		yaml("Y7c", "a grant outside the folder", "levee: 1", "allow: { read: [../..], write: [/etc] }", "nodes:", upper),
		yaml("Y7d", "an output file outside the folder", "levee: 1", "nodes:", upper, "outputs: { o: { from: a.text, file: ../../o.txt } }"),
	}
}
