package journal

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// Literals are told as they are while they are small, all together too; what is larger is a reference.
func TestPropertiesAreBounded(t *testing.T) {
	literals := []Named{
		{Name: "large", Value: value.OfString(strings.Repeat("x", inlineProperty+1))},
		{Name: "small", Value: value.OfString("y")},
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		literals = append(literals, Named{Name: name, Value: value.OfString(strings.Repeat(name, inlineProperty-2))})
	}
	inv := Invocation{Run: "0a4cbc1828a82d28", Path: "n", Site: "n", Type: "text/upper", Attempt: 1, Properties: Properties(literals)}
	var m struct{ Properties map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(inv.Beginning().Data, &m))
	require.Len(t, m.Properties, len(literals))
	require.JSONEq(t, `"y"`, string(m.Properties["small"]))
	require.Contains(t, string(m.Properties["large"]), `"digest"`)
	require.Equal(t, inlineProperty, len(m.Properties["a"]))
	require.Contains(t, string(m.Properties["e"]), `"digest"`, "the room for all is used up")
	require.NotContains(t, string(inv.end().Data), "properties", "an end has none")
	require.LessOrEqual(t, len(inv.Beginning().Data), allProperties+1024)
}

// A row that is both the beginning and the end of an invocation keeps the literals; one whose beginning was told before does not.
func TestPropertiesAreToldAgain(t *testing.T) {
	j := open(t, t.TempDir(), Options{})
	accept(t, j, runID(1))
	for n, c := range []struct {
		began  bool
		status InvocationStatus
		text   string
		told   []any // the properties of each message
	}{
		{true, FailedNode, "x", []any{"x", nil}},
		{false, Ran, "y", []any{nil}}, // in the place of the failed one
		{true, Ran, "z", []any{"z", nil}},
	} {
		inv := benchInvocation(runID(1), n/2)
		inv.Status, inv.Began, inv.Properties = c.status, c.began, Properties([]Named{{Name: "text", Value: value.OfString(c.text)}})
		require.NoError(t, j.Record(t.Context(), inv))
		for _, read := range []func() ([]Event, error){
			func() ([]Event, error) { return inv.Messages(), nil },
			func() ([]Event, error) {
				return j.Events(t.Context(), runID(1), inv.Seq-int64(len(c.told)), math.MaxInt)
			},
		} {
			events, err := read()
			require.NoError(t, err)
			require.Len(t, events, len(c.told))
			for i, e := range events {
				var m struct{ Properties map[string]any }
				require.NoError(t, json.Unmarshal(e.Data, &m))
				require.Equal(t, c.told[i], m.Properties["text"], n)
			}
		}
	}
}
