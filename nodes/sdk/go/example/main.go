//go:build wasip1

// Words is a node module in Go: count tells how often each word of a text occurs, ranking makes a table of such counts.
package main

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"

	levee "levee/nodes/sdk/go"
)

func main() {} // not called: a node's function is

//go:wasmexport count
func count() {
	text := bufio.NewScanner(levee.Open(0)) // reads in parts
	text.Buffer(nil, 1<<20)
	text.Split(bufio.ScanWords)
	counts := map[string]uint64{}
	for text.Scan() {
		word := strings.ToLower(strings.TrimFunc(text.Text(), func(r rune) bool { return !unicode.IsLetter(r) }))
		if word != "" {
			counts[word]++
		}
	}
	levee.Check(text.Err())
	out := make(map[string][]byte, len(counts))
	for word, n := range counts {
		out[word] = binary.LittleEndian.AppendUint64(nil, n)
	}
	levee.Write(0, levee.EncodeMap(out))
	levee.Log(levee.Info, "%d different words", len(out))
}

//go:wasmexport ranking
func ranking() {
	type entry struct {
		word string
		n    int64
	}
	var list []entry
	items := levee.Items(levee.Input(0)) // a map: key, value, key, value
	for i := 0; i+1 < len(items); i += 2 {
		list = append(list, entry{string(items[i]), int64(binary.LittleEndian.Uint64(items[i+1]))})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(b.n, a.n) })
	list = list[:min(len(list), int(levee.Int(1)))]
	words, counts := levee.Column{Name: "word", Kind: "string"}, levee.Column{Name: "count", Kind: "int"}
	for _, e := range list {
		words.Cells, counts.Cells = append(words.Cells, e.word), append(counts.Cells, e.n)
	}
	levee.WriteTable(0, []levee.Column{words, counts})
}
