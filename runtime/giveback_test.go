//go:build linux

package runtime

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func fileKiB(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(text)
	require.NotNil(t, found)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return n
}

func TestPagesOfTheProgramAreGivenBack(t *testing.T) {
	before := fileKiB(t)
	require.NoError(t, GiveBack())
	require.Less(t, fileKiB(t), before)
	require.NoError(t, GiveBack(), "what is wanted again is there")
}

func TestOnlyCleanMappingsAreGivenBack(t *testing.T) {
	const one = `00400000-00d30000 r-xp 00018000 fe:00 77 /usr/bin/levee
Rss: 9312 kB
Anonymous: 0 kB
00d30000-01b2d000 r--p 00930000 fe:00 77 /usr/bin/levee
Rss: 10112 kB
Anonymous:             8 kB
01b2d000-01bbf000 rw-p 0172d000 fe:00 77 /usr/bin/levee
Anonymous: 0 kB
01bbf000-03c06000 r--p 00000000 00:00 0
Anonymous: 0 kB
7f0000000000-7f0000010000 r--s 00000000 00:0e 99 /memfd:value (deleted)
Anonymous: 0 kB
7f0000010000-7f0000020000 ---p 00000000 fe:00 78 /usr/lib/libc.so.6
Anonymous: 0 kB
7f0000020000-7f0000030000 r-xp 00000000 fe:00 78 /usr/lib/a name with spaces
Rss: 4 kB
Anonymous:             0 kB
VmFlags: rd ex
`
	require.Equal(t, []mapping{{0x400000, 0xd30000}, {0x7f0000020000, 0x7f0000030000}}, cleanMappings(one))
}
