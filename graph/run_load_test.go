package graph_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

const thumbs = `
levee: 1
name: thumbs
trigger: { files: inbox/*.jpg }
inputs:
  width: { type: int, default: 256 }
nodes:
  base: { uses: test/add, with: { b: 1.5 }, in: { a: inputs.width } }
  photos:
    each: trigger.files
    as: photo
    parallel: 2
    on_error: skip
    nodes:
      decode: { uses: test/size, in: { data: photo.data } }
      small:
        uses: test/add
        in: { a: decode.n, b: base.sum }
        retry: { times: 1 }
    out: { sum: small.sum, stem: photo.stem }
  total:
    uses: test/total
    in: { list: photos.sum }
    if: photos.sum
  both: { uses: test/total, in: { list: [total.sum, base.sum] } }
outputs: { total: total.sum, both: both.sum, stems: photos.stem }
`

// What Check makes of a file runs as the file says: the Deps, types and ports that Run relies on are there.
func TestRunOfLoadedWorkflow(t *testing.T) {
	float := func(name string) value.Port { return value.Port{Name: name, Type: value.Float} }
	types := map[string]*graph.Type{
		"test/add":   {Name: "test/add", Signature: value.Signature{Inputs: []value.Port{float("a"), float("b")}, Outputs: []value.Port{float("sum")}}},
		"test/size":  {Name: "test/size", Signature: value.Signature{Inputs: []value.Port{{Name: "data", Type: value.Bytes}}, Outputs: []value.Port{{Name: "n", Type: value.Int}}}},
		"test/total": {Name: "test/total", Signature: value.Signature{Inputs: []value.Port{{Name: "list", Type: "list<float>"}}, Outputs: []value.Port{float("sum")}}},
	}
	g, problems := graph.Load("thumbs.flow.yaml", []byte(thumbs), func(uses string) (*graph.Type, error) {
		if typ, ok := types[uses]; ok {
			return typ, nil
		}
		return nil, fmt.Errorf("no type %s", uses)
	})
	require.Empty(t, problems)
	files := []value.FileRef{{Path: "inbox/a.jpg", Size: 10}, {Path: "inbox/b.jpg", Size: 20}, {Path: "inbox/c.jpg", Size: 30}}
	f := &flow{g: g}
	exec := func(_ context.Context, inv *graph.Invocation) ([]value.Value, error) {
		if inv.Path == "photos[1].decode" || (inv.Path == "photos[0].small" && inv.Attempt == 1) {
			return nil, errBoom
		}
		return compute(inv)
	}
	res, l, err := f.execute(t, graph.Runner{Exec: exec}, graph.Inputs{Files: files})
	require.NoError(t, err)
	const want = (10 + 257.5) + (30 + 257.5) // width and 1.5, and the sizes of the two files that were read
	require.Equal(t, value.OfFloat(want), output(t, res, "total"))
	require.Equal(t, value.OfFloat(want+257.5), output(t, res, "both"))
	stems, err := value.FromJSON("list<string>", []byte(`["a","c"]`))
	require.NoError(t, err)
	require.Equal(t, stems, output(t, res, "stems"))
	require.Equal(t, "running, retrying, running, done", l.of("photos[0].small"))

	// Without files the list is empty, so total is not taken, and what hangs on it is skipped.
	res, l, err = f.execute(t, graph.Runner{Exec: exec}, graph.Inputs{})
	require.NoError(t, err)
	require.Equal(t, "total was not taken", cause(res, "both"))
	require.Equal(t, "running, done", l.of("photos"))
}

// compute is what the three node types do.
func compute(inv *graph.Invocation) ([]value.Value, error) {
	total := 0.0
	for _, v := range inv.Inputs {
		enc, ok := v.Inline()
		switch {
		case v.Type == value.Bytes:
			return gave(v.Size), nil
		case !ok:
			return nil, fmt.Errorf("%s is not at hand", v.Type)
		case v.Type == value.Float:
			total += value.DecodeFloat(enc)
		default:
			items, err := value.Items(enc)
			if err != nil {
				return nil, err
			}
			for _, it := range items {
				total += value.DecodeFloat(it)
			}
		}
	}
	return []value.Value{value.OfFloat(total)}, nil
}
