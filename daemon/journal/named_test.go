package journal

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func TestDamagedBytesAreLeftOut(t *testing.T) {
	v := value.OfString("hello")
	b := encodeNamed([]Named{{Name: "a", Value: v}}, math.MaxInt64)
	got, err := decodeNamed(b)
	require.NoError(t, err)
	require.Equal(t, v, got[0].Value)
	b[len(b)-1] ^= 1
	got, err = decodeNamed(b)
	require.NoError(t, err)
	require.Equal(t, value.Stored(v.Type, v.Digest, v.Size), got[0].Value, "to be looked for elsewhere")
}

func FuzzDecodeNamed(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0})
	f.Add([]byte{2, 1})
	f.Add([]byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	list := []Named{{Name: "width", Value: value.OfInt(256)}, {Name: "photo", Value: value.Stored("image", value.Sum(nil), 1<<40)}, {Value: value.OfString("")}}
	f.Add(encodeNamed(list, math.MaxInt64))
	f.Add(encodeNamed(list, 0))
	f.Add(encodeNamed(list, math.MaxInt64)[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decodeNamed(b)
		if err != nil {
			return
		}
		for _, n := range list {
			require.GreaterOrEqual(t, n.Value.Size, int64(0))
			if enc, ok := n.Value.Inline(); ok {
				require.Equal(t, n.Value.Digest, value.Sum(enc))
			}
		}
		again, err := decodeNamed(encodeNamed(list, math.MaxInt64))
		require.NoError(t, err)
		require.Equal(t, list, again)
	})
}
