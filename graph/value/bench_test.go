package value

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCanonicalJSON checks documents of 4 MB, beside what encoding/json needs to see whether they are JSON, and what it takes to hash
// them, which every value is.
func BenchmarkCanonicalJSON(b *testing.B) {
	const size = 4 << 20
	fill := func(form, open, end string, args ...func(i int) any) []byte {
		var s strings.Builder
		for i := 0; s.Len() < size; i++ {
			list := make([]any, len(args))
			for k, arg := range args {
				list[k] = arg(i)
			}
			fmt.Fprintf(&s, ","+form, list...)
		}
		return []byte(open + s.String()[1:] + end)
	}
	count := func(i int) any { return i % 2003 }
	float := func(i int) any { return float64(i) / 7 }
	key := func(i int) any { return uint32(i) * 2654435761 }
	for _, c := range []struct {
		name string
		doc  []byte
	}{
		{"rows", fill(`{"delay":%d,"distance":%d,"time":%v}`, "[", "]", count, count, float)},
		{"rows, keys in no order", fill(`{"time":%v,"delay":%d,"distance":%d}`, "[", "]", float, count, count)},
		{"rows, indented", fill("\n  {\n    \"delay\": %d,\n    \"time\": %v\n  }", "[", "]", count, float)},
		{"floats", fill("%v", "[", "]", float)},
		{"texts", fill(`"some words, and the number %d"`, "[", "]", count)},
		{"texts with escapes", fill(`"line\n\t\u00e9 \"%d\""`, "[", "]", count)},
		{"empty objects", fill("{}", "[", "]")},
		{"one object, keys in no order", fill(`"%x":%d`, "{", "}", key, count)},
		{"one object, keys with escapes in no order", fill(`"\n%x":%d`, "{", "}", key, count)},
		{"objects in each other, keys in no order", []byte(strings.Repeat(`{"b":0,"a":`, 100) + `"` + strings.Repeat("x", size) + `"` + strings.Repeat("}", 100))},
	} {
		for _, way := range []struct {
			name string
			work func() error
		}{
			{"CanonicalJSON", func() error { _, err := CanonicalJSON(c.doc); return err }},
			{"floor: json.Valid", func() error {
				if !json.Valid(c.doc) {
					return errCutJSON
				}
				return nil
			}},
			{"floor: Sum", func() error { Sum(c.doc); return nil }},
		} {
			b.Run(c.name+"/"+way.name, func(b *testing.B) {
				b.SetBytes(int64(len(c.doc)))
				for b.Loop() {
					require.NoError(b, way.work())
				}
			})
		}
	}
}
