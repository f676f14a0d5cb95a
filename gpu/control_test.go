package gpu

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What comes with a message that is refused does not stay open: a worker that speaks nonsense may die, but not fill the daemon's table.
func TestDescriptorsOfNonsenseAreClosed(t *testing.T) {
	ping, err := json.Marshal(control{Ping: 1})
	require.NoError(t, err)
	for name, message := range map[string][]byte{"no JSON": []byte("{"), "too long": make([]byte, maxControl+1), "good": ping} {
		t.Run(name, func(t *testing.T) {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
			require.NoError(t, err)
			defer unix.Close(pair[0])
			defer unix.Close(pair[1])
			var pipe [2]int
			require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
			defer unix.Close(pipe[0])
			require.NoError(t, unix.Sendmsg(pair[0], message, unix.UnixRights(pipe[1]), nil, 0))
			require.NoError(t, unix.Close(pipe[1]))
			_, handed, err := receiveControl(pair[1])
			if name == "good" {
				require.NoError(t, err)
				require.NoError(t, unix.Close(handed))
			} else {
				require.Error(t, err)
				require.Equal(t, -1, handed)
			}
			n, err := unix.Read(pipe[0], make([]byte, 1))
			require.NoError(t, err, "somebody still holds the other end")
			require.Zero(t, n)
		})
	}
}

// A worker that ends with a message unread leaves an error that comes before what it has said.
func TestLastWordsAreHeardBehindAnUnreadMessage(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	w := &process{pool: &Pool{}, control: pair[0]}
	require.NoError(t, sendControl(pair[0], control{Ping: 1}, -1))
	require.NoError(t, sendControl(pair[1], control{Ping: 7}, -1))
	require.NoError(t, unix.Close(pair[1]))
	w.listen()
	require.Equal(t, uint64(7), w.pong)
	require.NoError(t, unix.Close(pair[0]))
}
