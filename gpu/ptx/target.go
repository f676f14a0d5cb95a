package ptx

import (
	"slices"
	"strconv"
	"strings"
)

// need is what an instruction asks of a module's .version and .target: the assembler refuses it for less.
type need struct {
	op      string // the opcode
	mods    string // and modifiers or types that it has, separated by dots
	version int    // 7.8 is 78
	sm      int
	exact   bool // only for targets with an a at the end
}

// needs holds what is newer than PTX 6.0 and sm_60. All that fit count.
var needs = []need{
	{"add", "bf16", 78, 90, false}, {"sub", "bf16", 78, 90, false}, {"mul", "bf16", 78, 90, false},
	{"add", "bf16x2", 78, 90, false}, {"sub", "bf16x2", 78, 90, false}, {"mul", "bf16x2", 78, 90, false},
	{"fma", "bf16", 70, 80, false}, {"fma", "bf16x2", 70, 80, false}, {"neg", "bf16", 70, 80, false}, {"neg", "bf16x2", 70, 80, false},
	{"abs", "bf16", 70, 80, false}, {"abs", "bf16x2", 70, 80, false}, {"abs", "f16", 65, 60, false}, {"abs", "f16x2", 65, 60, false},
	{"min", "f16", 70, 80, false}, {"max", "f16", 70, 80, false}, {"min", "f16x2", 70, 80, false}, {"max", "f16x2", 70, 80, false},
	{"min", "bf16", 70, 80, false}, {"max", "bf16", 70, 80, false}, {"min", "bf16x2", 70, 80, false}, {"max", "bf16x2", 70, 80, false},
	{"min", "NaN", 70, 80, false}, {"max", "NaN", 70, 80, false}, {"setp", "bf16", 78, 90, false}, {"setp", "bf16x2", 78, 90, false},
	{"min", "s16x2", 80, 90, false}, {"max", "s16x2", 80, 90, false}, {"min", "u16x2", 80, 90, false}, {"max", "u16x2", 80, 90, false},
	{"dp4a", "", 50, 61, false}, {"tanh", "", 70, 75, false}, {"ex2", "f16", 70, 75, false}, {"ex2", "f16x2", 70, 75, false}, {"ex2", "bf16", 78, 90, false}, {"ex2", "bf16x2", 78, 90, false},
	{"tanh", "bf16", 78, 90, false}, {"tanh", "bf16x2", 78, 90, false},
	{"cvt", "f16x2", 70, 80, false}, {"cvt", "bf16x2", 70, 80, false}, {"cvt", "bf16.f32", 70, 80, false}, {"cvt", "relu", 70, 80, false},
	{"cvta", "param", 77, 70, false}, {"bmsk", "", 76, 70, false}, {"nanosleep", "", 63, 70, false}, {"activemask", "", 62, 30, false},
	{"match", "", 60, 70, false}, {"redux", "", 70, 80, false}, {"elect", "", 80, 90, false}, {"fence", "", 60, 70, false},
	{"fence", "proxy", 80, 90, false}, {"fence", "mbarrier_init", 80, 90, false}, {"fence", "tensormap::generic", 83, 90, false}, {"griddepcontrol", "", 78, 90, false},
	{"atom", "noftz", 62, 60, false}, {"red", "noftz", 62, 60, false}, {"atom", "bf16x2", 78, 90, false}, {"red", "bf16x2", 78, 90, false},
	{"atom", "b16", 63, 70, false}, {"ldmatrix", "", 65, 75, false}, {"mma", "m16n8k8", 65, 75, false}, {"mma", "m16n8k16", 70, 80, false},
	{"mma", "bf16", 70, 80, false}, {"cp", "async", 70, 80, false}, {"cp", "bulk", 80, 90, false}, {"mbarrier", "", 70, 80, false},
	{"mbarrier", "try_wait", 78, 90, false}, {"mbarrier", "expect_tx", 80, 90, false}, {"mbarrier", "shared::cluster", 80, 90, false},
	{"mapa", "", 78, 90, false}, {"barrier", "cluster", 78, 90, false}, {"wgmma", "", 80, 90, true}, {"setmaxnreg", "", 80, 90, true},
	{"", "shared::cta", 78, 30, false}, {"", "shared::cluster", 78, 90, false},
}

// target checks that the module's version and target have the instruction.
func (d *decoder) target(op string, parts []string) {
	m, most := d.fr.c.m, need{}
	for _, n := range needs {
		if (n.op == "" || n.op == op) && has(parts, n.mods) {
			most = need{version: max(most.version, n.version), sm: max(most.sm, n.sm), exact: most.exact || n.exact}
		}
	}
	if m.version < most.version || m.sm < most.sm || most.exact && !m.exact {
		a := map[bool]string{true: "a"}[most.exact]
		d.fail("it needs PTX %d.%d and sm_%d%s; this is PTX %s for %s", most.version/10, most.version%10, most.sm, a, m.Version, m.Target)
		return
	}
	// a bf16 that is converted, or made of anything but an f32
	bf16 := types["bf16"]
	if op == "cvt" && len(d.types) == 2 && (d.types[1] == bf16 || d.types[0] == bf16 && d.types[1] != types["f32"]) && (m.version < 78 || m.sm < 90) {
		d.fail("it needs PTX 7.8 and sm_90; this is PTX %s for %s", m.Version, m.Target)
	}
}

func has(parts []string, mods string) bool {
	if mods == "" {
		return true
	}
	for _, mod := range strings.Split(mods, ".") {
		if !slices.Contains(parts, mod) {
			return false
		}
	}
	return true
}

// targets reads the version and the target into numbers.
func (p *parser) targets() {
	major, minor, _ := strings.Cut(p.m.Version, ".")
	x, err := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	sm, ok := strings.CutPrefix(p.m.Target, "sm_")
	sm, p.m.exact = strings.CutSuffix(sm, "a")
	n, err3 := strconv.Atoi(sm)
	if err != nil || err2 != nil || err3 != nil || !ok || y > 9 || x > 99 {
		p.fail(".version %s and .target %s are not known", p.m.Version, p.m.Target)
	}
	p.m.version, p.m.sm = 10*x+y, n
}
