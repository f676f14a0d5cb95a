package ptx

import "strings"

var flowOps = map[string]func(d *decoder){
	"bra":       (*decoder).branch,
	"brx":       (*decoder).branchTable,
	"ret":       (*decoder).ret,
	"exit":      func(d *decoder) { d.out.flow = flowExit },
	"call":      (*decoder).call,
	"trap":      (*decoder).trap,
	"bar":       (*decoder).barrier,
	"barrier":   (*decoder).barrier,
	"mbarrier":  (*decoder).mbarrier,
	"membar":    (*decoder).fence,
	"fence":     (*decoder).fence,
	"nanosleep": (*decoder).sleep,
	"setmaxnreg": func(d *decoder) {
		d.oneOf("inc", "dec")
		d.take("sync")
		d.take("aligned")
		if d.typ(); d.count(1) {
			d.out.run = func(*warp, uint32) {}
		}
	},
	"griddepcontrol": func(d *decoder) {
		d.oneOf("launch_dependents", "wait")
		d.out.run = func(*warp, uint32) {}
	},
}

func (d *decoder) branch() {
	d.take("uni")
	if !d.count(1) {
		return
	}
	d.out.flow = flowJump
	if !d.fr.jump(len(d.fr.c.p.code), d.arg(0).name, func(in *instr, target int) { in.target = target }) {
		d.fail("there is no label %s", d.arg(0).name)
	}
}

func (d *decoder) branchTable() {
	d.take("idx")
	d.take("uni")
	if !d.count(2) {
		return
	}
	d.out.flow, d.out.index = flowTable, d.src(0, types["u32"])
	labels := d.fr.f.tables[d.arg(1).name]
	if labels == nil {
		d.fail("there is no list of targets %s", d.arg(1).name)
	}
	d.out.targets = make([]int, len(labels))
	for i, label := range labels {
		if !d.fr.jump(len(d.fr.c.p.code), label, func(in *instr, target int) { in.targets[i] = target }) {
			d.fail("there is no label %s", label)
		}
	}
}

func (d *decoder) ret() {
	d.take("uni")
	if d.fr.up == nil {
		d.out.flow = flowExit
		return
	}
	d.out.flow = flowJump
	d.fr.jump(len(d.fr.c.p.code), "", func(in *instr, target int) { in.target = target })
}

// call puts the code of the function in its place: there is no recursion, so that every use has registers of its own.
func (d *decoder) call() {
	d.take("uni")
	args := d.in.args
	var results, params []operand
	if len(args) > 0 && args[0].kind == opList {
		results, args = args[0].list, args[1:]
	}
	if len(args) == 2 && args[1].kind == opList {
		params, args = args[1].list, args[:1]
	}
	if len(args) != 1 || args[0].kind != opSymbol || args[0].v != nil {
		d.fail("only functions by their names can be called")
		return
	}
	f := d.fr.f
	callee := d.fr.c.m.funcs[args[0].name]
	if callee == nil || !callee.defined || callee.entry {
		d.fail("there is no function %s", args[0].name)
		return
	}
	for up := d.fr; up != nil; up = up.up {
		if up.f == callee {
			d.fail("%s comes to call itself", callee.name)
			return
		}
	}
	if d.in.guard >= 0 {
		d.fail("a call under a predicate is not known here")
		return
	}
	fr := d.fr.c.frame(callee, d.fr)
	d.bind(fr, callee.params, params)
	d.bind(fr, callee.results, results)
	if d.err == nil && f != nil {
		fr.emit()
		d.err = d.fr.c.err
	}
}

// bind gives a function's parameters the places of the variables that stand for them at the call.
func (d *decoder) bind(fr *frame, params []*variable, args []operand) {
	if len(params) != len(args) {
		d.fail("%d parameters, and %d are given", len(params), len(args))
		return
	}
	for i, v := range params {
		pl, ok := d.fr.places[args[i].v]
		if args[i].v == nil || !ok || args[i].v.size < v.size {
			d.fail("%s is no variable that fits", args[i])
			return
		}
		fr.places[v] = pl
	}
}

func (d *decoder) trap() {
	d.out.run = func(w *warp, m uint32) { w.fail(Trap, first(m), "the kernel gives up") }
}

// fence changes nothing: warps run one after the other. One that is for maps of tensors names the map.
func (d *decoder) fence() {
	args := 0
	switch {
	case d.take("mbarrier_init"):
		d.take("release")
	case d.take("proxy"):
		switch {
		case d.take("tensormap::generic"):
			if d.oneOf("acquire", "release") == "acquire" {
				args = 2
				d.memory(d.arg(0), generic)
			}
		default:
			d.oneOf("async", "alias")
			d.oneOf("global", "shared::cta")
		}
	default:
		d.oneOf("sc", "acq_rel")
	}
	d.oneOf("gl", "cta", "sys", "gpu", "cluster")
	d.count(args)
	d.out.run = func(*warp, uint32) {}
}

func (d *decoder) sleep() {
	d.src(0, d.typ())
	d.out.run = func(*warp, uint32) {}
}

// barrier is bar.sync, bar.arrive, bar.red, and bar.warp.sync.
func (d *decoder) barrier() {
	if d.take("cluster") {
		d.clusterBarrier()
		return
	}
	d.take("cta")
	aligned := d.take("aligned") || strings.HasPrefix(d.in.op, "bar.")
	if d.take("warp") {
		d.take("sync")
		d.warpBarrier()
		return
	}
	op := &d.out.bar
	d.out.flow = flowBarrier
	u := types["u32"]
	op.count = -1
	switch d.oneOf("sync", "arrive", "red") {
	case "red":
		op.reduce = d.oneOf("popc", "and", "or")
		d.reduction(op)
	case "arrive":
		op.arrive = true
		fallthrough
	case "sync":
		op.id = d.src(0, u)
		if len(d.in.args) == 2 {
			op.count = d.src(1, u)
		}
	default:
		d.fail("it does not say what to do")
	}
	if !aligned {
		d.out.need = func(_ *warp, m uint32) uint32 { return m }
	}
}

func (d *decoder) reduction(op *barrierOp) {
	of := "pred"
	if op.reduce == "popc" {
		of = "u32"
	}
	t := d.only(of)
	op.dst = d.dst(0, t)
	op.id = d.src(1, types["u32"])
	n := len(d.in.args)
	if n < 3 || n > 4 || op.reduce == "" {
		d.fail("operands are missing")
		return
	}
	if n == 4 {
		op.count = d.src(2, types["u32"])
	}
	op.pred, op.not = d.predicate(n - 1)
}
