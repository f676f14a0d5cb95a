package graph

import (
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
		if idPattern.MatchString(n.id) && !uuidPattern.MatchString(n.id) && !x.taken[n.id] {
			n.name = n.id
			x.taken[n.id] = true
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
		n.name = x.free(name)
		x.byName[n.name] = n
	}
	for _, n := range x.nodes {
		if n.is(loopKind, foreachKind) {
			n.as = x.free("element")
		}
	}
}

func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return "", s
}

// free takes a name that no other node has: name, name_2, name_3...
func (x *foreign) free(name string) string {
	unique := name
	for i := 2; x.taken[unique]; i++ {
		tail := "_" + strconv.Itoa(i)
		unique = name[:min(len(name), 64-len(tail))] + tail
	}
	x.taken[unique] = true
	return unique
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
