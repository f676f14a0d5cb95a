package op

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSixteenBitFloats(t *testing.T) {
	for h := range 1 << 16 { // every value comes back, every half-way point goes to the even one
		f, b := F16ToF32(uint16(h)), BF16ToF32(uint16(h))
		if f != f {
			require.Equal(t, uint16(nan16), F32ToF16(f))
		} else {
			require.Equal(t, uint16(h), F32ToF16(f))
			requireHalfWay(t, uint16(h), F16ToF32, F32ToF16)
		}
		if b != b {
			require.Equal(t, uint16(nanB16), F32ToBF16(b))
		} else {
			require.Equal(t, uint16(h), F32ToBF16(b))
			requireHalfWay(t, uint16(h), BF16ToF32, F32ToBF16)
		}
	}
	require.Equal(t, float32(65504), F16ToF32(0x7bff))
	require.Equal(t, uint16(0x7bff), F32ToF16(65519.996))
	require.Equal(t, uint16(0x7c00), F32ToF16(65520))
	require.Equal(t, float32(5.9604645e-08), F16ToF32(1))
	require.Equal(t, uint16(0x3f80), F32ToBF16(1))
}

func requireHalfWay(t *testing.T, h uint16, wide func(uint16) float32, narrow func(float32) uint16) {
	t.Helper()
	a, b := float64(wide(h)), float64(wide(h+1))
	if math.IsInf(a, 0) || math.IsInf(b, 0) || b != b {
		return
	}
	mid := (a + b) / 2
	even := h + h&1
	require.Equal(t, even, narrow(Odd(mid)), "%v", mid)
	up := math.Nextafter(mid, b) // nearer to b by what f32 does not keep
	require.Equal(t, h+1, narrow(Odd(up)), "%v", up)
	down := math.Nextafter(mid, a)
	require.Equal(t, h, narrow(Odd(down)), "%v", down)
}
