package kernel

import (
	"regexp"
	"slices"
	"strings"

	"levee/gpu/op"
)

// maxInline is how many instructions a kernel may have to be put into another one, which may have it a hundred times.
const maxInline = 64

// Inline gives a kernel of one f32 and one f32 result as instructions in the middle of other code: a scope of its own, which takes the
// number in the register x, as if it had been stored in a tensor of type via and loaded again, and puts the result there. It is nil for
// kernels that ask where they are, may trap, or are long.
func (f *Func) Inline(via op.DType) func(x string) string {
	asks := slices.ContainsFunc(f.code, func(i instr) bool { return i.op == opGid || i.op == opLoad })
	if f.sig != (signature{list(f32), list(f32)}) || asks || len(f.code) > maxInline || !f.straight() || !takes(f32, via) {
		return nil
	}
	g := &generator{f: f, types: Types{In: []op.DType{via}, One: []bool{false}, Out: []op.DType{op.F32}}, regs: map[valType]int{}}
	for _, t := range f.locals {
		g.locals = append(g.locals, g.new(t))
	}
	in := g.new(f32)
	results := g.element(reg{}, []reg{g.widen(via, g.narrow(via, in))})
	if results == nil {
		return nil
	}
	own := func(s string) string { return registers.ReplaceAllString(s, "%i$1") } // not to be taken for those around
	before, after := own("\t{\n"+g.declarations()+"\tmov.f32 "+in.String()+", "), own(g.text.String())
	return func(x string) string {
		body := labels.ReplaceAllString(after, "${1}_"+strings.TrimPrefix(x, "%")) // labels are a whole kernel's
		return before + x + ";\n" + body + "\tmov.f32 " + x + ", " + own(results[0].String()) + ";\n\t}\n"
	}
}

var (
	registers = regexp.MustCompile(`%((?:p|h|r|rd|f|fd)[0-9<])`)
	labels    = regexp.MustCompile(`(\$L[0-9]+)`)
)
