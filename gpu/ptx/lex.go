package ptx

import "strings"

// tok is the kind of a token; what is a single sign is its own kind.
type tok byte

const (
	tokEnd    tok = 0
	tokWord   tok = 'w' // an opcode, a directive, a register, a symbol
	tokNumber tok = 'n'
	tokString tok = 's'
)

type token struct {
	kind tok
	text string
	line int
}

type lexer struct {
	src  string
	line int
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c == '%' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// space skips blanks and comments.
func (l *lexer) space() {
	for l.src != "" {
		switch c := l.src[0]; {
		case c == '\n':
			l.line++
			l.src = l.src[1:]
		case c == ' ' || c == '\t' || c == '\r':
			l.src = l.src[1:]
		case strings.HasPrefix(l.src, "//"):
			end := strings.IndexByte(l.src, '\n')
			if end < 0 {
				end = len(l.src)
			}
			l.src = l.src[end:]
		case strings.HasPrefix(l.src, "/*"):
			end := strings.Index(l.src[2:], "*/")
			if end < 0 {
				l.src = ""
				return
			}
			l.line += strings.Count(l.src[:end+4], "\n")
			l.src = l.src[end+4:]
		default:
			return
		}
	}
}

func (l *lexer) next() token {
	l.space()
	t := token{line: l.line}
	if l.src == "" {
		return t
	}
	n := 1
	switch c := l.src[0]; {
	case c >= '0' && c <= '9':
		t.kind = tokNumber
		n = l.run()
	case wordByte(c):
		t.kind = tokWord
		n = l.run()
	case c == '"':
		t.kind = tokString
		if end := strings.IndexByte(l.src[1:], '"'); end >= 0 {
			n = end + 2
		} else {
			n = len(l.src)
		}
	default:
		t.kind = tok(c)
	}
	t.text, l.src = l.src[:n], l.src[n:]
	return t
}

// run is the length of a word; the :: of a qualifier such as .shared::cta belongs to it.
func (l *lexer) run() int {
	n := 0
	for n < len(l.src) {
		switch {
		case wordByte(l.src[n]):
			n++
		case strings.HasPrefix(l.src[n:], "::"):
			n += 2
		default:
			return n
		}
	}
	return n
}

func lex(src string) []token {
	l := lexer{src: src, line: 1}
	var list []token
	for {
		t := l.next()
		list = append(list, t)
		if t.kind == tokEnd {
			return list
		}
	}
}
