package value

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearest(t *testing.T) {
	known := []string{"uses", "with", "in", "after", "timeout", "parallel"}
	for _, c := range []struct{ name, want string }{
		{"ues", "uses"}, {"suse", "uses"}, {"timout", "timeout"}, {"afetr", "after"}, {"xyz", ""}, {"colour", ""}, {"", ""}, {"parralel", "parallel"}, {"o", ""},
		{"uses", ""}, {strings.Repeat("x", 100), ""},
	} {
		require.Equal(t, c.want, Nearest(c.name, known), c.name)
	}
	require.Equal(t, 1, distance("ab", "ba", 3))
	require.Equal(t, 3, distance("kitten", "sitting", 3))
	require.Equal(t, 4, distance("", "four", 9))
}
