package ptx

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// compare counts what differs, and shows the first.
func compare(t *testing.T, code string, want, got []uint64, in []byte) {
	t.Helper()
	bad, nans := 0, 0
	for i := range want {
		if want[i] == got[i] {
			continue
		}
		if sameNaN(code, want[i], got[i]) {
			if nans++; nans == 1 {
				t.Logf("%s: a NaN is %#x there and %#x here", code, got[i], want[i])
			}
			continue
		}
		if bad++; bad <= 3 {
			p := in[48*i:]
			t.Errorf("%s: %#x there, %#x here, of %#x %#x %#x and %#x %#x %#x", code, got[i], want[i], binary.LittleEndian.Uint32(p),
				binary.LittleEndian.Uint32(p[4:]), binary.LittleEndian.Uint32(p[8:]), get(p[16:], 8), get(p[32:], 8), get(p[40:], 8))
		}
	}
	if bad > 3 {
		t.Errorf("%s: %d of %d differ", code, bad, len(want))
	}
}

// sameNaN says whether two results are the same but for what is in NaNs.
func sameNaN(code string, x, y uint64) bool {
	t := resultType(code)
	if t.lanes == 0 {
		return false
	}
	for i, w := 0, t.bits()/t.lanes; i < t.lanes; i++ {
		a, b := x>>(i*w), y>>(i*w)
		if t.lanes == 2 {
			a, b = a&0xffff, b&0xffff
		}
		if f, g := t.widen(a), t.widen(b); a != b && (f == f || g == g) {
			return false
		}
	}
	return true
}

// resultType is what the code computes: a float's type, or none.
func resultType(code string) typ {
	switch name := packed.FindString(code); {
	case name != "":
		return types[name]
	case strings.HasSuffix(code, "mov.b32 %r4, %f4"):
		return types["f32"]
	case strings.HasSuffix(code, "mov.b64 %d0, %e4"):
		return types["f64"]
	case strings.HasSuffix(code, "%h0, %f1; cvt.u32.u16 %r4, %h0"), strings.HasSuffix(code, "%h0, %e1; cvt.u32.u16 %r4, %h0"):
		return types[single.FindString(code)]
	}
	return typ{}
}

var packed, single = regexp.MustCompile(`b?f16x2`), regexp.MustCompile(`b?f16\b`)

// What tells NaNs from numbers in the comparison.
func TestSameNaN(t *testing.T) {
	for _, c := range []struct {
		code string
		x, y uint64
		want bool
	}{
		{"min.NaN.f32 %f4, %f1, %f2; mov.b32 %r4, %f4", 0x7fffffff, 0xff800001, true},
		{"min.NaN.f32 %f4, %f1, %f2; mov.b32 %r4, %f4", 0x7fffffff, 0xff800000, false},
		{"rcp.rn.f64 %e4, %e1; mov.b64 %d0, %e4", 0x7ff8000000000001, 0xfff8000000000000, true},
		{"rcp.rn.f64 %e4, %e1; mov.b64 %d0, %e4", 0x3ff0000000000000, 0x3ff0000000000001, false},
		{"cvt.rn.f16.f64 %h0, %e1; cvt.u32.u16 %r4, %h0", 0x7e00, 0xffff, true},
		{"cvt.rn.f16.f64 %h0, %e1; cvt.u32.u16 %r4, %h0", 0x7c00, 0x7fff, false},
		{"cvt.rn.bf16.f32 %h0, %f1; cvt.u32.u16 %r4, %h0", 0x7f81, 0x7fff, true},
		{"cvt.rzi.s16.f32 %h0, %f1; cvt.u32.u16 %r4, %h0", 0x7fff, 0x7f00, false},
		{"max.NaN.bf16x2 %r4, %r1, %r2", 0x7fff0001, 0x7f800001, false},
		{"neg.bf16x2 %r4, %r1", 0x7fff8000, 0xffc08000, true},
		{"neg.bf16x2 %r4, %r1", 0x7fff8000, 0xffc08001, false},
		{"abs.f16x2 %r4, %r1", 0x7fff7e01, 0x7f80fe00, true},
		{"cvt.rn.f16x2.f32 %r4, %f1, %f2", 0x3c007fff, 0x3c007e00, true},
		{"div.s32 %r4, %r1, %r2", 0xffffffff, 0x7fffffff, false},
	} {
		require.Equal(t, c.want, sameNaN(c.code, c.x, c.y), "%s %#x %#x", c.code, c.x, c.y)
	}
}
