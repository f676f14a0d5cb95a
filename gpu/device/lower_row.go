package device

import (
	"fmt"
	"math"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// rowKernel is one that holds rows in registers: so many threads to a row, which take so many elements at once, so many times.
type rowKernel struct{ threads, vector, times int64 }

func (k rowKernel) String() string { return fmt.Sprintf("%d_%d_%d", k.threads, k.vector, k.times) }

// rowKernels are the kernels of softmax and layer normalisation, by the bytes of an element: the first that can take a row is the best for it.
var rowKernels = map[int64][]rowKernel{
	2: {{16, 8, 1}, {32, 8, 1}, {32, 8, 2}, {32, 1, 8}, {32, 8, 4}, {64, 4, 8}, {64, 4, 16}, {32, 1, 32}, {128, 2, 32}, {256, 1, 32}},
	4: {{32, 4, 1}, {32, 4, 2}, {32, 1, 8}, {32, 4, 4}, {32, 4, 8}, {64, 4, 8}, {128, 2, 16}, {32, 1, 32}, {256, 1, 32}},
}

func lowerSoftmax(l *lower, _ *op.Op) error {
	in, out := l.in[0], l.out[0]
	outer, n := in.Rows()
	if done, err := l.fitting("softmax", in, l.args().Ptr(out.at).Ptr(in.at).I64(outer).U32(uint32(n))); done {
		return err
	}
	r := rows{outer, n, 1}
	most, err := l.scratch(outer * 4)
	if err != nil {
		return err
	}
	sums, err := l.scratch(outer * 4)
	if err != nil {
		return err
	}
	if err := l.extreme(in.at, in.DType, r, most, op.F32, op.Max); err != nil {
		return err
	}
	if err := l.sumOf("exps", in, most, r, sums, 0); err != nil {
		return err
	}
	args := l.args().Ptr(out.at).Ptr(in.at).Ptr(most).Ptr(sums).I64(outer).I64(n)
	return l.long("softmax", in, args)
}

func lowerLayerNorm(l *lower, o *op.Op) error {
	in, gamma, beta, out := l.in[0], l.in[1].at, l.in[2].at, l.out[0]
	eps := float32(o.Float(0))
	outer, n := in.Rows()
	args := l.args().Ptr(out.at).Ptr(in.at).I64(outer).U32(uint32(n)).Ptr(gamma).Ptr(beta).F32(eps)
	if done, err := l.fitting("layernorm", in, args); done {
		return err
	}
	r := rows{outer, n, 1}
	means, err := l.scratch(outer * 4)
	if err != nil {
		return err
	}
	variances, err := l.scratch(outer * 4)
	if err != nil {
		return err
	}
	if err := l.sum(in.at, in.DType, r, means, op.F32, false, n); err != nil {
		return err
	}
	if err := l.sumOf("squares", in, means, r, variances, n); err != nil {
		return err
	}
	args = l.args().Ptr(out.at).Ptr(in.at).Ptr(means).Ptr(variances).I64(outer).I64(n).Ptr(gamma).Ptr(beta).F32(eps)
	return l.long("layernorm", in, args)
}

// fitting launches a kernel for rows that registers hold, or a block's shared memory, if they do. args are without the last of the latter.
func (l *lower) fitting(name string, in tensor, args *cuda.Args) (bool, error) {
	outer, n := in.Rows()
	file := fmt.Sprint("norm_", in.DType)
	for _, k := range rowKernels[in.DType.Size()] {
		if n%k.vector != 0 || n > k.threads*k.vector*k.times {
			continue
		}
		grid, block := dim{X: uint32(min(outer, math.MaxInt32))}, k.threads
		if block <= 32 {
			grid, block = l.each((outer*k.threads+threads-1)/threads), threads
		}
		return true, l.launch(file, fmt.Sprintf("%s_%v_%v", name, k, in.DType), grid, dim{X: uint32(block)}, 0, args)
	}
	room := int64(l.dev.sharedOptIn) - 4<<10 // without the sums
	held := min(n, room/4) &^ 3
	if n > sumPiece || 4*held < 3*n || 2*outer < int64(l.dev.sms) {
		return false, nil
	}
	beside := int64(1) // so many blocks have room
	if 2*(4*held+4<<10) <= room {
		beside = 2
	}
	grid, block := dim{X: uint32(min(outer, beside*int64(l.dev.sms)))}, dim{X: uint32(1024 / beside)}
	return true, l.launch(file, fmt.Sprintf("%s_row_%v", name, in.DType), grid, block, int(4*held), args.U32(uint32(held)))
}

// sumOf adds up what exps or squares make of the elements of long rows and their numbers.
func (l *lower) sumOf(what string, in tensor, numbers cuda.Ptr, r rows, out cuda.Ptr, count int64) error {
	part, err := l.scratch(r.outer * r.pieces() * 4)
	if err != nil {
		return err
	}
	args := l.args().Ptr(part).Ptr(in.at).Ptr(numbers).I64(r.outer).I64(r.n)
	if err := l.launch(fmt.Sprint("norm_", in.DType), fmt.Sprintf("%s_%v", what, in.DType), l.each(r.outer*r.pieces()), perWord(in.DType), 0, args); err != nil {
		return err
	}
	return l.sumPieces(part, op.F32, rows{r.outer, r.pieces(), 1}, out, op.F32, false, count)
}

func (l *lower) long(name string, in tensor, args *cuda.Args) error {
	outer, n := in.Rows()
	return l.launch(fmt.Sprint("norm_", in.DType), fmt.Sprintf("%s_long_%v", name, in.DType), l.each(outer*((n+8*threads-1)/(8*threads))), eachThread, 0, args)
}
