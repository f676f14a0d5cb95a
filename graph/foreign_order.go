package graph

import "strings"

// inReadingOrder puts the nodes of a map, and those of the groups in it, behind those whose values they take; editors save
// them in any order. Nodes on a cycle, which is reported elsewhere, come last. Comments stay in front of their node.
func (t *tree) inReadingOrder() {
	index := make(map[string]int, len(t.fields))
	for i, f := range t.fields {
		index[f.key] = i
		if body := f.value.get("nodes"); body != nil {
			body.inReadingOrder()
		}
	}
	waits, behind := make([]int, len(t.fields)), make([][]int, len(t.fields))
	for i, f := range t.fields {
		seen := map[int]bool{}
		f.value.heads(func(head string) {
			if k, ok := index[head]; ok && k != i && !seen[k] {
				seen[k] = true
				waits[i]++
				behind[k] = append(behind[k], i)
			}
		})
	}
	var order []int
	for i := range t.fields {
		if waits[i] == 0 {
			order = append(order, i)
		}
	}
	for at := 0; at < len(order); at++ {
		for _, i := range behind[order[at]] {
			if waits[i]--; waits[i] == 0 {
				order = append(order, i)
			}
		}
	}
	for i := range t.fields {
		if waits[i] > 0 {
			order = append(order, i)
		}
	}
	t.reorder(order)
}

// reorder puts field order[i] into place i, with the comments in front of it.
func (t *tree) reorder(order []int) {
	notes := map[int][]string{}
	for _, n := range t.notes {
		notes[n.at] = append(notes[n.at], n.text)
	}
	fields := t.fields
	t.fields, t.notes = make([]field, len(order)), nil
	for i, from := range order {
		t.fields[i] = fields[from]
		for _, text := range notes[from] {
			t.notes = append(t.notes, note{at: i, text: text})
		}
	}
	for _, text := range notes[len(fields)] {
		t.notes = append(t.notes, note{at: len(fields), text: text})
	}
}

// heads visits the names in front of the dots of all wires in a node and in the nodes of its group.
func (t *tree) heads(visit func(string)) {
	for _, f := range t.fields {
		switch f.key {
		case "in", "each", "repeat", "after", "out":
			f.value.texts(func(s string) {
				head, _, _ := strings.Cut(s, ".")
				visit(head)
			})
		case "nodes":
			for _, n := range f.value.fields {
				n.value.heads(visit)
			}
		}
	}
}

// texts visits all texts in a tree.
func (t *tree) texts(visit func(string)) {
	if s, ok := t.text(); ok {
		visit(s)
	}
	for _, item := range t.list {
		item.texts(visit)
	}
	for _, f := range t.fields {
		f.value.texts(visit)
	}
}
