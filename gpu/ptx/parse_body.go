package ptx

import (
	"math"
	"strconv"
	"strings"
)

// body reads the statements of a function.
func (p *parser) body(f *function) {
	p.f, p.open = f, []map[string]any{{}}
	for _, v := range append(f.params[:len(f.params):len(f.params)], f.results...) {
		p.name(v.name, v)
	}
	p.need("{")
	for p.err == nil && len(p.open) > 0 {
		p.statement()
	}
	p.f, p.open = nil, nil
}

// name enters a name into the innermost scope.
func (p *parser) name(s string, what any) {
	scope := p.open[len(p.open)-1]
	if _, ok := scope[s]; ok {
		p.fail("%s is declared twice", s)
	}
	scope[s] = what
}

func (p *parser) lookup(s string) any {
	for i := len(p.open) - 1; i >= 0; i-- {
		if x, ok := p.open[i][s]; ok {
			return x
		}
	}
	return nil
}

func (p *parser) statement() {
	switch t := p.peek(); {
	case t.kind == tokEnd:
		p.fail("the function %s has no end", p.f.name)
	case p.is("{"):
		p.open = append(p.open, map[string]any{})
	case p.is("}"):
		p.open = p.open[:len(p.open)-1]
	case p.is(".reg"):
		p.registers()
	case p.is(".local"), p.is(".shared"), p.is(".param"):
		for _, v := range p.variables(spaces[t.text[1:]]) {
			p.name(v.name, v)
			p.f.vars = append(p.f.vars, v)
		}
		p.need(";")
	case p.is(".pragma"):
		p.pragma()
	case t.kind == tokWord && p.toks[p.pos+1].kind == ':':
		p.label()
	default:
		p.instruction()
	}
}

func (p *parser) registers() {
	t, ok := types[strings.TrimPrefix(p.peek().text, ".")]
	if word := p.word(); !ok || t.size == 1 && t.kind != predicate {
		p.fail("%q is not a type of registers", word)
	}
	for p.err == nil {
		name := p.word()
		count := -1
		if p.is("<") {
			count = p.number(maxRegs)
			p.need(">")
		}
		if len(p.f.regs)+count > maxRegs {
			p.fail("more than %d registers", maxRegs)
			return
		}
		if count < 0 {
			p.register(name, t)
		}
		for i := range max(count, 0) {
			p.register(name+strconv.Itoa(i), t)
		}
		if p.is(";") {
			return
		}
		p.need(",")
	}
}

func (p *parser) register(name string, t typ) {
	p.name(name, len(p.f.regs))
	p.f.regs = append(p.f.regs, t)
}

func (p *parser) label() {
	name := p.word()
	p.need(":")
	if _, ok := p.f.labels[name]; ok || p.f.tables[name] != nil {
		p.fail("the label %s is there twice", name)
	}
	if !p.is(".branchtargets") {
		p.f.labels[name] = len(p.f.body)
		return
	}
	for p.err == nil {
		p.f.tables[name] = append(p.f.tables[name], p.word())
		if p.is(";") {
			return
		}
		p.need(",")
	}
}

func (p *parser) instruction() {
	in := inst{line: p.peek().line, guard: -1}
	if p.is("@") {
		in.not = p.is("!")
		reg, ok := p.lookup(p.peek().text).(int)
		if name := p.word(); !ok || p.f.regs[reg].kind != predicate {
			p.fail("%q is not a predicate", name)
			return
		}
		in.guard = reg
	}
	in.op = p.word()
	for p.err == nil && !p.is(";") {
		if len(in.args) > 0 {
			p.need(",")
		}
		in.args = append(in.args, p.operand(0))
	}
	p.f.body = append(p.f.body, in)
}

