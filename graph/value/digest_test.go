package value

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// slowSum is the definition in Digest's comment, word by word.
func slowSum(b []byte) Digest {
	var leaves [][]byte
	for rest := b; len(rest) > 0 || len(leaves) == 0; {
		n := min(leafSize, len(rest))
		leaf := sha256.Sum256(append([]byte{0}, rest[:n]...))
		leaves, rest = append(leaves, leaf[:]), rest[n:]
	}
	if len(leaves) == 1 {
		return Digest(leaves[0])
	}
	all := binary.LittleEndian.AppendUint64([]byte{1}, uint64(len(b)))
	for _, leaf := range leaves {
		all = append(all, leaf...)
	}
	return sha256.Sum256(all)
}

func TestDigest(t *testing.T) {
	for _, size := range []int{0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 100_000, parallelFrom - 1, parallelFrom, parallelFrom + 1, 3*parallelFrom/2 + 77} {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(i * i >> 3)
		}
		want := slowSum(b)
		require.Equal(t, want, Sum(b), "%d bytes", size)
		got, n, err := SumReader(iotest.HalfReader(bytes.NewReader(b)))
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.Equal(t, want, got, "%d bytes", size)
		var h Hasher
		for rest := b; len(rest) > 0; {
			n := min(len(rest), 1+len(rest)%5000)
			h.Write(rest[:n])
			rest = rest[n:]
		}
		require.EqualValues(t, size, h.Size())
		require.Equal(t, want, h.Sum(), "%d bytes", size)
	}
}

func TestSumReaderError(t *testing.T) {
	_, _, err := SumReader(iotest.ErrReader(iotest.ErrTimeout))
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

func TestDigestText(t *testing.T) {
	d := Sum([]byte("x"))
	doc, err := json.Marshal(map[string]Digest{"d": d})
	require.NoError(t, err)
	var back map[string]Digest
	require.NoError(t, json.Unmarshal(doc, &back))
	require.Equal(t, d, back["d"])
	require.Equal(t, d.String()[:12], d.Short())
	for _, bad := range []string{"", "00", d.String() + "00", "zz" + d.String()[2:]} {
		_, err := ParseDigest(bad)
		require.Error(t, err, bad)
	}
	require.True(t, Digest{}.IsZero())
	require.False(t, d.IsZero())
}

func FuzzDigest(f *testing.F) {
	f.Add([]byte("hello"), uint16(3))
	f.Add(make([]byte, 3*leafSize), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, step uint16) {
		var h Hasher
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			h.Write(rest[:n])
			rest = rest[n:]
		}
		require.Equal(t, slowSum(b), h.Sum())
		require.Equal(t, slowSum(b), Sum(b))
	})
}
