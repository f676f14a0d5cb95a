package daemon_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
)

// replace is strings.Replace of something that must be there.
func replace(t *testing.T, text, old, new string) string {
	t.Helper()
	require.Contains(t, text, old)
	return strings.Replace(text, old, new, 1)
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "4096": 4096, "7B": 7, "64KiB": 64 << 10, "256MiB": 256 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40} {
		got, err := daemon.ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "x", "-1", "1KB", "1 GiB", "9999999999TiB", "GiB", "1.5GiB", "BB", "iB1"} {
		_, err := daemon.ParseSize(bad)
		require.Error(t, err, bad)
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1 << 30: "1 GiB"} {
		require.Equal(t, want, daemon.SizeText(n))
	}
}

func TestPrintableLeavesNothingThatMovesACursor(t *testing.T) {
	require.Equal(t, "a b[31mred[0m", daemon.Printable("a\nb\x1b[31mred\x1b[0m\u202e\u200b\x07"))
	require.Equal(t, "a\nb", daemon.PrintableLines("a\r\nb\x1b"))
}

func TestPrintableJSON(t *testing.T) {
	text := "a\nb\x1b[31m\u009b2J\x7f\u202e\U000e0061\U00100000\u2028ä世"
	raw, err := json.Marshal(map[string]string{text: text})
	require.NoError(t, err)
	raw = append(raw, '\n')
	got := daemon.PrintableJSON(raw)
	require.Equal(t, strings.TrimSuffix(string(got), "\n"), daemon.Printable(strings.TrimSuffix(string(got), "\n")), "nothing is left that moves a cursor")
	var back map[string]string
	require.NoError(t, json.Unmarshal(got, &back))
	require.Equal(t, map[string]string{text: text}, back)
	plain := []byte("{\"a\":\"ä\"}\n")
	require.Equal(t, plain, daemon.PrintableJSON(plain))
}

func replaceAll(text, old, new string) string { return strings.ReplaceAll(text, old, new) }
