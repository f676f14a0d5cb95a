package cpu

import (
	"sync"

	"levee/gpu/op"
)

// fft transforms each row of n complex numbers. An n that is no power of two becomes a convolution with a chirp (Bluestein), done by
// transforms of a power of two of at least 2n-1.
func fft(r *run) error {
	src, dst := view[number2](r.in[0]), view[number2](r.out[0])
	s := r.in[0].Shape
	n := s[len(s)-2]
	inverse := r.Int(0) == 1
	if n&(n-1) == 0 {
		newTransform(op.FFTLog(n), inverse).run(dst, src)
	} else {
		bluestein(dst, src, view[number2](tensor{mem: r.scratch}), n, inverse)
	}
	if inverse {
		divide(dst, float32(n))
	}
	canonAll(view[float32](r.out[0]))
	return nil
}

// number2 is a complex number: a struct, which the compiler keeps in registers, and not a complex64, whose products it computes in f64.
type number2 struct{ re, im float32 }

func divide(x []number2, by float32) {
	split(int64(len(x)), grain, func(from, to int64) {
		for i, v := range x[from:to] {
			x[from+int64(i)] = number2{v.re / by, v.im / by}
		}
	})
}

// times multiplies complex numbers, every product and sum rounded.
func times(a, b number2) number2 {
	return number2{float32(a.re*b.re) - float32(a.im*b.im), float32(a.re*b.im) + float32(a.im*b.re)}
}

// butterfly gives u + wv and u - wv.
func butterfly(u, v, w number2) (sum, difference number2) {
	v = times(v, w)
	return number2{u.re + v.re, u.im + v.im}, number2{u.re - v.re, u.im - v.im}
}

// transform is for rows of 1<<log numbers, in the order of butterflies that op.FFTRoots fixes.
type transform struct {
	log     int
	inverse bool
	*roots
}

func newTransform(log int, inverse bool) *transform { return &transform{log, inverse, fftRoots()} }

// roots are for all transforms. direct are the coarse ones rounded: those of the first op.FFTDirect stages.
type roots struct {
	coarse, fine [][2]float64
	direct       []number2
}

var fftRoots = sync.OnceValue(func() *roots {
	var r roots
	r.coarse, r.fine = op.Roots(op.FFTRoots)
	r.direct = make([]number2, len(r.coarse)/2)
	for i := range r.direct {
		r.direct[i].re, r.direct[i].im = op.RootOf(r.coarse[i], r.fine[0])
	}
	return &r
})

const blockLog = 12 // numbers that the first stages take together: they fit into a processor's nearest cache

// run transforms what src has. Without src, dst has it, with every row in reversed order.
func (t *transform) run(dst, src []number2) {
	block := min(t.log, blockLog)
	split(int64(len(dst))>>block, grain>>block, func(from, to int64) {
		for b := from; b < to; b++ {
			x := dst[b<<block:][:1<<block]
			row := b >> (t.log - block) << t.log
			for i := range min(len(x), len(src)) {
				x[i] = src[row+op.FFTReverse(b<<block-row+int64(i), t.log)]
			}
			for stage := range block {
				if stage < 4 {
					t.near(x, stage)
				} else {
					t.butterflies(x, stage, 0, int64(len(x)/2))
				}
			}
		}
	})
	for stage := block; stage < t.log; stage++ {
		split(int64(len(dst)/2), grain, func(from, to int64) { t.butterflies(dst, stage, from, to) })
	}
}

// butterflies does some of a stage: a and b, 1<<stage apart, become a + wb and a - wb.
func (t *transform) butterflies(x []number2, stage int, from, to int64) {
	half := int64(1) << stage
	for i := from; i < to; {
		j := i & (half - 1)
		n := min(half-j, to-i)
		a := x[(i-j)*2+j:]
		t.cross(a[:n], a[half:][:n], stage, j)
		i += n
	}
}

// near does a whole stage whose numbers lie near to each other: those with the same root one after the other.
func (t *transform) near(x []number2, stage int) {
	half := 1 << stage
	for j := range half {
		w := t.turned(t.direct[j<<(op.FFTDirect-1-stage)])
		for i := j; i+half < len(x); i += 2 * half {
			x[i], x[i+half] = butterfly(x[i], x[i+half], w)
		}
	}
}

// cross does butterflies that lie beside each other, the first of place j.
func (t *transform) cross(a, b []number2, stage int, j int64) {
	b = b[:len(a)]
	if stage < op.FFTDirect {
		for i, u := range a {
			a[i], b[i] = butterfly(u, b[i], t.turned(t.direct[(j+int64(i))<<(op.FFTDirect-1-stage)]))
		}
		return
	}
	shift := op.FFTLog(op.FFTRoots) - 1 - stage
	for i, u := range a {
		k := (j + int64(i)) << shift
		re, im := op.RootOf(t.coarse[k/op.RootStep], t.fine[k%op.RootStep])
		a[i], b[i] = butterfly(u, b[i], t.turned(number2{re, im}))
	}
}

// turned is a root as this direction has it.
func (t *transform) turned(w number2) number2 {
	if t.inverse {
		w.im = -w.im
	}
	return w
}

// reverse puts every row of 1<<log numbers into reversed order.
func reverse(x []number2, log int) {
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
func bluestein(dst, src, scratch []number2, n int64, inverse bool) {
	c := newChirp(n, inverse)
	rows, log, some := convolution(int64(len(src)), n)
	m := int64(1) << log
	spectrum, space := scratch[:m], scratch[m:]
	forward, back := newTransform(log, false), newTransform(log, true)
	clear(spectrum)
	for i := range n {
		w := c.at(i)
		w.im = -w.im
		spectrum[op.FFTReverse(i, log)], spectrum[op.FFTReverse((m-i)&(m-1), log)] = w, w
	}
	forward.run(spectrum, nil)
	for row := int64(0); row < rows; row += some {
		count := min(some, rows-row)
		x := space[:count*m]
		split(count*m, grain, func(from, to int64) {
			for i := from; i < to; i++ {
				x[i] = number2{}
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
				dst[row*n+i] = times(number2{v.re / float32(m), v.im / float32(m)}, c.at(i%n))
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

func (c *chirp) at(k int64) number2 {
	k = k * k % (2 * c.n)
	re, im := op.RootOf(c.coarse[k/op.RootStep], c.fine[k%op.RootStep])
	if c.inverse {
		im = -im
	}
	return number2{re, im}
}
