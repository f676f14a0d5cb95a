package cpu

import "levee/gpu/op"

// fft transforms each row of n complex numbers. An n that is no power of two becomes a convolution with a chirp (Bluestein), done by
// transforms of a power of two of at least 2n-1.
func fft(r *run) error {
	src, dst := view[[2]float32](r.in[0]), view[[2]float32](r.out[0])
	s := r.in[0].Shape
	n := s[len(s)-2]
	inverse := r.Int(0) == 1
	if n&(n-1) == 0 {
		newTransform(op.FFTLog(n), inverse).run(dst, src)
	} else {
		bluestein(dst, src, n, inverse)
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

// transform is for rows of 1<<log numbers, in the order of butterflies that op.FFT fixes.
type transform struct {
	log     int
	inverse bool
	coarse  [][2]float64
	fine    [][2]float64
	direct  [][2]float32 // the coarse ones rounded: those of the first op.FFTDirect stages
}

func newTransform(log int, inverse bool) *transform {
	t := &transform{log: log, inverse: inverse}
	t.coarse, t.fine = op.Roots(op.FFTRoots)
	t.direct = make([][2]float32, len(t.coarse)/2)
	for i := range t.direct {
		t.direct[i] = t.root(int64(i) * op.RootStep)
	}
	return t
}

// root is that of place k of op.FFTRoots.
func (t *transform) root(k int64) [2]float32 {
	re, im := op.RootOf(t.coarse[k/op.RootStep], t.fine[k%op.RootStep])
	if t.inverse {
		im = -im
	}
	return [2]float32{re, im}
}

const blockLog = 12 // numbers that the first stages take together: they fit into a processor's nearest cache

func (t *transform) run(dst, src [][2]float32) {
	block := min(t.log, blockLog)
	split(int64(len(dst))>>block, grain>>block, func(from, to int64) {
		for b := from; b < to; b++ {
			x := dst[b<<block:][:1<<block]
			row := b >> (t.log - block) << t.log
			for i := range x {
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
	half := int64(1) << stage
	for i := from; i < to; i++ {
		j := i & (half - 1)
		a := (i-j)*2 + j
		var w [2]float32
		if stage < op.FFTDirect {
			w = t.direct[j<<(op.FFTDirect-1-stage)]
		} else {
			w = t.root(j << (op.FFTLog(op.FFTRoots) - 1 - stage))
		}
		u, v := x[a], times(x[a+half], w)
		x[a] = [2]float32{u[0] + v[0], u[1] + v[1]}
		x[a+half] = [2]float32{u[0] - v[0], u[1] - v[1]}
	}
}

// bluestein: with chirp c, X[k] = c[k] * sum over j of (x[j] c[j]) conj(c[k-j]).
func bluestein(dst, src [][2]float32, n int64, inverse bool) {
	c := newChirp(n, inverse)
	log := op.FFTLog(2*n - 1)
	m := int64(1) << log
	rows := int64(len(src)) / n
	some := min(max(int64(1<<18)>>log, 1), rows)
	a, b, spectrum := make([][2]float32, some*m), make([][2]float32, some*m), make([][2]float32, m)
	forward, back := newTransform(log, false), newTransform(log, true)
	for i := range n {
		w := c.at(i)
		w[1] = -w[1]
		a[i], a[(m-i)%m] = w, w
	}
	clear(a[n : m-n+1])
	forward.run(spectrum, a[:m])
	for row := int64(0); row < rows; row += some {
		count := min(some, rows-row)
		a, b := a[:count*m], b[:count*m]
		split(count*m, grain, func(from, to int64) {
			for i := from; i < to; i++ {
				a[i] = [2]float32{}
				if j := i & (m - 1); j < n {
					a[i] = times(src[(row+i>>log)*n+j], c.at(j))
				}
			}
		})
		forward.run(b, a)
		split(count*m, grain, func(from, to int64) {
			for i := from; i < to; i++ {
				b[i] = times(b[i], spectrum[i&(m-1)])
			}
		})
		back.run(a, b)
		split(count*n, grain, func(from, to int64) {
			for i := from; i < to; i++ {
				v := a[i/n<<log+i%n]
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
