package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func TestColumnsHaveNoLooseEnds(t *testing.T) {
	var b strings.Builder
	writeColumns(&b, [][]string{{"é", "1", "x"}, {"long", "200", ""}, {"a"}}, func(col int) bool { return col == 1 })
	require.Equal(t, "é       1  x\nlong  200\na\n", b.String())
}

func TestLongCellPushesOnlyItsOwnRow(t *testing.T) {
	var b strings.Builder
	long := strings.Repeat("x", widest+1)
	writeColumns(&b, [][]string{{"a", "1"}, {long, "2"}, {"bcd", "3"}}, nil)
	require.Equal(t, "a    1\n"+long+"  2\nbcd  3\n", b.String())
}

func TestCellsShowNumbersAsPeopleReadThem(t *testing.T) {
	for want, cell := range map[string]any{
		"": nil, "13.4546": 13.454602184087364, "19.861875": 19.861875, "123456789.125": 123456789.125, "1e-17": 1e-17, "7.152557e-07": 7.152557373046875e-07, "1.234568e+20": 123456789012345678901.0, "7": int64(7), "a b": "a\nb",
	} {
		require.Equal(t, want, showCell(cell))
	}
}

func TestBytesThatAreATextAreShown(t *testing.T) {
	require.Equal(t, "674 []", showValue(value.OfBytes([]byte("674 []\n"))))
	require.Equal(t, "\na\nb", showValue(value.OfBytes([]byte("a\nb\n"))))
	require.Contains(t, showValue(value.OfBytes([]byte{0xff, 0})), "bytes, 2 B (")
	require.Contains(t, showValue(value.OfBytes([]byte("\x1b[2J"))), "bytes, 4 B (")
}
