package ptx

import "slices"

// row names 32 values, one of each lane of a warp: a register, a constant, or a special register.
type row int32

type flow uint8

const (
	flowNext flow = iota
	flowJump
	flowTable
	flowExit
	flowTogether // what lanes do together: it waits until all that take part are there
	flowBarrier
	flowWait // what comes from elsewhere
)

// instr is an instruction that is ready to run.
type instr struct {
	run     func(w *warp, m uint32)        // for the lanes of m
	need    func(w *warp, m uint32) uint32 // the lanes that the first of m goes on with; nil: all that the warp has
	wait    func(w *warp, m uint32) (done uint32, state groupState)
	flow    flow
	not     bool
	guard   row // of the predicate; -1: none
	index   row // of a table
	target  int
	targets []int
	bar     barrierOp
	line    int
	text    string
}

type constant struct {
	row    row
	val    uint64
	global string // add the address of this variable
	dyn    bool   // add the start of the dynamic shared memory
}

// program is a kernel that is ready to run.
type program struct {
	name               string
	code               []instr
	rows               int
	constants          []constant
	special            map[string]row
	params             []param
	paramSize          int
	sharedSize         int // static
	dynAlign           int
	localSize          int
	maxTid             int
	cluster            Dim
	grain, globalGrain int // the smallest accesses to shared and to global memory
}

// param is where a kernel's parameter lies among its parameters' bytes.
type param struct{ offset, size int }

// place is where a variable lies.
type place struct {
	space space
	at    int
	name  string // of a global one, whose address a memory gives
	dyn   bool   // behind the static shared memory
}

type compiler struct {
	m      *Module
	p      *program
	consts map[constant]row
	shared map[*variable]int
	carry  row // 0: not used
	frames int
	err    error
}

// frame is one use of a function: its registers and variables have places of their own.
type frame struct {
	c      *compiler
	f      *function
	up     *frame
	base   row
	places map[*variable]place
	at     []int // where each instruction of the body begins in the code
	fixes  []func()
}

// program gives a kernel ready to run; the error says which instruction cannot be.
func (m *Module) program(name string) (*program, error) {
	if p := m.programs[name]; p != nil {
		return p, nil
	}
	f := m.funcs[name]
	if f == nil || !f.entry || !f.defined {
		return nil, &Finding{Kind: BadLaunch, Kernel: name, Detail: "there is no such kernel"}
	}
	c := &compiler{
		m: m, consts: map[constant]row{}, shared: map[*variable]int{},
		p: &program{name: name, special: map[string]row{}, maxTid: f.maxTid, dynAlign: 16, cluster: f.cluster},
	}
	c.p.rows = 1 // row 0 is nobody's
	fr := c.frame(f, nil)
	for _, v := range f.params {
		at := align(c.p.paramSize, v.align)
		c.p.params = append(c.p.params, param{at, v.size})
		c.p.paramSize = at + v.size
		fr.places[v] = place{space: paramSpace, at: at}
	}
	fr.emit()
	if c.err != nil {
		return nil, c.err
	}
	m.programs[name] = c.p
	return c.p, nil
}

// Check makes every kernel ready to run, and gives the first error.
func (m *Module) Check() error {
	for _, name := range m.entries {
		if _, err := m.program(name); err != nil {
			return err
		}
	}
	return nil
}

// Use is what a kernel takes: threads that a block may have, static shared memory of a block, local memory of a thread.
type Use struct{ Threads, Shared, Local int }

// Use tells what a kernel takes.
func (m *Module) Use(kernel string) (Use, error) {
	p, err := m.program(kernel)
	if err != nil {
		return Use{}, err
	}
	return Use{p.mostThreads(), p.sharedSize, p.localSize}, nil
}

// mostThreads is what a block may have. Where the kernel does not say how many, the compiler may give a thread as many registers as 256 have place for.
func (p *program) mostThreads() int {
	if p.maxTid > 0 {
		return min(p.maxTid, 1024)
	}
	return 256
}

