package cpu

import (
	"sync"

	"levee/gpu/op"
)

// fft transforms each row of n complex numbers. An n that is no power of two becomes a convolution with a chirp (Bluestein), done by
// transforms of a power of two of at least 2n-1.
func fft(r *run) error {
	src, dst := view[[2]float32](r.in[0]), view[[2]float32](r.out[0])
	s := r.in[0].Shape
	n := s[len(s)-2]
	inverse := r.Int(0) == 1
	if n&(n-1) == 0 {
		(&transform{op.FFTLog(n), inverse}).run(dst, src)
	} else {
		bluestein(dst, src, view[[2]float32](tensor{mem: r.scratch}), n, inverse)
	}
	if inverse {
		divide(dst, float32(n))
	}
	split(int64(len(dst)), grain, func(from, to int64) {
		for i, v := range dst[from:to] {
			dst[from+int64(i)] = [2]float32{canon(v[0]), canon(v[1])}
		}
	})
	return nil
}

func divide(x [][2]float32, by float32) {
	split(int64(len(x)), grain, func(from, to int64) {
		for i, v := range x[from:to] {
			x[from+int64(i)] = [2]float32{v[0] / by, v[1] / by}
		}
	})
}

// times multiplies complex numbers, every product and sum rounded.
func times(a, b [2]float32) [2]float32 {
	return [2]float32{float32(a[0]*b[0]) - float32(a[1]*b[1]), float32(a[0]*b[1]) + float32(a[1]*b[0])}
}

// transform is for rows of 1<<log numbers, in the order of butterflies that op.FFTRoots fixes.
type transform struct {
	log     int
	inverse bool
}

// fftRoots are for all transforms. direct are the coarse ones rounded: those of the first op.FFTDirect stages.
var fftRoots = sync.OnceValue(func() (r struct {
	coarse, fine [][2]float64
	direct       [][2]float32
}) {
	r.coarse, r.fine = op.Roots(op.FFTRoots)
	r.direct = make([][2]float32, len(r.coarse)/2)
	for i := range r.direct {
		r.direct[i][0], r.direct[i][1] = op.RootOf(r.coarse[i], r.fine[0])
	}
	return r
})

const blockLog = 12 // numbers that the first stages take together: they fit into a processor's nearest cache

// run transforms what src has. Without src, dst has it, with every row in reversed order.
func (t *transform) run(dst, src [][2]float32) {
	block := min(t.log, blockLog)
	split(int64(len(dst))>>block, grain>>block, func(from, to int64) {
		for b := from; b < to; b++ {
			x := dst[b<<block:][:1<<block]
			row := b >> (t.log - block) << t.log
			for i := range min(len(x), len(src)) {
				x[i] = src[row+op.FFTReverse(b<<block-row+int64(i), t.log)]
			}
			for stage := range block {
				t.butterflies(x, stage, 0, int64(len(x)/2))
			}
		}
	})
	for stage := block; stage < t.log; stage++ {
		split(int64(len(dst)/2), grain, func(from, to int64) { t.butterflies(dst, stage, from, to) })
	}
}

// butterflies does some of a stage: a and b, 1<<stage apart, become a + wb and a - wb.
func (t *transform) butterflies(x [][2]float32, stage int, from, to int64) {
	roots := fftRoots()
	half := int64(1) << stage
	for i := from; i < to; i++ {
		j := i & (half - 1)
		a := (i-j)*2 + j
		var w [2]float32
		if stage < op.FFTDirect {
			w = roots.direct[j<<(op.FFTDirect-1-stage)]
		} else {
			k := j << (op.FFTLog(op.FFTRoots) - 1 - stage)
			w[0], w[1] = op.RootOf(roots.coarse[k/op.RootStep], roots.fine[k%op.RootStep])
		}
		if t.inverse {
			w[1] = -w[1]
		}
		u, v := x[a], times(x[a+half], w)
		x[a] = [2]float32{u[0] + v[0], u[1] + v[1]}
		x[a+half] = [2]float32{u[0] - v[0], u[1] - v[1]}
	}
}

// reverse puts every row of 1<<log numbers into reversed order.
func reverse(x [][2]float32, log int) {
	split(int64(len(x)), grain, func(from, to int64) {
		for i := from; i < to; i++ {
			if j := i>>log<<log + op.FFTReverse(i&(1<<log-1), log); i < j {
				x[i], x[j] = x[j], x[i]
			}
		}
	})
}

// fftScratch is what bluestein needs: for the chirp's spectrum and for some rows.
func fftScratch(in op.Desc) int64 {
	n := in.Shape[len(in.Shape)-2]
	if n&(n-1) == 0 {
		return 0
	}
	_, log, some := convolution(in.Elems()/2, n)
	return (1 + some) << log * 8
}

// convolution says how bluestein goes about rows: how many there are, the length of the transforms, and of how many rows at a time.
func convolution(elems, n int64) (rows int64, log int, some int64) {
	rows, log = elems/n, op.FFTLog(2*n-1)
	return rows, log, min(max(int64(1<<18)>>log, 1), rows)
}

// bluestein: with chirp c, X[k] = c[k] * sum over j of (x[j] c[j]) conj(c[k-j]).
func bluestein(dst, src, scratch [][2]float32, n int64, inverse bool) {
	c := newChirp(n, inverse)
	rows, log, some := convolution(int64(len(src)), n)
	m := int64(1) << log
	spectrum, space := scratch[:m], scratch[m:]
	forward, back := transform{log, false}, transform{log, true}
	clear(spectrum)
	for i := range n {
		w := c.at(i)
		w[1] = -w[1]
		spectrum[op.FFTReverse(i, log)], spectrum[op.FFTReverse((m-i)&(m-1), log)] = w, w
	}
	forward.run(spectrum, nil)
	for row := int64(0); row < rows; row += some {
		count := min(some, rows-row)
		x := space[:count*m]
		split(count*m, grain, func(from, to int64) {
			for i := from; i < to; i++ {
				x[i] = [2]float32{}
				if j := op.FFTReverse(i&(m-1), log); j < n {
					x[i] = times(src[(row+i>>log)*n+j], c.at(j))
				}
			}
		})
		forward.run(x, nil)
		split(count*m, grain, func(from, to int64) {
			for i := from; i < to; i++ {
				x[i] = times(x[i], spectrum[i&(m-1)])
			}
		})
		reverse(x, log)
		back.run(x, nil)
		split(count*n, grain, func(from, to int64) {
			for i := from; i < to; i++ {
				v := x[i/n<<log+i%n]
				dst[row*n+i] = times([2]float32{v[0] / float32(m), v[1] / float32(m)}, c.at(i%n))
			}
		})
	}
}

// chirp gives e^(-πik²/n), or its conjugate.
type chirp struct {
	n            int64
	inverse      bool
	coarse, fine [][2]float64
}

func newChirp(n int64, inverse bool) *chirp {
	c := &chirp{n: n, inverse: inverse}
	c.coarse, c.fine = op.Roots(2 * n)
	return c
}

func (c *chirp) at(k int64) [2]float32 {
	k = k * k % (2 * c.n)
	re, im := op.RootOf(c.coarse[k/op.RootStep], c.fine[k%op.RootStep])
	if c.inverse {
		im = -im
	}
	return [2]float32{re, im}
}
