package device

import (
	"fmt"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// How long pieces are, as in kernels/sum.h and kernels/extreme.h: what they give is a row or column again.
const (
	sumPiece     = 1 << 16
	extremePiece = 1 << 11
	foundSize    = 16 // of an extreme with its place
)

// rows is a tensor as rows along an axis: see kernels/sum.h.
type rows struct{ outer, n, inner int64 }

func (r rows) pieces() int64 { return (r.n + sumPiece - 1) / sumPiece }

func lowerReduce(l *lower, o *op.Op) error {
	in, out, kind := l.in[0], l.out[0], o.Int(0)
	r := rows{1, in.Shape[o.Int(1)], 1}
	for _, d := range in.Shape[:o.Int(1)] {
		r.outer *= d
	}
	for _, d := range in.Shape[o.Int(1)+1:] {
		r.inner *= d
	}
	switch kind {
	case op.Min, op.Max, op.ArgMin, op.ArgMax:
		return l.extreme(in.at, in.DType, r, out.at, out.DType, kind)
	}
	count := int64(0)
	if kind == op.Mean {
		count = r.n
	}
	return l.sum(in.at, in.DType, r, out.at, out.DType, kind == op.Prod, count)
}

// sumType is what elements are added up as.
func sumType(d op.DType) op.DType {
	switch d {
	case op.U8:
		return op.I32
	case op.F16, op.BF16:
		return op.F32
	}
	return d
}

// sum adds up rows, or multiplies; with a count each sum is divided by it.
func (l *lower) sum(in cuda.Ptr, d op.DType, r rows, out cuda.Ptr, as op.DType, prod bool, count int64) error {
	pieces := r.pieces()
	if d == op.U8 && !prod && r.inner == 1 && r.n > 256 {
		return l.sumBytes(in, r, out)
	}
	if parts := l.columnParts(r); parts > 0 && d == op.U8 && !prod {
		return l.sumByteColumns(in, r, out, parts)
	}
	if lanes := l.wideLanes(r, d); lanes > 0 {
		return l.sumWide(in, d, r, out, as, prod, count, lanes)
	}
	if pieces == 1 {
		return l.sumPieces(in, d, r, out, as, prod, count)
	}
	part, err := l.scratch(r.outer * pieces * r.inner * sumType(d).Size())
	if err != nil {
		return err
	}
	if err := l.sumPieces(in, d, r, part, sumType(d), prod, 0); err != nil {
		return err
	}
	return l.sumPieces(part, sumType(d), rows{r.outer, pieces, r.inner}, out, as, prod, count)
}

func (l *lower) sumPieces(in cuda.Ptr, d op.DType, r rows, out cuda.Ptr, as op.DType, prod bool, count int64) error {
	p := uint32(0)
	if prod {
		p = 1
	}
	args := l.args().Ptr(out).Ptr(in)
	launch := func(kernel string, grid, block dim) error {
		return l.launch(fmt.Sprint("reduce_", d), kernel, grid, block, 0, args.U32(p).U32(uint32(as)).I64(count))
	}
	all, bytes := r.outer*r.pieces(), r.n*d.Size()
	vectors := bytes%16 == 0
	columns := func(width int64, block uint32) error {
		args.I64(r.outer).I64(r.n).I64(r.inner)
		return launch(fmt.Sprintf("sum_columns_%v_%d", d, width), l.each(all*((r.inner+width-1)/width)), dim{X: block})
	}
	switch {
	case r.inner == 1 && vectors && bytes <= 64*16 && r.n <= 256, r.inner == 1 && r.n > 16 && r.n <= 32:
		width := powerOfTwo(r.n)
		if vectors {
			width = powerOfTwo((bytes + 31) / 32)
		}
		args.I64(r.outer).U32(uint32(r.n)).U32(uint32(width))
		return launch(fmt.Sprint("sum_few_", d), l.blocks((r.outer+1)/2*width), eachThread)
	case r.inner == 1 && r.n >= 2048 && all < int64(l.dev.sms)*32: // too few to have a warp each
		args.I64(r.outer).I64(r.n)
		return launch(fmt.Sprint("sum_block_", d), l.each(all), perWord(d))
	case r.inner == 1 && r.n > 32:
		args.I64(r.outer).I64(r.n)
		return launch(fmt.Sprint("sum_rows_", d), l.blocks(all*32), eachThread)
	case r.n <= 32:
		args.I64(r.outer * r.inner).I64(r.n).I64(r.inner)
		return launch(fmt.Sprint("sum_short_", d), l.blocks(r.outer*r.inner), eachThread)
	case r.inner <= 4, all*((r.inner+31)/32) < int64(l.dev.sms)/2: // so few that half of what is read may be wasted
		return columns(4, 1024)
	}
	return columns(32, 1024)
}

// vectorColumns says whether columns are worth the kernels that load vectors of them, 128 bytes side by side.
func vectorColumns(r rows, d op.DType) bool {
	return r.inner*d.Size()%16 == 0 && r.inner*d.Size() >= 64
}

// wideLanes is how many lanes of the order a block of sum_wide has, so that there are enough of them; 0: it is nothing for that kernel.
func (l *lower) wideLanes(r rows, d op.DType) int64 {
	blocks := r.outer * r.pieces() * ((r.inner*d.Size() + 127) / 128) * 8
	switch {
	case d.Size() != 2 || !vectorColumns(r, d) || r.n < 512 || blocks < int64(l.dev.sms):
		return 0
	case blocks < int64(l.dev.sms)*3:
		return 16
	}
	return 32
}

// sumWide adds up columns of narrow elements: first blocks the lanes that they have, then what they give, a row for each piece.
func (l *lower) sumWide(in cuda.Ptr, d op.DType, r rows, out cuda.Ptr, as op.DType, prod bool, count, lanes int64) error {
	p, apart, all := uint32(0), 256/lanes, r.outer*r.pieces()
	if prod {
		p = 1
	}
	part, err := l.scratch(all * apart * r.inner * 4)
	if err != nil {
		return err
	}
	args := l.args().Ptr(part).Ptr(in).I64(r.outer).I64(r.n).I64(r.inner).U32(p)
	grid := l.each(all * apart * ((r.inner*d.Size() + 127) / 128))
	if err := l.launch(fmt.Sprint("reduce_", d), fmt.Sprint("sum_wide_", d), grid, dim{X: uint32(8 * lanes)}, 0, args); err != nil {
		return err
	}
	if r.pieces() == 1 {
		return l.sumPieces(part, sumType(d), rows{all, apart, r.inner}, out, as, prod, count)
	}
	whole, err := l.scratch(all * r.inner * 4)
	if err != nil {
		return err
	}
	if err := l.sumPieces(part, sumType(d), rows{all, apart, r.inner}, whole, sumType(d), prod, 0); err != nil {
		return err
	}
	return l.sum(whole, sumType(d), rows{r.outer, r.pieces(), r.inner}, out, as, prod, count)
}

// parts is how many blocks things have each that are too few to have one: as many as the device holds at once, held by each multiprocessor, or
// several times as many, so that none is without work for long; but at most most.
func (l *lower) parts(things, held, most int64) int64 {
	held *= int64(l.dev.sms)
	parts := held / things
	if parts < 4 {
		parts = (4*held + things - 1) / things
	}
	return max(1, min(parts, most))
}

// rowParts are parts of rows whose order is free.
func (l *lower) rowParts(r rows, d op.DType) int64 {
	return l.parts(r.outer, 4, r.n*d.Size()/(threads*64))
}

// sumBytes adds up rows of bytes, by parts if they are few.
func (l *lower) sumBytes(in cuda.Ptr, r rows, out cuda.Ptr) error {
	launch := func(out cuda.Ptr, grid dim, width, parts int64) error {
		args := l.args().Ptr(out).Ptr(in).I64(r.outer).I64(r.n).U32(uint32(width)).U32(uint32(parts))
		return l.launch("reduce_u8", "sum_bytes", grid, eachThread, 0, args)
	}
	if r.outer >= int64(l.dev.sms)*32 || r.n < 4096 {
		return launch(out, l.blocks(r.outer*32), 32, 1)
	}
	parts := l.rowParts(r, op.U8)
	if parts == 1 {
		return launch(out, l.each(r.outer), threads, 1)
	}
	part, err := l.scratch(r.outer * parts * 4)
	if err != nil {
		return err
	}
	if err := launch(part, l.each(r.outer*parts), threads, parts); err != nil {
		return err
	}
	return l.sum(part, op.I32, rows{r.outer, parts, 1}, out, op.I32, false, 0)
}

// columnParts is how many blocks of sum_byte_columns columns have each, so that each thread has two rows; 0: they are nothing for that kernel.
func (l *lower) columnParts(r rows) int64 {
	blocks := r.outer * ((r.inner + 127) / 128)
	parts := l.parts(blocks, 2, min(32, r.n/64))
	if !vectorColumns(r, op.U8) || r.n < 64 || blocks*parts < int64(l.dev.sms) {
		return 0
	}
	return parts
}

// sumByteColumns adds up columns of bytes by parts.
func (l *lower) sumByteColumns(in cuda.Ptr, r rows, out cuda.Ptr, parts int64) error {
	launch := func(out cuda.Ptr) error {
		args := l.args().Ptr(out).Ptr(in).I64(r.outer).I64(r.n).I64(r.inner).U32(uint32(parts))
		return l.launch("reduce_u8", "sum_byte_columns", l.each(r.outer*parts*((r.inner+127)/128)), eachThread, 0, args)
	}
	if parts == 1 {
		return launch(out)
	}
	part, err := l.scratch(r.outer * parts * r.inner * 4)
	if err != nil {
		return err
	}
	if err := launch(part); err != nil {
		return err
	}
	return l.sum(part, op.I32, rows{r.outer, parts, r.inner}, out, op.I32, false, 0)
}

// perWord are the threads that have the 256 lanes of a sum, each those that are in a word.
func perWord(d op.DType) dim { return dim{X: uint32(256 / max(1, 4/d.Size()))} }

// each is a block for each of n things, as long as there are not too many.
func (l *lower) each(n int64) dim { return dim{X: uint32(min(n, int64(l.dev.sms)*64))} }

// extreme finds the least or largest of each row, or its place.
func (l *lower) extreme(in cuda.Ptr, d op.DType, r rows, out cuda.Ptr, as op.DType, kind int64) error {
	w := wanted{as: as}
	if kind == op.Max || kind == op.ArgMax {
		w.flip = -1
	}
	if kind == op.ArgMin || kind == op.ArgMax {
		w.places = 1
	}
	if r.inner == 1 {
		return l.extremeRows(in, d, r, out, w)
	}
	of, wide := d.String(), int64(0) // columns that a block of extreme_wide has
	if vectorColumns(r, d) && r.n >= 64 {
		wide = 128 / d.Size()
	}
	for r.n > extremePiece {
		pieces := (r.n + extremePiece - 1) / extremePiece
		part, err := l.scratch(r.outer * pieces * r.inner * foundSize)
		if err != nil {
			return err
		}
		if err := l.extremeColumns(of, in, r, part, wanted{w.flip, w.places, 0}, wide); err != nil {
			return err
		}
		of, in, r.n, wide = "found", part, pieces, 0
	}
	return l.extremeColumns(of, in, r, out, w, wide)
}

func (l *lower) extremeColumns(of string, in cuda.Ptr, r rows, out cuda.Ptr, w wanted, wide int64) error {
	args, width := l.args().Ptr(out).Ptr(in).I64(r.outer).I64(r.n).I64(r.inner), wide
	if wide == 0 {
		width = powerOfTwo(r.inner)
		if of == "found" {
			width = min(width, 128/foundSize)
		}
		args.U32(uint32(width))
	}
	grid := l.each(r.outer * ((r.n + extremePiece - 1) / extremePiece) * ((r.inner + width - 1) / width))
	args.I64(w.flip).U32(w.places).U32(uint32(w.as))
	if wide > 0 {
		return l.launch("reduce_"+of, "extreme_wide_"+of, grid, eachThread, 0, args)
	}
	return l.launch("reduce_"+of, "extreme_columns_"+of, grid, eachThread, 0, args)
}

// wanted is what a reduction finds: the largest has all ones to flip, and as is the type of what is stored.
type wanted struct {
	flip   int64
	places uint32
	as     op.DType
}

// extremeRows goes through rows by groups of 64 bytes for each thread, as kernels/extreme_rows.h says. Rows that are too few to have a warp
// each have one block or some.
func (l *lower) extremeRows(in cuda.Ptr, d op.DType, r rows, out cuda.Ptr, w wanted) error {
	bytes := r.n * d.Size()
	each := int64(32) // bytes that a thread of extreme_few has
	if d == op.U8 {
		each = 16
	}
	if vectors := bytes%16 == 0; r.n <= 32 || vectors && bytes <= 32*each {
		width := powerOfTwo(r.n)
		if vectors {
			width = powerOfTwo((bytes + each - 1) / each)
		}
		args := l.args().Ptr(out).Ptr(in).I64(r.outer).U32(uint32(r.n)).U32(uint32(width)).I64(w.flip).U32(w.places).U32(uint32(w.as))
		return l.launch(fmt.Sprint("reduce_", d), fmt.Sprint("extreme_few_", d), l.blocks((r.outer+1)/2*width), eachThread, 0, args)
	}
	width := powerOfTwo(max(min((bytes+63)/64, 8), (bytes+255)/256)) // several steps each, of at least 128 bytes
	if r.outer >= int64(l.dev.sms)*32 || bytes < 4096 {
		return l.extremeParts(in, d, r, out, w, width, 1)
	}
	return l.extremeParts(in, d, r, out, w, threads, l.rowParts(r, d))
}

// extremeParts has width threads for each of the parts of a row, which then are a row of what was found.
func (l *lower) extremeParts(in cuda.Ptr, d op.DType, r rows, out cuda.Ptr, w wanted, width, parts int64) error {
	launch := func(of string, in cuda.Ptr, n int64, out cuda.Ptr, as op.DType, width, parts int64) error {
		args := l.args().Ptr(out).Ptr(in).I64(r.outer).I64(n).U32(uint32(width)).U32(uint32(parts)).I64(w.flip).U32(w.places).U32(uint32(as))
		grid := l.blocks(r.outer * width)
		if width > 32 {
			grid = l.each(r.outer * parts)
		}
		return l.launch("reduce_"+of, "extreme_rows_"+of, grid, eachThread, 0, args)
	}
	if parts == 1 {
		return launch(d.String(), in, r.n, out, w.as, width, 1)
	}
	part, err := l.scratch(r.outer * parts * foundSize)
	if err != nil {
		return err
	}
	if err := launch(d.String(), in, r.n, part, 0, width, parts); err != nil {
		return err
	}
	return launch("found", part, parts, out, w.as, threads, 1)
}

// powerOfTwo is the least that is not below n, but at most the 32 threads of a warp.
func powerOfTwo(n int64) int64 {
	p := int64(1)
	for p < n && p < 32 {
		p *= 2
	}
	return p
}