// operand reads one; depth bounds how vectors nest.
func (p *parser) operand(depth int) operand {
	if depth > 2 {
		p.fail("too deep")
		return operand{}
	}
	switch t := p.peek(); {
	case p.is("{"):
		return operand{kind: opVector, list: p.operands("}", depth)}
	case p.is("("):
		return operand{kind: opList, list: p.operands(")", depth)}
	case p.is("["):
		return p.memory()
	case p.is("!"):
		o := p.symbol()
		o.not = true
		return o
	case t.kind == tokNumber || t.kind == '-':
		return p.literal()
	}
	o := operand{kind: opSink}
	if !p.is("_") {
		o = p.symbol()
	}
	if p.is("|") {
		return operand{kind: opPair, list: []operand{o, p.operand(depth + 1)}}
	}
	return o
}

func (p *parser) operands(end string, depth int) (list []operand) {
	if p.is(end) {
		return nil
	}
	for p.err == nil {
		list = append(list, p.operand(depth+1))
		if p.is(end) {
			return list
		}
		p.need(",")
	}
	return nil
}

// memory reads the rest of [base+offset] or [address].
func (p *parser) memory() operand {
	o := operand{kind: opMemory}
	if t := p.peek(); t.kind == tokNumber || t.kind == '-' {
		o.imm = p.literal().imm
	} else {
		o.list = []operand{p.symbol()}
		if p.is("+") {
			o.imm = p.literal().imm
		} else if p.peek().kind == '-' {
			o.imm = p.literal().imm
		}
		if p.is(",") { // the place in a tensor
			o.list = append(o.list, p.operand(1))
		}
	}
	p.need("]")
	return o
}

func (p *parser) symbol() operand {
	name := p.word()
	if p.err != nil {
		return operand{}
	}
	switch x := p.lookup(name).(type) {
	case int:
		return operand{kind: opRegister, reg: x, name: name}
	case *variable:
		return operand{kind: opSymbol, name: name, v: x}
	}
	if name[0] == '%' {
		if _, ok := specials[name]; !ok {
			p.fail("%s is no register that was declared, nor a special one that is known", name)
		}
		return operand{kind: opSpecial, name: name}
	}
	return operand{kind: opSymbol, name: name}
}

// literal reads a number: an integer, a float in decimals, or its bits as 0f and 0d have them.
func (p *parser) literal() operand {
	neg := p.is("-")
	t := p.next()
	bad := func() operand {
		p.fail("%q is not a number", t.text)
		return operand{}
	}
	if t.kind != tokNumber {
		return bad()
	}
	lower := strings.ToLower(t.text)
	for prefix, n := range map[string]int{"0f": 32, "0d": 64} {
		digits, ok := strings.CutPrefix(lower, prefix)
		if !ok {
			continue
		}
		x, err := strconv.ParseUint(digits, 16, n)
		if err != nil || len(digits) != n/4 {
			return bad()
		}
		if neg {
			x ^= 1 << (n - 1)
		}
		return operand{kind: opFloat, imm: x, bits: n}
	}
	if strings.Contains(lower, ".") || strings.Contains(lower, "e") && !strings.HasPrefix(lower, "0x") {
		x, err := strconv.ParseFloat(lower, 64)
		if err != nil {
			return bad()
		}
		if neg {
			x = -x
		}
		return operand{kind: opFloat, imm: math.Float64bits(x)}
	}
	x, err := strconv.ParseUint(strings.TrimSuffix(lower, "u"), 0, 64)
	if err != nil {
		return bad()
	}
	if neg {
		x = -x
	}
	return operand{kind: opImmediate, imm: x}
}

// value gives a literal's bits in a type.
func (o operand) value(t typ) uint64 {
	if o.kind == opImmediate {
		return o.imm & t.mask()
	}
	f := math.Float64frombits(o.imm)
	switch o.bits {
	case 32:
		if t.size == 4 {
			return o.imm
		}
		f = float64(math.Float32frombits(uint32(o.imm)))
	case 64:
		if t.size == 8 {
			return o.imm
		}
	}
	switch {
	case t.size == 4:
		return uint64(math.Float32bits(float32(f)))
	case t.size == 2 && t.kind == bfloat:
		return narrow(f, formatBF16, nearest)
	case t.size == 2:
		return narrow(f, formatF16, nearest)
	}
	return math.Float64bits(f)
}
