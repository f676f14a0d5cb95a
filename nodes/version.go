package nodes

import (
	"cmp"
	"strconv"
	"strings"
)

// version is a parsed MAJOR.MINOR.PATCH[-pre.release][+build], after semver.org 2.0.0.
type version struct {
	num [3]uint64
	pre string
	raw string
}

func parseVersion(s string) (v version, ok bool) {
	v.raw = s
	core, build, hasBuild := strings.Cut(s, "+")
	core, pre, hasPre := strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) != 3 || (hasPre && !idents(pre)) || (hasBuild && !idents(build)) {
		return v, false
	}
	for i, p := range parts {
		if v.num[i], ok = versionNumber(p); !ok {
			return v, false
		}
	}
	v.pre = pre
	return v, true
}

// versionNumber reads digits without leading zeros, up to 18 of them.
func versionNumber(s string) (uint64, bool) {
	if s == "" || len(s) > 18 || (len(s) > 1 && s[0] == '0') {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

func idents(s string) bool {
	for id := range strings.SplitSeq(s, ".") {
		if id == "" || strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != "" {
			return false
		}
	}
	return true
}

// compare orders versions as semver does; build metadata counts last so that the order is total.
func (v version) compare(w version) int {
	for i := range v.num {
		if c := cmp.Compare(v.num[i], w.num[i]); c != 0 {
			return c
		}
	}
	if v.pre == "" || w.pre == "" {
		if c := cmp.Compare(len(w.pre), len(v.pre)); c != 0 {
			return c // a release is behind all of its pre-releases
		}
		return cmp.Compare(v.raw, w.raw)
	}
	a, b := strings.Split(v.pre, "."), strings.Split(w.pre, ".")
	for i := range min(len(a), len(b)) {
		x, xNum := versionNumber(a[i])
		y, yNum := versionNumber(b[i])
		c := cmp.Compare(a[i], b[i])
		switch {
		case xNum && yNum:
			c = cmp.Compare(x, y)
		case xNum:
			c = -1
		case yNum:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(v.raw, w.raw))
}

// versionWanted reports whether text can ask for a version: 1, 1.2 or a full version.
func versionWanted(text string) bool {
	if _, ok := parseVersion(text); ok {
		return true
	}
	parts := strings.Split(text, ".")
	for _, p := range parts {
		if _, ok := versionNumber(p); !ok {
			return false
		}
	}
	return len(parts) < 3
}

// answers reports whether v is what want asks for: "" takes every release, a prefix every release that starts with it, a full
// version only itself. Pre-releases are taken when named in full.
func (v version) answers(want string) bool {
	if v.raw == want {
		return true
	}
	if v.pre != "" {
		return false
	}
	return want == "" || strings.HasPrefix(v.raw, want+".")
}
