package value

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lookedAt is a context that counts how often somebody looks whether it has ended, and ends after some looks.
type lookedAt struct {
	context.Context
	looks, most int
}

func (c *lookedAt) Err() error {
	if c.looks++; c.looks > c.most {
		return context.Canceled
	}
	return nil
}

// Whoever waits for the end of a run waits for what the daemon does with a large output of a node. So there is a look at the context all
// along that work, and none of it is done after its end.
func TestLargeValuesAreLeftWhenTheContextEnds(t *testing.T) {
	const n = 20_000
	var back, escaped strings.Builder
	for i := n; i > 0; i-- {
		fmt.Fprintf(&back, `,"%06d":0`, i)
		fmt.Fprintf(&escaped, `,"\n%x":0`, i*7919%65521)
	}
	numbers := []byte("[0" + strings.Repeat(",0.5", n) + "]")
	ints := EncodeList(slicesOf(OfInt(7).enc, n))
	check := func(t Type, enc []byte) func(context.Context) error {
		return func(ctx context.Context) error { _, err := Canonical(ctx, t, enc); return err }
	}
	for name, c := range map[string]struct {
		work  func(context.Context) error
		looks int // at least
	}{
		"numbers":          {check(JSON, numbers), n / 1024},
		"keys descending":  {check(JSON, []byte("{"+back.String()[1:]+"}")), n / 1024 * 2},
		"keys in no order": {check(JSON, []byte("{"+escaped.String()[1:]+"}")), n / 1024 * 10},
		"objects in each other, each to be put in order": {check(JSON, []byte(strings.Repeat(`{"b":0,"a":`, 100)+string(numbers)+strings.Repeat("}", 100))), 25},
		"list":         {check("list<int>", ints), n / 1024},
		"list of JSON": {check("list<json>", EncodeList(slicesOf([]byte(`{"b":1,"a":2}`), n))), n / 1024},
		"list of any":  {check("list<any>", EncodeList(slicesOf(EncodeAny(Int, OfInt(7).enc), n))), n / 1024},
		"conversion":   {func(ctx context.Context) error { _, err := Convert(ctx, "list<int>", "list<float>", ints); return err }, n / 1024},
	} {
		t.Run(name, func(t *testing.T) {
			all := &lookedAt{t.Context(), 0, 1 << 30}
			require.NoError(t, c.work(all))
			require.GreaterOrEqual(t, all.looks, c.looks)
			for most := 0; most < all.looks; most += 1 + all.looks/20 {
				ctx := &lookedAt{t.Context(), 0, most}
				require.ErrorIs(t, c.work(ctx), context.Canceled, "after %d looks of %d", most, all.looks)
				require.Equal(t, most+1, ctx.looks, "it went on")
			}
		})
	}
}

func slicesOf(item []byte, n int) [][]byte {
	items := make([][]byte, n)
	for i := range items {
		items[i] = bytes.Clone(item)
	}
	return items
}
