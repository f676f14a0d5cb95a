package graph

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one thing that is wrong in a workflow file.
type Problem struct {
	File       string `json:"file"`
	Line       int    `json:"line"` // from 1
	Col        int    `json:"col"`  // from 1, in bytes
	Code       string `json:"code"` // stable, for machines: unknown, type, missing, cycle...
	Message    string `json:"message"`
	Suggestion string `json:"suggestion,omitempty"` // the name that was probably meant
	Source     string `json:"source,omitempty"`     // the line; of a long one, the part around Col
	caret      int    // columns before the caret under Source
}

// String is the first line of the text form: file:line:col: error: message (did you mean x?).
func (p Problem) String() string {
	msg := fmt.Sprintf("%s:%d:%d: error: %s", p.File, p.Line, p.Col, p.Message)
	if p.Suggestion != "" {
		msg += " (did you mean " + p.Suggestion + "?)"
	}
	return msg
}

// Problems is everything that is wrong in one file, in the order of the file, and behind it what is wrong in files that it uses.
type Problems []Problem

// Format says how problems are written.
type Format string

// The formats: text is for people, JSON is one object a line, GitHub is the workflow commands of GitHub Actions.
const (
	TextFormat   Format = "text"
	JSONFormat   Format = "json"
	GitHubFormat Format = "github"
)

// Write writes all problems in a format; an unknown format is text.
func (ps Problems) Write(w io.Writer, format Format) error {
	var b strings.Builder
	for _, p := range ps {
		switch format {
		case JSONFormat:
			line, err := json.Marshal(p)
			if err != nil {
				return err
			}
			b.Write(append(line, '\n'))
		case GitHubFormat:
			msg := strings.TrimPrefix(p.String(), fmt.Sprintf("%s:%d:%d: error: ", p.File, p.Line, p.Col))
			fmt.Fprintf(&b, "::error file=%s,line=%d,col=%d,title=%s::%s\n", githubProperty(p.File), p.Line, p.Col, p.Code, githubData(msg))
		default:
			fmt.Fprintf(&b, "%s\n", printable(p.String()))
			if p.Source != "" {
				fmt.Fprintf(&b, "%4d | %s\n     | %s^\n", p.Line, printable(p.Source), strings.Repeat(" ", p.caret))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Error is the text form of all problems.
func (ps Problems) Error() string {
	var b strings.Builder
	if err := ps.Write(&b, TextFormat); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Err returns ps as an error, nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// The escapes of workflow commands: github.com/actions/toolkit, packages/core/src/command.ts.
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func githubProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// What is kept of a file's problems: a hostile file has one a byte.
const maxKept, maxProblems = 5_000, 200

// problems collects what is wrong with one file.
type problems struct {
	file  string
	src   *source
	found []Problem
	more  int // found beyond maxKept
	near  nearBudget
	other Problems // of files that this one uses
}

func (ps *problems) add(pos Pos, code, format string, args ...any) {
	ps.suggest(pos, code, "", format, args...)
}

// suggest adds a problem with the name that was probably meant.
func (ps *problems) suggest(pos Pos, code, suggestion, format string, args ...any) {
	if len(ps.found) >= maxKept {
		ps.more++
		return
	}
	p := Problem{File: ps.file, Line: pos.Line, Col: pos.Col, Code: code, Suggestion: suggestion}
	if p.Message = format; len(args) > 0 {
		p.Message = fmt.Sprintf(format, args...)
	}
	p.Message = printable(p.Message)
	ps.found = append(ps.found, p)
}

// include adds the problems of a file that this one uses.
func (ps *problems) include(other Problems) {
	for _, p := range other {
		if len(ps.other) < maxProblems && !slices.Contains(ps.other, p) {
			ps.other = append(ps.other, p)
		}
	}
}

// Problem is one that someone else found in the file, in the form of the file's own ones.
func (f *File) Problem(pos Pos, code, format string, args ...any) Problem {
	found := problems{file: f.found.file, src: f.found.src}
	found.add(pos, code, format, args...)
	return found.list()[0]
}

// has reports whether problems of these kinds were found.
func (ps *problems) has(codes ...string) bool {
	return slices.ContainsFunc(ps.found, func(p Problem) bool { return slices.Contains(codes, p.Code) })
}

// list returns the problems in the order of the file, each with its line.
func (ps *problems) list() Problems {
	if len(ps.found) == 0 {
		return ps.other
	}
	all := slices.Clone(ps.found)
	slices.SortStableFunc(all, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	all = slices.CompactFunc(all, func(a, b Problem) bool {
		return a.Line == b.Line && a.Col == b.Col && a.Message == b.Message
	})
	if more := len(all) + ps.more - maxProblems; more > 0 {
		last := all[maxProblems]
		last.Code, last.Suggestion, last.Message = "more", "", fmt.Sprintf("%d more problems from here on", more)
		all = append(all[:maxProblems], last)
	}
	for i := range all {
		all[i].Source, all[i].caret = excerpt(ps.src.line(all[i].Line), all[i].Col)
	}
	return append(all, ps.other...)
}

// excerpt cuts a window of a long line around a column, makes it printable, and says how many columns stand before it.
func excerpt(line []byte, col int) (text string, caret int) {
	const before, after = 60, 100
	at := max(0, min(col-1, len(line)))
	from, to := max(0, at-before), min(len(line), at+after)
	if len(line) <= before+after {
		from, to = 0, len(line)
	}
	for range utf8.UTFMax - 1 { // cut between runes, if these are runes at all
		if from > 0 && !utf8.RuneStart(line[from]) {
			from--
		}
		if to < len(line) && to > at && !utf8.RuneStart(line[to]) {
			to--
		}
	}
	lead, tail := printable(string(line[from:at])), printable(string(line[at:max(at, to)]))
	if from > 0 {
		lead = "..." + lead
	}
	if to < len(line) {
		tail += "..."
	}
	return strings.TrimRight(lead+tail, " "), utf8.RuneCountInString(lead)
}

// printable replaces what a terminal could take as a command.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return utf8.RuneError
	}, s)
}

// clip shortens what a file says, for messages.
func clip(s string) string { return clipTo(s, 60) }

func clipTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

func quote(s string) string { return fmt.Sprintf("%q", clip(s)) }