func align(n, to int) int { return (n + to - 1) &^ (to - 1) }

func (c *compiler) frame(f *function, up *frame) *frame {
	fr := &frame{c: c, f: f, up: up, base: row(c.p.rows), places: map[*variable]place{}}
	c.p.rows += len(f.regs)
	c.frames++
	for _, v := range f.vars {
		if v.space != sharedSpace {
			fr.places[v] = c.local(v)
		}
	}
	return fr
}

func (c *compiler) local(v *variable) place {
	at := align(c.p.localSize, v.align)
	c.p.localSize = at + v.size
	return place{space: localSpace, at: at}
}

// emit makes the code of a use of a function.
func (fr *frame) emit() {
	p := fr.c.p
	for i := range fr.f.body {
		fr.at = append(fr.at, len(p.code))
		if fr.c.err == nil {
			fr.instruction(&fr.f.body[i])
		}
		if len(p.code) > maxCode || fr.c.frames > maxFrames || p.rows > maxRegs {
			fr.c.err = &Finding{Kind: Unknown, Kernel: p.name, Detail: "with the functions that it calls it is too large"}
		}
		if fr.c.err != nil {
			return
		}
	}
	fr.at = append(fr.at, len(p.code))
	if fr.up == nil { // a label at the end, or a body that ends without ret
		p.code = append(p.code, instr{flow: flowExit, guard: -1, line: fr.f.line, text: "end of " + fr.f.name})
	}
	for _, fix := range fr.fixes {
		fix()
	}
}

// jump makes the instruction at pc go to a label, or to the end of the function where the label is empty.
func (fr *frame) jump(pc int, label string, set func(in *instr, target int)) bool {
	to, ok := fr.f.labels[label]
	if label == "" {
		to, ok = len(fr.f.body), true
	}
	fr.fixes = append(fr.fixes, func() { set(&fr.c.p.code[pc], fr.at[to]) })
	return ok
}

// symbol finds what a name stands for.
func (fr *frame) symbol(o operand) (place, bool) {
	v := o.v
	if v == nil {
		if slices.ContainsFunc(fr.c.m.globals, func(g *variable) bool { return g.name == o.name }) {
			return place{space: global, name: o.name}, true
		}
		i := slices.IndexFunc(fr.c.m.shared, func(s *variable) bool { return s.name == o.name })
		if i < 0 {
			return place{}, false
		}
		v = fr.c.m.shared[i]
	}
	if v.space == sharedSpace {
		return fr.c.sharedPlace(v), true
	}
	pl, ok := fr.places[v]
	return pl, ok
}

func (c *compiler) sharedPlace(v *variable) place {
	if v.size == 0 {
		c.p.dynAlign = max(c.p.dynAlign, v.align)
		return place{space: sharedSpace, dyn: true}
	}
	at, ok := c.shared[v]
	if !ok {
		at = align(c.p.sharedSize, v.align)
		c.shared[v], c.p.sharedSize = at, at+v.size
	}
	return place{space: sharedSpace, at: at}
}

// address gives a row with the address of a place within its space.
func (c *compiler) address(pl place) row {
	switch pl.space {
	case sharedSpace:
		return c.constant(constant{val: sharedBase + uint64(pl.at), dyn: pl.dyn})
	case localSpace:
		return c.constant(constant{val: localBase + uint64(pl.at)})
	case global:
		return c.constant(constant{global: pl.name})
	}
	return c.constant(constant{val: uint64(pl.at)})
}

func (c *compiler) constant(k constant) row {
	if r, ok := c.consts[k]; ok {
		return r
	}
	r := c.row()
	c.consts[k] = r
	k.row = r
	c.p.constants = append(c.p.constants, k)
	return r
}

// row is a new one.
func (c *compiler) row() row {
	c.p.rows++
	return row(c.p.rows - 1)
}

// dynStart is where the dynamic shared memory begins.
func (p *program) dynStart() int { return align(p.sharedSize, p.dynAlign) }
