package ptx

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

type parser struct {
	toks []token
	pos  int
	m    *Module
	err  *SyntaxError // the first
	f    *function
	open []map[string]any // scopes of the body: int (register) or *variable
}

// Parse reads a module. An error is a *SyntaxError.
func Parse(src string) (*Module, error) {
	if len(src) > maxSource {
		return nil, &SyntaxError{0, fmt.Sprintf("%d bytes; at most %d are read", len(src), maxSource)}
	}
	p := &parser{toks: lex(strings.TrimRight(src, "\x00"))}
	p.m = &Module{funcs: map[string]*function{}, programs: map[string]*program{}, loaded: map[*Memory]map[string]uint64{}}
	for p.err == nil && p.peek().kind != tokEnd {
		p.top()
	}
	if p.err != nil {
		return nil, p.err
	}
	if p.m.Version == "" || p.m.Target == "" {
		return nil, &SyntaxError{1, "no .version and .target"}
	}
	if p.targets(); p.err != nil {
		return nil, p.err
	}
	return p.m, nil
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{p.peek().line, fmt.Sprintf(format, args...)}
	}
}

func (p *parser) peek() token { return p.toks[p.pos] }

func (p *parser) next() token {
	t := p.toks[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

// is takes the next token if it has the text.
func (p *parser) is(text string) bool {
	if t := p.peek(); t.text != text || t.kind == tokEnd || t.kind == tokString {
		return false
	}
	p.pos++
	return true
}

func (p *parser) need(text string) {
	if !p.is(text) {
		p.fail("%q where %q is expected", p.peek().text, text)
	}
}

func (p *parser) word() string {
	if p.peek().kind != tokWord {
		p.fail("%q where a name is expected", p.peek().text)
		return ""
	}
	return p.next().text
}

func (p *parser) number(most int) int {
	t := p.next()
	n, err := strconv.ParseUint(strings.TrimSuffix(t.text, "U"), 0, 64)
	if t.kind != tokNumber || err != nil || n > uint64(most) {
		p.fail("%q is not a number up to %d", t.text, most)
		return 0
	}
	return int(n)
}

// top reads one declaration of the module's scope.
func (p *parser) top() {
	for p.is(".visible") || p.is(".extern") || p.is(".weak") {
	}
	switch t := p.next(); t.text {
	case ".version":
		p.m.Version = p.next().text
	case ".target":
		p.m.Target = p.word()
		for p.is(",") {
			p.word()
		}
	case ".address_size":
		if p.number(64) != 64 {
			p.fail("only 64-bit addresses")
		}
	case ".entry", ".func":
		p.function(t.text == ".entry")
	case ".global", ".const", ".shared":
		for _, v := range p.variables(spaces[t.text[1:]]) {
			p.declare(v)
		}
		p.need(";")
	case ".pragma":
		p.pragma()
	default:
		p.pos--
		p.fail("unknown directive %q", t.text)
	}
}

func (p *parser) pragma() {
	if p.next().kind != tokString {
		p.fail("a pragma is a text")
	}
	p.need(";")
}

func (p *parser) declare(v *variable) {
	list := &p.m.globals
	if v.space == sharedSpace {
		list = &p.m.shared
	}
	if slices.ContainsFunc(*list, func(o *variable) bool { return o.name == v.name }) {
		p.fail("%s is declared twice", v.name)
	}
	*list = append(*list, v)
	if p.m.declared += v.size; p.m.declared > maxVariable {
		p.fail("more than %d bytes are declared", maxVariable)
	}
}

// function reads what follows .entry or .func. A declaration without body may come before the definition.
func (p *parser) function(entry bool) {
	f := &function{entry: entry, cluster: Dim{1, 1, 1}, labels: map[string]int{}, tables: map[string][]string{}, line: p.peek().line}
	if !entry && p.is("(") {
		f.results = p.params()
	}
	f.name = p.word()
	if p.is("(") {
		f.params = p.params()
	}
	p.attributes(f)
	old := p.m.funcs[f.name]
	if old != nil && (old.defined || old.entry != entry) {
		p.fail("%s is declared twice", f.name)
	}
	p.m.funcs[f.name] = f
	if !p.is(";") {
		f.defined = true
		p.body(f)
	}
	if entry && f.defined {
		p.m.entries = append(p.m.entries, f.name)
	}
}

// attributes reads what stands between a function's head and its body.
func (p *parser) attributes(f *function) {
	for p.err == nil {
		switch {
		case p.is(".noreturn"):
		case p.is(".maxntid"), p.is(".reqntid"):
			f.maxTid = p.number(1024)
			for p.is(",") {
				f.maxTid *= p.number(1024)
			}
		case p.is(".minnctapersm"), p.is(".maxnreg"), p.is(".maxclusterrank"):
			p.number(1 << 16)
		case p.is(".explicitcluster"):
		case p.is(".reqnctapercluster"):
			p.clusterOf(f)
		default:
			return
		}
	}
}

func (p *parser) clusterOf(f *function) {
	for _, n := range []*uint32{&f.cluster.X, &f.cluster.Y, &f.cluster.Z} {
		if *n = uint32(p.number(16)); *n == 0 {
			p.fail("a cluster of no blocks")
		}
		if !p.is(",") {
			break
		}
	}
	if f.cluster.Y, f.cluster.Z = max(f.cluster.Y, 1), max(f.cluster.Z, 1); f.cluster.count() > 16 {
		p.fail("a cluster of %d blocks", f.cluster.count())
	}
}

func (p *parser) params() (list []*variable) {
	if p.is(")") {
		return nil
	}
	for p.err == nil {
		p.need(".param")
		v := p.variable(paramSpace)
		list = append(list, v)
		if p.is(")") {
			return list
		}
		p.need(",")
	}
	return nil
}

// variables reads the rest of a declaration of one or several.
func (p *parser) variables(space space) []*variable {
	first := p.variable(space)
	list := []*variable{first}
	for p.err == nil && p.is(",") {
		v := *first
		v.size, v.array, v.init = v.typ.size, false, nil
		p.named(&v)
		list = append(list, &v)
	}
	return list
}

// variable reads .align, the type, the name, the dimensions and the value.
func (p *parser) variable(space space) *variable {
	v := &variable{space: space, line: p.peek().line}
	if p.is(".align") {
		v.align = p.alignment()
	}
	t, ok := types[strings.TrimPrefix(p.peek().text, ".")]
	if word := p.word(); !ok || word[0] != '.' || t.kind == predicate {
		p.fail("%q is not a type of variables", word)
		return v
	}
	if p.is(".ptr") { // says what a parameter points to; nothing depends on it
		for _, s := range []string{".global", ".shared", ".const", ".local"} {
			p.is(s)
		}
		if p.is(".align") {
			p.alignment()
		}
	}
	v.typ, v.size, v.align = t, t.size, max(v.align, t.size)
	p.named(v)
	return v
}

func (p *parser) alignment() int {
	n := p.number(1 << 12)
	if bits.OnesCount(uint(n)) != 1 {
		p.fail("an alignment is a power of two")
		return 1
	}
	return n
}

func (p *parser) named(v *variable) {
	v.name = p.word()
	for p.err == nil && p.is("[") {
		n := 0
		if !p.is("]") {
			n = p.number(maxVariable)
			p.need("]")
		} else if v.space != sharedSpace {
			p.fail("%s has no size", v.name)
		}
		v.array = true
		if v.size *= n; v.size > maxVariable {
			p.fail("%s has more than %d bytes", v.name, maxVariable)
		}
	}
	if p.is("=") {
		p.value(v)
	}
}

// value reads what a variable starts with: numbers only.
func (p *parser) value(v *variable) {
	if v.space != global && v.space != constSpace {
		p.fail("only what is global or constant can have a value")
		return
	}
	v.init = make([]byte, v.size)
	if !p.is("{") {
		p.element(v, 0)
		return
	}
	for at := 0; p.err == nil; at += v.typ.size {
		p.element(v, at)
		if p.is("}") {
			return
		}
		p.need(",")
	}
}

func (p *parser) element(v *variable, at int) {
	o := p.literal()
	if p.err != nil {
		return
	}
	if at+v.typ.size > v.size {
		p.fail("%s has more values than room", v.name)
		return
	}
	x := o.value(v.typ)
	for i := range v.typ.size {
		v.init[at+i] = byte(x >> (8 * i))
	}
}
