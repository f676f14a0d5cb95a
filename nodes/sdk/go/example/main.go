//go:build wasip1

// Words is a node module in Go: count tells how often each word of a text occurs.
package main

import (
	"bufio"
	"encoding/binary"
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
