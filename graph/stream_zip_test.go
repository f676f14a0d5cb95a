package graph_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph"
	"levee/graph/value"
)

// Items meet by their number, whichever comes first, and a fast producer waits for a slow one.
func TestZipOfStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow()
		p, q := f.source("p"), f.source("q")
		g := f.zip("g", of(p), of(q), lit(ints(upTo(0, 300)...)))
		f.out("list", port(g, "out"))
		var fast, slow atomic.Int64
		res, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
			n, pause := &fast, time.Duration(0)
			switch inv.Path {
			case "q":
				n, pause = &slow, time.Second
			case "p":
			default:
				return gave(sum(inv)), nil
			}
			for i := range int64(300) {
				time.Sleep(pause)
				if err := inv.Emit(ctx, 0, value.OfInt(i)); err != nil {
					return nil, err
				}
				n.Store(i)
				if inv.Path == "p" && i > slow.Load()+100 {
					return nil, fmt.Errorf("%d items ahead", i-slow.Load())
				}
			}
			return []value.Value{ints(upTo(0, 300)...), ints(), value.OfInt(0)}, nil
		}}, graph.Inputs{})
		require.NoError(t, err)
		want := upTo(1, 300)
		for i := range want {
			want[i] = int64(3*i + 1)
		}
		require.Equal(t, want, numbers(t, output(t, res, "list")))
	})
}

func TestZipOfUnequalStreams(t *testing.T) {
	f := newFlow()
	p, q := f.source("p"), f.source("q")
	f.out("list", port(f.zip("g", of(p), of(q)), "out"))
	_, _, err := f.execute(t, graph.Runner{Exec: func(ctx context.Context, inv *graph.Invocation) ([]value.Value, error) {
		switch inv.Path {
		case "p":
			return emits(ctx, inv, 3)
		case "q":
			return emits(ctx, inv, 5)
		}
		return gave(sum(inv)), nil
	}}, graph.Inputs{})
	require.ErrorContains(t, err, "Input data must be of equal length.")
}
