package wasm

// Where a branch hangs on a comparison of a & b with 0 the engine makes one instruction of both, and does not see on which side the 0 is:
// 0 < a & b becomes a & b < 0. On arm64 what compares as unsigned is wrong on either side, for that instruction sets flags as no comparison
// does. Such comparisons are found here by following what may be a 0 or an and, over the stack and through locals, as far as the engine
// looks: to the next branch. What an instruction does with operands that lie deeper is forgotten: one too many is mended then.

// trait is what a value may be.
type trait byte

const (
	anded trait = 1 << iota // what an and gave
	zero                    // a constant 0
)

// stretch is what is known at a place of a function, since the last branch.
type stretch struct {
	stack  []trait          // what the last operands may be
	below  trait            // and any of those before
	locals map[uint32]trait // of those that were set
}

// effect is how many operands an instruction takes, and whether it gives one.
type effect byte

const (
	unknown effect = iota // calls, vectors and what else is rare; block, whose operands are its own
	branch
	gives      effect = 0x10
	takesNone  effect = 0x20
	takesOne   effect = 0x21
	takesTwo   effect = 0x22
	takesThree effect = 0x23
)

var effects = makeEffects()

func makeEffects() (t [256]effect) {
	set := func(e effect, from, to int) {
		for op := from; op <= to; op++ {
			t[op] = e
		}
	}
	set(branch, 0x00, 0x00) // unreachable
	set(takesNone, 0x01, 0x01)
	set(branch, opLoop, opEnd) // and if, else
	set(branch, opBr, 0x0f)    // and br_if, br_table, return
	set(takesOne, 0x1a, 0x1a)  // drop
	set(takesThree|gives, opSelect, opTypedSelect)
	set(takesNone|gives, opLocalGet, opLocalGet)
	set(takesOne, opLocalSet, opLocalSet)
	set(takesOne|gives, opLocalTee, opLocalTee)
	set(takesNone|gives, opGlobalGet, opGlobalGet)
	set(takesOne, opGlobalSet, opGlobalSet)
	set(takesOne|gives, opLoad, 0x35)
	set(takesTwo, 0x36, opStore32)
	set(takesNone|gives, opMemorySize, opMemorySize)
	set(takesNone|gives, opI32Const, opF64Const)
	set(takesOne|gives, 0x45, 0xc4)
	for _, two := range [][2]int{{0x46, 0x4f}, {0x51, 0x66}, {0x6a, 0x78}, {0x7c, 0x8a}, {0x92, 0x98}, {0xa0, 0xa6}} {
		set(takesTwo|gives, two[0], two[1])
	}
	return t
}

func (s *stretch) pop() trait {
	n := len(s.stack)
	if n == 0 {
		return s.below
	}
	t := s.stack[n-1]
	s.stack = s.stack[:n-1]
	return t
}

// follow takes in an instruction, and gives what its last two operands may be.
func (s *stretch) follow(op byte, arg uint32) (x, y trait) {
	e := effects[op]
	switch e {
	case branch: // constants are seen beyond it, too
		s.stack, s.below = s.stack[:0], zero
		clear(s.locals)
		return 0, 0
	case unknown:
		for _, t := range s.stack {
			s.below |= t
		}
		s.stack = s.stack[:0]
		return 0, 0
	}
	if e&3 > 0 {
		y = s.pop()
	}
	if e&3 > 1 {
		x = s.pop()
	}
	if e&3 > 2 {
		s.pop()
	}
	if op == opLocalSet || op == opLocalTee {
		s.locals[arg] = y
	}
	if e&gives != 0 {
		s.stack = append(s.stack, s.result(op, arg, x, y))
	}
	return x, y
}

// result is what an instruction gives.
func (s *stretch) result(op byte, arg uint32, x, y trait) trait {
	switch op {
	case opLocalGet:
		if t, set := s.locals[arg]; set {
			return t
		}
		return zero // as locals are at first
	case opLocalTee:
		return y
	case opI32Const, opI64Const:
		if arg == 0 {
			return zero
		}
	case opI32And, opI64Sub + 6:
		return anded
	case opI32ShrU - 2, opI32ShrU - 1, opI32ShrU, opI64Sub + 9, opI64Sub + 10, opI64Sub + 11: // one by 0 bits is left out
		return x
	}
	return 0
}

// flagged says whether the engine may err with a comparison of x and y.
func flagged(op byte, x, y trait, arm64 bool) bool {
	i32, i64 := op-opI32Eq-2, op-opI64Eq-2 // lt_s, lt_u, gt_s, gt_u, le_s, le_u, ge_s, ge_u
	return min(i32, i64) < 8 && (x&zero != 0 && y&anded != 0 || arm64 && min(i32, i64)&1 != 0 && x&anded != 0 && y&zero != 0)
}

// unflagged compares with y | 0, which is neither an and nor a constant to the engine.
func unflagged(op byte) []byte {
	if op < opI64Eq {
		return []byte{opI32Const, 0, opI32Or, op}
	}
	return []byte{opI64Const, 0, opI64Sub + 7, op}
}
