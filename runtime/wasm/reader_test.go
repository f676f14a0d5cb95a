package wasm

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNumbers(t *testing.T) {
	read := func(b []byte, f func(*reader) int64) (int64, int, *Error) {
		r := reader{b: b}
		v := f(&r)
		return v, r.pos, r.err
	}
	u32 := func(r *reader) int64 { return int64(r.u32()) }
	signed := func(bits uint) func(*reader) int64 {
		return func(r *reader) int64 { return r.signed(bits) }
	}
	for _, c := range []struct {
		name string
		b    []byte
		f    func(*reader) int64
		want int64
		ok   bool
	}{
		{"zero", []byte{0}, u32, 0, true},
		{"padded to five bytes", []byte{0x85, 0x80, 0x80, 0x80, 0}, u32, 5, true},
		{"padded to six", []byte{0x85, 0x80, 0x80, 0x80, 0x80, 0}, u32, 0, false},
		{"greatest", []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, u32, math.MaxUint32, true},
		{"one bit too many", []byte{0xff, 0xff, 0xff, 0xff, 0x1f}, u32, 0, false},
		{"cut", []byte{0x80, 0x80}, u32, 0, false},
		{"nothing", nil, u32, 0, false},
		{"minus one", []byte{0x7f}, signed(32), -1, true},
		{"minus 64", []byte{0x40}, signed(33), -64, true},
		{"63", []byte{0x3f}, signed(32), 63, true},
		{"64", []byte{0xc0, 0}, signed(32), 64, true},
		{"minus one padded", []byte{0xff, 0xff, 0xff, 0xff, 0x7f}, signed(32), -1, true},
		{"least of 32", []byte{0x80, 0x80, 0x80, 0x80, 0x78}, signed(32), math.MinInt32, true},
		{"greatest of 32", []byte{0xff, 0xff, 0xff, 0xff, 0x07}, signed(32), math.MaxInt32, true},
		{"beyond 32", []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, signed(32), 0, false},
		{"but within 33", []byte{0xff, 0xff, 0xff, 0xff, 0x0f}, signed(33), math.MaxUint32, true},
		{"beyond 33", []byte{0x80, 0x80, 0x80, 0x80, 0x10}, signed(33), 0, false},
		{"least of 64", []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}, signed(64), math.MinInt64, true},
		{"greatest of 64", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, signed(64), math.MaxInt64, true},
		{"beyond 64", []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, signed(64), 0, false},
		{"eleven bytes", []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}, signed(64), 0, false},
		{"signed, cut", []byte{0x80}, signed(64), 0, false},
	} {
		v, pos, err := read(c.b, c.f)
		require.Equal(t, c.want, v, c.name)
		require.Equal(t, c.ok, err == nil, c.name)
		if c.ok {
			require.Equal(t, len(c.b), pos, c.name)
		}
	}
}

// TestAfterAnErrorNothingIsRead: the first thing wrong is the one told.
func TestAfterAnErrorNothingIsRead(t *testing.T) {
	r := reader{b: []byte{1, 2, 3}}
	r.skip(9, "a thing")
	require.Zero(t, r.u8())
	require.Zero(t, r.u32())
	require.Zero(t, r.signed(32))
	require.Zero(t, r.count("things", 9, 1))
	require.Empty(t, r.name("a thing", 9))
	require.Contains(t, r.err.What, "in the middle of a thing")
}
