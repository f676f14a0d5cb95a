package kernel

import "strings"

// blockType reads the type of a block.
func (c *checker) blockType() signature {
	at := c.pos
	n := c.signed(33)
	if n >= 0 {
		s, err := c.m.typeAt(uint32(n), at)
		if err != nil && c.err == nil {
			c.err = err
		}
		return s
	}
	if n == -64 {
		return signature{}
	}
	t := valType(n & 0x7f)
	if n < -64 || !number(t) {
		c.fail(at, "a block whose result is no number")
		return signature{}
	}
	return signature{results: list(t)}
}

func (c *checker) block(op byte) {
	sig := c.blockType()
	if c.blocks++; c.blocks > maxBlocks {
		c.fail(c.at, "more than %d blocks", maxBlocks)
	}
	if len(c.frames) >= maxDepth {
		c.fail(c.at, "blocks nested more than %d deep", maxDepth)
	}
	if op == opIf {
		c.want(i32)
	}
	c.wantAll(sig.params)
	if c.err != nil {
		return
	}
	c.emit(instr{op: op, more: &more{sig: sig}})
	live := c.top().live
	c.frames = append(c.frames, frame{op: op, sig: sig, height: len(c.stack), entered: live, live: live})
	c.pushAll(sig.params)
}

// leave checks what lies on the stack at the end of a block.
func (c *checker) leave() {
	f := c.top()
	c.wantAll(f.sig.results)
	if len(c.stack) != f.height {
		c.fail(c.at, "%d values are left over at the end of a block", len(c.stack)-f.height)
	}
}

func (c *checker) elseBranch() {
	f := c.top()
	if f.op != opIf {
		c.fail(c.at, "else without if")
		return
	}
	c.leave()
	if f.entered {
		c.f.code = append(c.f.code, instr{op: opElse, falls: f.live})
	}
	f.op, f.left = opElse, f.left || f.live
	f.live, f.unreachable = f.entered, false
	c.pushAll(f.sig.params)
}

func (c *checker) end() {
	c.leave()
	f := *c.top()
	if f.op == opIf {
		if f.sig.params != f.sig.results {
			c.fail(c.at, "if without else gives other values than it takes")
		}
		f.left = true
	}
	if c.err != nil {
		return
	}
	c.frames = c.frames[:len(c.frames)-1]
	if f.entered {
		c.f.code = append(c.f.code, instr{op: opEnd, falls: f.live})
	}
	if len(c.frames) == 0 {
		return
	}
	if outer := c.top(); f.entered && !f.live && (!f.left || f.op == opLoop) {
		// Nothing gets here. Whoever reads the code again must see that too.
		c.f.code = append(c.f.code, instr{op: opUnreachable})
		outer.live = false
	}
	c.pushAll(f.sig.results)
}

// target gives the block that a label names.
func (c *checker) target(n uint32) *frame {
	if c.err != nil || int64(n) >= int64(len(c.frames)) {
		c.fail(c.at, "a branch to label %d of %d", n, len(c.frames))
		return c.top()
	}
	return &c.frames[len(c.frames)-1-int(n)]
}

func (c *checker) branch(op byte) {
	switch op {
	case opBrTable:
		c.branchTable()
		return
	case opReturn:
		c.jump(opBr, uint32(len(c.frames)-1))
	case opBr:
		c.jump(opBr, c.u32())
	case opBrIf:
		n := c.u32()
		c.want(i32)
		c.jump(opBrIf, n)
		return
	}
	c.dead()
}

func (c *checker) jump(op byte, n uint32) {
	f := c.target(n)
	c.wantAll(f.label())
	c.emit(instr{op: op, n: n})
	f.left = f.left || c.top().live
	c.pushAll(f.label())
}

func (c *checker) branchTable() {
	n := c.reader.count("targets of a br_table", maxTargets)
	if c.targets += n + 1; c.targets > maxTargets {
		c.fail(c.at, "more than %d targets of br_table", maxTargets)
	}
	table := make([]uint32, 0, n+1)
	for range n + 1 {
		table = append(table, c.u32())
	}
	c.want(i32)
	live := c.top().live
	first := c.target(table[n]).label()
	for _, label := range table {
		f := c.target(label)
		if len(f.label()) != len(first) {
			c.fail(c.at, "br_table to labels with different numbers of values")
			return
		}
		stack := c.stack
		c.wantAll(f.label())
		c.stack = stack
		f.left = f.left || live
	}
	c.emit(instr{op: opBrTable, more: &more{table: table}})
	c.dead()
}

// call accepts calls of the functions that kernels may import, and no others.
func (c *checker) call() {
	index := c.u32()
	if c.err != nil {
		return
	}
	if int64(index) >= int64(len(c.m.imports)) {
		c.fail(c.at, "instruction 0x10 calls function %d: a kernel calls nothing but imports of %s, have the compiler inline the rest", index, Imports)
		return
	}
	f := c.m.imports[index]
	t, slot, ok := loadName(f.name)
	gid := f.name == "gid"
	if f.module != Imports || !ok && !gid {
		c.fail(c.at, "instruction 0x10 calls %.80q of %.80q: a kernel calls nothing but imports of %s", f.name, f.module, Imports)
		return
	}
	want := signature{params: list(i64), results: list(t)}
	if gid {
		want = signature{results: list(i64)}
	}
	if sig, err := c.m.typeAt(f.index, f.at); err != nil || sig != want {
		c.fail(c.at, "%s.%s is imported with another type", Imports, f.name)
		return
	}
	if gid {
		c.emit(instr{op: opGid})
		c.push(i64)
		return
	}
	c.want(i64)
	if c.top().live {
		c.slot(slot, t)
	}
	c.emit(instr{op: opLoad, t: t, n: uint32(slot)})
	c.push(t)
}

// slot notes that the kernel reads a type from a slot.
func (c *checker) slot(n int, t valType) {
	for len(c.f.slots) <= n {
		c.f.slots = append(c.f.slots, 0)
	}
	if was := c.f.slots[n]; was != 0 && was != t.dtype() {
		c.fail(c.at, "slot %d is read as %v and as %v", n, was, t.dtype())
	}
	c.f.slots[n] = t.dtype()
}

// loadName takes a name like f32_3 apart.
func loadName(name string) (t valType, slot int, ok bool) {
	kind, digit, ok := strings.Cut(name, "_")
	if !ok || len(digit) != 1 || digit[0] < '0' || digit[0] >= '0'+maxSlots {
		return 0, 0, false
	}
	for _, t := range [...]valType{i32, i64, f32, f64} {
		if kind == t.dtype().String() {
			return t, int(digit[0] - '0'), true
		}
	}
	return 0, 0, false
}
