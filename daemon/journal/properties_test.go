package journal

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// Literals are told as they are while they are small, all together too; what is larger is a reference.
func TestPropertiesAreBounded(t *testing.T) {
	inv := Invocation{Run: "0a4cbc1828a82d28", Path: "n", Site: "n", Type: "text/upper", Attempt: 1, Properties: []Named{
		{Name: "large", Value: value.OfString(strings.Repeat("x", inlineProperty+1))},
		{Name: "small", Value: value.OfString("y")},
	}}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		inv.Properties = append(inv.Properties, Named{Name: name, Value: value.OfString(strings.Repeat(name, inlineProperty-2))})
	}
	var m struct{ Properties map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(inv.Beginning().Data, &m))
	require.Len(t, m.Properties, len(inv.Properties))
	require.JSONEq(t, `"y"`, string(m.Properties["small"]))
	require.Contains(t, string(m.Properties["large"]), `"digest"`)
	require.Equal(t, inlineProperty, len(m.Properties["a"]))
	require.Contains(t, string(m.Properties["e"]), `"digest"`, "the room for all is used up")
	require.NotContains(t, string(inv.Event().Data), "properties", "an end has none")
	require.LessOrEqual(t, len(inv.Beginning().Data), allProperties+1024)
}
