package device

import (
	"encoding/binary"
	"fmt"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

const (
	fftBlockLog = 12      // numbers that a block holds, of several columns
	fftRowMost  = 13      // of one row, where a block may have so much memory; op.FFTDirect at most
	fftTogether = 3       // the logarithm of how many columns, which lie beside each other, a block has at least of rows that it cannot hold
	fftShortLog = 11      // of rows that are shorter: eight for each thread
	fftScratch  = 1 << 23 // numbers that are convolved at a time, or one row
	complexSize = 8
)

// roots are tables of op.Roots on the device.
type roots struct{ coarse, fine cuda.Ptr }

func (l *lower) roots(n int64) (roots, error) {
	at, err := l.table(fmt.Sprintf("roots %d", n), func() []byte {
		coarse, fine := op.Roots(n)
		b, _ := binary.Append(nil, binary.LittleEndian, coarse)
		b, _ = binary.Append(b, binary.LittleEndian, fine)
		return b
	})
	return roots{at, at + cuda.Ptr((n+op.RootStep-1)/op.RootStep*16)}, err
}

func lowerFFT(l *lower, o *op.Op) error {
	in, out := l.in[0], l.out[0]
	n := in.Shape[len(in.Shape)-2]
	rows := in.Elems() / 2 / n
	if o.FastFFT() {
		if done, err := l.byCuFFT(rows, n, o.Int(0) == 1); done || err != nil {
			return err
		}
	}
	divide := float32(1)
	if o.Int(0) == 1 {
		divide = float32(n)
	}
	if n&(n-1) == 0 {
		return l.transform(in.at, out.at, rows, op.FFTLog(n), uint32(o.Int(0)), 1/divide) // the same for a power of two
	}
	return l.bluestein(rows, n, uint32(o.Int(0)), divide)
}

// directRoots are those of the first op.FFTDirect stages.
func (l *lower) directRoots() (cuda.Ptr, error) {
	return l.table("fft direct", func() []byte {
		coarse, fine := op.Roots(op.FFTRoots)
		var b []byte
		for _, c := range coarse[:1<<(op.FFTDirect-1)] {
			b = appendRoot(b, c, fine[0])
		}
		return b
	})
}

func appendRoot(b []byte, coarse, fine [2]float64) []byte {
	re, im := op.RootOf(coarse, fine)
	b, _ = binary.Append(b, binary.LittleEndian, [2]float32{re, im})
	return b
}

// transform is of rows of 1<<log numbers: all stages in one pass where a block holds a row, else in passes that are about equal.
func (l *lower) transform(in, out cuda.Ptr, rows int64, log int, inverse uint32, scale float32) error {
	r, err := l.roots(op.FFTRoots)
	if err != nil {
		return err
	}
	direct, err := l.directRoots()
	if err != nil {
		return err
	}
	passes, most := 1, l.fftRowLog()
	if log > most {
		passes = (log + most - fftTogether - 1) / (most - fftTogether)
	}
	stage := 0
	for i := range passes {
		count := (log - stage) / (passes - i)
		last := float32(1)
		if i == passes-1 {
			last = scale
		}
		if err := l.fftPass(in, out, direct, r, rows<<(log-count), log, stage, count, inverse, last); err != nil {
			return err
		}
		stage += count
	}
	return nil
}

// fftRowLog is up to which length a block holds a whole row: more than in a pass of several, where blocks beside each other hide how long
// memory takes, but one pass over memory is saved.
func (l *lower) fftRowLog() int {
	log := fftBlockLog
	for log < fftRowMost && l.dev.sharedOptIn >= complexSize<<(log+1) {
		log++
	}
	return log
}

func (l *lower) fftPass(in, out, direct cuda.Ptr, r roots, columns int64, log, stage, count int, inverse uint32, scale float32) error {
	together := min(max(fftBlockLog-count, fftTogether), op.FFTLog(columns))
	if log == count {
		together = max(min(together, fftShortLog-count), 0)
	}
	blocks := (columns + 1<<together - 1) >> together
	if blocks > maxGrid {
		return op.Errorf(op.OverBudget, "a transform of %d numbers in %d columns", 1<<log, columns)
	}
	kernel, args := "fft_next", l.args()
	switch {
	case count < 4:
		kernel = "fft_few"
	case stage == 0:
		kernel = "fft_first"
	}
	if stage == 0 {
		args.Ptr(in)
	}
	args.Ptr(out).Ptr(direct).Ptr(r.coarse).Ptr(r.fine).I64(columns).U32(uint32(log))
	if stage > 0 {
		args.U32(uint32(stage))
	}
	args.U32(uint32(count)).U32(uint32(together)).U32(inverse).F32(scale)
	return l.launch("fft", kernel, dim{X: uint32(blocks)}, eachThread, complexSize<<(count+together), args)
}

// bluestein makes a transform of any length a convolution with a chirp, of rows that a power of two is long.
func (l *lower) bluestein(rows, n int64, inverse uint32, divide float32) error {
	log := op.FFTLog(2*n - 1)
	m := int64(1) << log
	some, short := min(max(int64(fftScratch)>>log, 1), rows), log <= l.fftRowLog()
	if short {
		some = 1
	}
	r, err := l.roots(2 * n)
	if err != nil {
		return err
	}
	space, err := l.scratch((2*some + 1) * m * complexSize)
	if err != nil {
		return err
	}
	a, b, spectrum := space, space+cuda.Ptr(some*m*complexSize), space+cuda.Ptr(2*some*m*complexSize)
	args := l.args().Ptr(a).Ptr(r.coarse).Ptr(r.fine).I64(n).U32(uint32(log)).U32(inverse)
	if err := l.launch("fft", "chirp_filter", l.blocks(m), eachThread, 0, args); err != nil {
		return err
	}
	if err := l.transform(a, spectrum, 1, log, 0, 1); err != nil {
		return err
	}
	if short {
		return l.chirpRows(rows, n, log, spectrum, inverse, divide)
	}
	return inParts(rows, some, func(from, rows int64) error {
		at := cuda.Ptr(from * n * complexSize)
		args := l.args().Ptr(l.in[0].at + at).Ptr(a).Ptr(r.coarse).Ptr(r.fine).I64(rows).I64(n).U32(uint32(log)).U32(inverse)
		if err := l.launch("fft", "chirp_in", l.blocks(rows*m), eachThread, 0, args); err != nil {
			return err
		}
		if err := l.transform(a, b, rows, log, 0, 1); err != nil {
			return err
		}
		if err := l.launch("fft", "chirp_times", l.blocks(rows*m), eachThread, 0, l.args().Ptr(b).Ptr(spectrum).I64(rows).U32(uint32(log))); err != nil {
			return err
		}
		if err := l.transform(b, a, rows, log, 1, 1/float32(m)); err != nil {
			return err
		}
		args = l.args().Ptr(a).Ptr(l.out[0].at + at).Ptr(r.coarse).Ptr(r.fine).I64(rows).I64(n).U32(uint32(log)).U32(inverse).F32(divide)
		return l.launch("fft", "chirp_out", l.blocks(rows*n), eachThread, 0, args)
	})
}

// chirpRows is bluestein where a block can hold a row, or several.
func (l *lower) chirpRows(rows, n int64, log int, spectrum cuda.Ptr, inverse uint32, divide float32) error {
	direct, err := l.directRoots()
	if err != nil {
		return err
	}
	chirp, err := l.table(fmt.Sprintf("chirp %d", n), func() []byte {
		coarse, fine := op.Roots(2 * n)
		var b []byte
		for i := range n {
			k := i * i % (2 * n)
			b = appendRoot(b, coarse[k/op.RootStep], fine[k%op.RootStep])
		}
		return b
	})
	if err != nil {
		return err
	}
	together := max(fftShortLog-log, 0)
	blocks := (rows + 1<<together - 1) >> together
	if blocks > maxGrid {
		return op.Errorf(op.OverBudget, "%d transforms of %d numbers", rows, n)
	}
	args := l.args().Ptr(l.in[0].at).Ptr(l.out[0].at).Ptr(direct).Ptr(chirp).Ptr(spectrum).
		I64(rows).U32(uint32(n)).U32(uint32(log)).U32(uint32(together)).U32(inverse).F32(1 / float32(int64(1)<<log)).F32(divide)
	return l.launch("fft", "chirp_rows", dim{X: uint32(blocks)}, eachThread, complexSize<<(log+together), args)
}
