package watch

import (
	"errors"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestCheckPath(t *testing.T) {
	for _, good := range []string{
		"a", "inbox/IMG 0001 (2).JPG", "caf\u00e9.flow.yaml", "写真/夏.png", "Screenshot 9.41.00\u202fAM.png", ".hidden", "a/..b/c..",
		strings.Repeat("a", 255), strings.Repeat("a/", 31) + "a",
	} {
		require.NoError(t, CheckPath(good), good)
	}
	for _, bad := range []string{
		"", "/", "/etc/passwd", "..", "../a", "a/../b", "a/..", ".", "./a", "a//b", "a/", "proc/self/../mem",
		"a\nb", "a\x1b[2Jb", "a\x00b", "a\\b", "a\xffb", "cafe\u0301", "a\u202eb", "a\u200bb", "a\u2028b", "a\u0085b", "\ufeffa",
		strings.Repeat("a", 256), strings.Repeat("a/", 32) + "a", strings.Repeat(strings.Repeat("a", 200)+"/", 6) + "a",
	} {
		requireRefused(t, CheckPath(bad), BadName)
	}
	err := CheckPath("a\x1b[2J\u202eb")
	require.NotContains(t, err.Error(), "\x1b", "a message must not carry what it warns of")
	require.NotContains(t, err.Error(), "\u202e")
}

func TestIgnored(t *testing.T) {
	for _, name := range []string{".git/config", "a/.b/c", "x~", "x.tmp", ".x.swp", "x.swp", "4913", "#x#", "in/x.part"} {
		require.True(t, Ignored(name), name)
	}
	for _, name := range []string{"a", "a.flow.yaml", "tmp/x", "49131", "x.tmp.csv", "a~b"} {
		require.False(t, Ignored(name), name)
	}
}

// A path that passes stays below the folder however it is joined, and prints as itself.
func FuzzCheckPath(f *testing.F) {
	for _, seed := range []string{"a/b.txt", "../a", "a/./b", "a\x00", "caf\u00e9", "cafe\u0301", "a\u202eb", "//", "a\\..\\b", "\xff", "é/..../x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rel string) {
		if err := CheckPath(rel); err != nil {
			var refused *RefusedError
			require.True(t, errors.As(err, &refused))
			require.Equal(t, BadName, refused.Reason)
			return
		}
		require.Equal(t, rel, path.Clean(rel))
		require.True(t, strings.HasPrefix(path.Join("/served", rel), "/served/"))
		require.True(t, utf8.ValidString(rel))
		require.NotContains(t, rel, "\x00")
	})
}

// A pattern that passes is answered quickly and matches nothing that is ignored.
func FuzzCheckPattern(f *testing.F) {
	for _, seed := range []string{"inbox/*.jpg", "**/*.{csv,tsv}", "{a,{b,c}}/**", "[a-z]?", "{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}{a,a}", "\\*", "**/**/**/**", "[", "{,}"} {
		f.Add(seed, "inbox/a.jpg")
	}
	f.Fuzz(func(t *testing.T, pattern, rel string) {
		if CheckPattern(pattern) != nil || len(rel) > maxPath {
			return
		}
		if Match(pattern, rel) {
			require.False(t, Ignored(rel))
		}
	})
}
