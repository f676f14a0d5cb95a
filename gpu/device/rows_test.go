package device

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// BenchmarkRows is the speed of sort, scan, histogram, pictures and FFT by the device's own clock, in bytes that at least have to be read
// and written, and what each kernel takes of it.
func BenchmarkRows(b *testing.B) {
	const n = 64 << 20
	r := newRig(b)
	f32 := func(shape ...int64) op.Desc { return op.Desc{DType: op.F32, Shape: shape} }
	i32 := func(shape ...int64) op.Desc { return op.Desc{DType: op.I32, Shape: shape} }
	u8 := func(shape ...int64) op.Desc { return op.Desc{DType: op.U8, Shape: shape} }
	for _, c := range []struct {
		name   string
		code   op.Code
		params []uint64
		in     op.Desc
		out    []op.Desc
	}{
		{"sort", op.Sort, []uint64{0}, f32(n), []op.Desc{f32(n), i32(n)}},
		{"sort 1 Mi", op.Sort, []uint64{0}, f32(1 << 20), []op.Desc{f32(1 << 20), i32(1 << 20)}},
		{"sort i64", op.Sort, []uint64{0}, op.Desc{DType: op.I64, Shape: []int64{n / 2}}, []op.Desc{{DType: op.I64, Shape: []int64{n / 2}}, i32(n / 2)}},
		{"sort rows of 16384", op.Sort, []uint64{0}, f32(n>>14, 1<<14), []op.Desc{f32(n>>14, 1<<14), i32(n>>14, 1<<14)}},
		{"sort rows of 1024", op.Sort, []uint64{0}, f32(n>>10, 1024), []op.Desc{f32(n>>10, 1024), i32(n>>10, 1024)}},
		{"top 10 of 64 Mi", op.Sort, []uint64{1}, f32(n), []op.Desc{f32(10), i32(10)}},
		{"top 10 of 1 Mi", op.Sort, []uint64{1}, f32(1 << 20), []op.Desc{f32(10), i32(10)}},
		{"scan f32", op.Scan, []uint64{0}, f32(n), []op.Desc{f32(n)}},
		{"scan i32 rows of 100", op.Scan, []uint64{0}, i32(n/100, 100), []op.Desc{i32(n/100, 100)}},
		{"histogram 256", op.Histogram, []uint64{0, math.Float64bits(1)}, f32(n), []op.Desc{i32(256)}},
		{"histogram 1 Mi", op.Histogram, []uint64{0, math.Float64bits(1)}, f32(n), []op.Desc{i32(1 << 20)}},
		{"histogram u8", op.Histogram, []uint64{0, math.Float64bits(256)}, u8(4 * n), []op.Desc{i32(256)}},
		{"lanczos u8 4096 to 1024", op.Resize, []uint64{op.Lanczos3}, u8(8, 4096, 4096, 3), []op.Desc{u8(8, 1024, 1024, 3)}},
		{"bilinear u8 512 to 224", op.Resize, []uint64{op.Bilinear}, u8(256, 512, 512, 3), []op.Desc{u8(256, 224, 224, 3)}},
		{"bilinear f32 1024 to 4096", op.Resize, []uint64{op.Bilinear}, f32(4, 1024, 1024, 3), []op.Desc{f32(4, 4096, 4096, 3)}},
		{"nearest u8 4096 to 1024", op.Resize, []uint64{op.Nearest}, u8(8, 4096, 4096, 3), []op.Desc{u8(8, 1024, 1024, 3)}},
		{"fft 2^24", op.FFT, []uint64{0}, f32(1<<24, 2), []op.Desc{f32(1<<24, 2)}},
		{"fft 2^20", op.FFT, []uint64{0}, f32(16, 1<<20, 2), []op.Desc{f32(16, 1<<20, 2)}},
		{"fft 8192", op.FFT, []uint64{0}, f32(4096, 8192, 2), []op.Desc{f32(4096, 8192, 2)}},
		{"fft 4096", op.FFT, []uint64{0}, f32(8192, 4096, 2), []op.Desc{f32(8192, 4096, 2)}},
		{"fft 256", op.FFT, []uint64{0}, f32(1<<17, 256, 2), []op.Desc{f32(1<<17, 256, 2)}},
		{"fft 1000", op.FFT, []uint64{0}, f32(16_000, 1000, 2), []op.Desc{f32(16_000, 1000, 2)}},
		{"fft 10000019", op.FFT, []uint64{0}, f32(10_000_019, 2), []op.Desc{f32(10_000_019, 2)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var all []cuda.Ptr
			take := func(d op.Desc) tensor {
				all = append(all, r.alloc(d.Bytes()))
				return tensor{all[len(all)-1], d}
			}
			in, moved := take(c.in), c.in.Bytes()
			random := r.launches(func(l *lower) error { // floats in pictures and signals, all bits elsewhere
				d := op.Desc{DType: op.I32, Shape: []int64{c.in.Bytes() / 4}}
				if c.in.DType == op.F32 {
					d = c.in
				}
				l.out = []tensor{{in.at, d}}
				return lowerings[op.Random](l, &op.Op{Code: op.Random, Params: []uint64{7, 0}})
			})
			require.NoError(b, random.play())
			l := r.launches(func(l *lower) error {
				l.in = []tensor{in}
				for _, d := range c.out {
					l.out = append(l.out, take(d))
					moved += d.Bytes()
				}
				err := lowerings[c.code](l, &op.Op{Code: c.code, Params: c.params})
				all = append(all, l.scratches...)
				return err
			})
			require.NoError(b, l.play())
			l.list = slices.DeleteFunc(l.list, func(c command) bool { return c.kind == uploadBytes }) // tables are there now
			for range b.N {
				took := r.median(l)
				b.ReportMetric(float64(moved)/took.Seconds()/1e9, "GB/s")
				b.ReportMetric(float64(took.Microseconds()), "us")
			}
			b.Log(r.profile(l))
			for _, at := range all {
				r.arena.free(at)
			}
		})
	}
}

// profile plays the commands one by one, and says what each kernel takes of the whole.
func (r *rig) profile(l *lower) string {
	names := map[cuda.Function]string{}
	for key, known := range r.dev.kernels.list {
		names[known.f.Function] = key[1]
	}
	sums, counts := map[string]time.Duration{}, map[string]int{}
	for _, c := range l.list {
		one := *l
		one.list, one.maps = []command{c}, 0
		sums[names[c.f]] += r.median(&one)
		counts[names[c.f]]++
	}
	var lines []string
	for name, took := range sums {
		lines = append(lines, fmt.Sprintf("%s %dx %v", name, counts[name], took))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}
