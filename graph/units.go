package graph

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxTimeout   = 24 * time.Hour
	maxRunTime   = 30 * 24 * time.Hour
	maxRetryWait = time.Hour
	minMemory    = 64 << 10 // a page of wasm
	maxMemory    = 4 << 30  // the address space of a 32-bit guest
	maxTensors   = 1 << 40
)

var (
	durationPattern = regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h))+$`)
	sizePattern     = regexp.MustCompile(`^([0-9]{1,10})(B|KiB|MiB|GiB)$`)
	decimalSize     = regexp.MustCompile(`^([0-9]{1,10}) ?([kKmMgG])[bB]?$`)
)

// duration reads texts such as 30s, 5m, 1h30m, 250ms.
func (p *parser) duration(t *tree, what string, most time.Duration) time.Duration {
	hint := ""
	if n, ok := t.scalar.(int64); ok {
		hint = strconv.FormatInt(n, 10) + "s"
	}
	s, ok := t.text()
	d, err := time.ParseDuration(s)
	if !ok || !durationPattern.MatchString(s) || err != nil {
		p.report.suggest(t.pos, "duration", hint, "%s must be a duration such as 30s, 5m or 250ms, got %s", what, t.describe())
		return 0
	}
	if d <= 0 || d > most {
		p.report.add(t.pos, "range", "%s must be more than 0s and at most %s, got %s", what, shortDuration(most), clip(s))
		return 0
	}
	return d
}

func shortDuration(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// size reads texts such as 256MiB.
func (p *parser) size(t *tree, what string, most int64) int64 {
	s, _ := t.text()
	m := sizePattern.FindStringSubmatch(s)
	if m == nil {
		hint := ""
		if d := decimalSize.FindStringSubmatch(s); d != nil {
			hint = d[1] + strings.ToUpper(d[2]) + "iB"
		}
		p.report.suggest(t.pos, "size", hint, "%s must be a size such as 64KiB, 256MiB or 1GiB, got %s", what, t.describe())
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := map[string]int{"B": 0, "KiB": 10, "MiB": 20, "GiB": 30}[m[2]]
	if err != nil || n > most>>shift || n<<shift < minMemory {
		p.report.add(t.pos, "range", "%s must be from 64KiB to %dGiB, got %s", what, most>>30, s)
		return 0
	}
	return n << shift
}

// Comparing the files of outputs with the trigger's globs costs the product of these, and of the lengths.
const (
	maxPath    = 255
	maxGlobs   = 16
	maxFiles   = 256
	maxFolders = 64
)

// checkPath accepts a relative slash path that is written in its shortest form and stays below the workflow's folder.
func checkPath(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("an empty path")
	case len(s) > maxPath:
		return fmt.Errorf("a path of %d bytes, at most %d", len(s), maxPath)
	case strings.Contains(s, `\`):
		return fmt.Errorf("%s: folders are separated by /", quote(s))
	case strings.HasPrefix(s, "/") || (len(s) > 1 && s[1] == ':'):
		return fmt.Errorf("%s: a path is relative to the workflow's folder", quote(s))
	case strings.IndexFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) >= 0:
		return fmt.Errorf("%s holds characters that cannot be seen", quote(s))
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return fmt.Errorf("%s leaves the workflow's folder", quote(s))
		}
	}
	if clean := path.Clean(s); clean != s {
		return fmt.Errorf("%s: write it as %s", quote(s), quote(clean))
	}
	return nil
}

// checkFolder accepts a folder; a slash at its end is tolerated by no one, so that texts compare as folders do.
func checkFolder(s string) error {
	if err := checkPath(s); err != nil {
		return err
	}
	if strings.ContainsAny(s, "*?[") {
		return fmt.Errorf("%s: a folder is meant, with all that is in it; no wildcards", quote(s))
	}
	return nil
}

// checkWritable accepts folders below the workflow's own one only: a node that could write beside the workflow could change
// it, or drop another one.
func checkWritable(s string) error {
	if err := checkFolder(s); err != nil {
		return err
	}
	if s == "." {
		return fmt.Errorf("the workflow's own folder cannot be written, name a folder in it")
	}
	return checkHidden(s)
}

func checkHidden(s string) error {
	if strings.HasPrefix(s, ".") || strings.Contains(s, "/.") {
		return fmt.Errorf("%s: hidden files and folders cannot be written", quote(s))
	}
	return nil
}

// checkFile accepts the file of an output, which may hold one * in its last part.
func checkFile(s string) error {
	if err := checkPath(s); err != nil {
		return err
	}
	folder, base := path.Split(s)
	switch {
	case s == ".":
		return fmt.Errorf("%s is a folder", quote(s))
	case strings.ContainsAny(s, "?["):
		return fmt.Errorf("%s: only * can stand in the file of an output", quote(s))
	case IsWorkflow(s):
		return fmt.Errorf("%s is the name of a workflow file: it would be run", quote(s))
	case strings.Contains(folder, "*") || strings.Count(base, "*") > 1:
		return fmt.Errorf("%s: one * can stand in the last part of the path", quote(s))
	}
	return checkHidden(s)
}

// inFolder reports whether a path lies below one of the folders.
func inFolder(file string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return f == "." || strings.HasPrefix(file, f+"/") })
}
