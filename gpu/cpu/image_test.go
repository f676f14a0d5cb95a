package cpu

import (
	"image"
	_ "image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// resampled is one number of a resized picture by the definition: the filter, stretched where the picture shrinks, over every pixel.
func resampled(filter int64, at func(y, x int) float64, h, w, outH, outW, y, x int) float64 {
	weights := func(n, out, i int) []float64 {
		scale := float64(n) / float64(out)
		ws, sum := make([]float64, n), 0.0
		for j := range ws {
			d := math.Abs((float64(j)+0.5)-(float64(i)+0.5)*scale) / math.Max(scale, 1)
			switch {
			case filter == op.Bilinear && d < 1:
				ws[j] = 1 - d
			case filter == op.Lanczos3 && d == 0:
				ws[j] = 1
			case filter == op.Lanczos3 && d < 3:
				ws[j] = math.Sin(math.Pi*d) / (math.Pi * d) * math.Sin(math.Pi*d/3) / (math.Pi * d / 3)
			}
			sum += ws[j]
		}
		for j := range ws {
			ws[j] /= sum
		}
		return ws
	}
	down, across := weights(h, outH, y), weights(w, outW, x)
	sum := 0.0
	for j, a := range down {
		if a == 0 {
			continue
		}
		for i, b := range across {
			if b != 0 {
				sum += a * b * at(j, i)
			}
		}
	}
	return sum
}

func resized(t *testing.T, in tensor, filter uint64, shape ...int64) tensor {
	return compute(t, op.Op{Code: op.Resize, Params: []uint64{filter}}, []tensor{in}, op.Desc{DType: in.DType, Shape: shape})[0]
}

func TestResizeOfPhotographs(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/samples/photos/*.jpg")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	r := rand.New(rand.NewPCG(13, 14))
	for _, path := range paths {
		f, err := os.Open(path)
		require.NoError(t, err)
		photo, _, err := image.Decode(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		h, w := photo.Bounds().Dy(), photo.Bounds().Dx()
		pixels := make([]uint8, 0, h*w*3)
		for y := range h {
			for x := range w {
				r, g, b, _ := photo.At(x, y).RGBA()
				pixels = append(pixels, uint8(r>>8), uint8(g>>8), uint8(b>>8))
			}
		}
		in := of(op.U8, pixels, int64(h), int64(w), 3)
		for _, size := range [][2]int{{224, 224}, {61, 2 * w}, {h + h/3, 100}} {
			for _, filter := range []int64{op.Bilinear, op.Lanczos3} {
				out := view[uint8](resized(t, in, uint64(filter), int64(size[0]), int64(size[1]), 3))
				for range 150 {
					y, x, c := r.IntN(size[0]), r.IntN(size[1]), r.IntN(3)
					want := resampled(filter, func(j, i int) float64 { return float64(pixels[(j*w+i)*3+c]) }, h, w, size[0], size[1], y, x)
					got := float64(out[(y*size[1]+x)*3+c])
					require.InDelta(t, min(max(want, 0), 255), got, 0.5005, "%s to %v, filter %d, at %d,%d", path, size, filter, y, x)
				}
			}
		}
	}
}

func TestResizeOfFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, c := range [][4]int{{1, 1, 5, 3}, {7, 5, 1, 1}, {9, 13, 4, 31}, {6, 6, 6, 6}, {64, 3, 63, 2}, {40, 2, 120, 2}, {2, 40, 6, 120}} {
		h, w, outH, outW := c[0], c[1], c[2], c[3]
		x := make([]float32, 2*h*w)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		for _, filter := range []int64{op.Bilinear, op.Lanczos3} {
			out := view[float32](resized(t, of(op.F32, x, 2, int64(h), int64(w), 1), uint64(filter), 2, int64(outH), int64(outW), 1))
			for i, got := range out {
				p := x[i/(outH*outW)*h*w:]
				want := resampled(filter, func(y, x int) float64 { return float64(p[y*w+x]) }, h, w, outH, outW, i/outW%outH, i%outW)
				require.InDelta(t, want, got, 2e-6, "%v filter %d at %d", c, filter, i)
			}
		}
	}
	same := of(op.F32, []float32{1, 2, float32(math.Inf(1)), 4}, 2, 2, 1)
	require.Equal(t, view[float32](same), view[float32](resized(t, same, op.Lanczos3, 2, 2, 1)))
}

func TestNearest(t *testing.T) {
	in := of(op.U8, []uint8{1, 2, 3, 4, 5, 6}, 2, 3, 1)
	require.Equal(t, []uint8{2, 5}, view[uint8](resized(t, in, op.Nearest, 2, 1, 1)))
	require.Equal(t, []uint8{1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 4, 4, 5, 5, 6, 6}, view[uint8](resized(t, in, op.Nearest, 4, 6, 1)))
	floats := of(op.F32, []uint32{0xffc00123, 0, 0x7f800001, 0x80000000}, 1, 2, 2)
	require.Equal(t, []uint32{0xffc00123, 0, 0xffc00123, 0, 0x7f800001, 0x80000000, 0x7f800001, 0x80000000}, view[uint32](resized(t, floats, op.Nearest, 1, 4, 2)), "elements are moved, bit by bit")
}

func TestPixelsAreRoundedToEvenAndClamped(t *testing.T) {
	for v, want := range map[float32]uint8{-3: 0, 0.5: 0, 1.5: 2, 2.5: 2, 254.5: 254, 254.51: 255, 1e9: 255} {
		require.Equal(t, want, pixel(v), "%v", v)
	}
}

func TestNormalise(t *testing.T) {
	in := []tensor{of(op.U8, []uint8{0, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100}, 2, 1, 3, 2), of(op.F32, []float32{5, 100}, 2), of(op.F32, []float32{0.1, 2}, 2)}
	want := func(x uint8, c int) float32 {
		return float32(float64(float32(x)-[]float32{5, 100}[c]) * float64([]float32{0.1, 2}[c])) // one product of two f32 is exact in f64
	}
	got := view[float32](compute(t, op.Op{Code: op.Normalise, Params: []uint64{0}}, in, op.Desc{DType: op.F32, Shape: []int64{2, 1, 3, 2}})[0])
	planar := view[float32](compute(t, op.Op{Code: op.Normalise, Params: []uint64{1}}, in, op.Desc{DType: op.F32, Shape: []int64{2, 2, 1, 3}})[0])
	for n := range 2 {
		for x := range 3 {
			for c := range 2 {
				at := (n*3+x)*2 + c
				require.Equal(t, want(in[0].mem[at], c), got[at])
				require.Equal(t, got[at], planar[(n*2+c)*3+x])
			}
		}
	}
}
