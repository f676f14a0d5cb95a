package graph

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$`)

// nameNodes gives every node a name that wires can use: its own id where that is one, else one made of its title or type.
func (x *foreign) nameNodes() {
	for _, n := range x.nodes {
		if n.is(inputKind, outputKind, commentKind, previewKind, groupInputKind, groupOutputKind, groupKind) {
			continue // named by their property, if at all
		}
		if idPattern.MatchString(n.id) && !uuidPattern.MatchString(n.id) && !x.names.taken[n.id] {
			n.name = n.id
			x.names.taken[n.id] = true
			x.byName[n.id] = n
		}
	}
	for _, n := range x.nodes {
		if n.name != "" || n.is(inputKind, outputKind, commentKind, previewKind, groupInputKind, groupOutputKind, groupKind) {
			continue
		}
		name := slug(n.title)
		if name == "" {
			_, last := cutLast(n.typ, ".")
			name = slug(last)
		}
		if name == "" {
			name = "node"
		}
		n.name = x.names.free(name)
		x.byName[n.name] = n
	}
	for _, n := range x.nodes {
		if n.is(loopKind) || n.opens() {
			n.as = x.names.free("element")
		}
	}
}

func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return "", s
}

// nameSet is the names that are taken in one place. next keeps that many nodes of one title cost no more than others.
type nameSet struct {
	taken map[string]bool
	next  map[string]int
}

func newNames() *nameSet {
	return &nameSet{taken: map[string]bool{"inputs": true, "trigger": true}, next: map[string]int{}}
}

// free takes a name that nobody has: name, name_2, name_3...
func (n *nameSet) free(name string) string {
	unique := name
	for i := max(2, n.next[name]); n.taken[unique]; i++ {
		tail := "_" + strconv.Itoa(i)
		unique = name[:min(len(name), 64-len(tail))] + tail
		n.next[name] = i + 1
	}
	n.taken[unique] = true
	return unique
}

// own takes the name that a file gives where wires can use it and nobody has it, else one like it.
func (n *nameSet) own(given, plain string) string {
	if idPattern.MatchString(given) && !n.taken[given] {
		n.taken[given] = true
		return given
	}
	return n.free(cmp.Or(slug(given), plain))
}

// slug makes a name of a text: FormatText and Format Text are format_text. It is "" when nothing is left.
func slug(s string) string {
	var b strings.Builder
	var prev rune
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-':
			b.WriteRune(r)
		case r >= 'A' && r <= 'Z':
			next := i+1 < len(rs) && unicode.IsLower(rs[i+1])
			if unicode.IsLower(prev) || unicode.IsDigit(prev) || unicode.IsUpper(prev) && next {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		default:
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
				b.WriteByte('_')
			}
		}
		if prev = r; b.Len() >= 60 {
			break
		}
	}
	name := strings.Trim(b.String(), "_-")
	if name != "" && isDigit(name[0]) {
		name = "n" + name
	}
	return name
}
