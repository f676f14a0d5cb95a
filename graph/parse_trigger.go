package graph

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// What every: may ask for.
const (
	minEvery = 10 * time.Second
	maxEvery = 8760 * time.Hour
)

// starters are the fields of a trigger that say when a run starts: it has one of them.
var starters = []string{"files", "every", "cron"}

// attributes are the other fields of a trigger, and which starters they belong to.
var attributes = []struct {
	field string
	of    []string
}{{"per", []string{"files"}}, {"zone", []string{"cron"}}, {"catch_up", []string{"every", "cron"}}}

func (p *parser) trigger(t *tree) {
	p.file.hasTrigger = true
	trigger := &Trigger{Pos: t.pos}
	if s, ok := t.text(); ok && t.kind == scalarTree {
		if s != "manual" {
			p.report.suggest(t.pos, "shape", p.report.near.nearest(s, []string{"manual"}), "trigger must be manual, or a map with %s, got %s", orList(starters), t.describe())
			return
		}
		trigger.Manual = true
		p.file.Trigger = trigger
		return
	}
	if !p.object(t, "trigger", triggerFields) {
		return
	}
	if f := t.get("webhook"); f != nil {
		p.report.add(f.pos, "later", "trigger: webhook is not available in this version; it has %s", orList(starters))
		return
	}
	starter := p.starter(t)
	switch starter {
	case "files":
		p.triggerFiles(trigger, t.get("files"))
	case "every":
		trigger.Every = p.every(t.get("every"))
	case "cron":
		trigger.Cron = p.cron(t.get("cron"))
	default:
		return
	}
	for _, a := range attributes {
		if f := t.get(a.field); f != nil && !slices.Contains(a.of, starter) {
			p.report.add(f.pos, "shape", "trigger.%s goes with %s, not with %s", a.field, orList(a.of), starter)
		}
	}
	if per := t.get("per"); per != nil {
		trigger.PerFile = p.oneOf(per, "trigger.per", "batch", "file") == "file"
	}
	if zone := t.get("zone"); zone != nil {
		trigger.Zone, trigger.ZonePos = p.zone(zone), zone.pos
	}
	if missed := t.get("catch_up"); missed != nil {
		trigger.NoCatchUp = p.oneOf(missed, "trigger.catch_up", "once", "none") == "none"
	}
	p.file.Trigger = trigger
}

// starter is the one field that says when; "" when that is reported.
func (p *parser) starter(t *tree) (name string) {
	for _, f := range t.fields {
		switch {
		case !slices.Contains(starters, f.key):
		case name != "":
			p.report.add(f.pos, "shape", "trigger has %s and %s: it takes one of %s; what starts in two ways is two workflows", name, f.key, orList(starters))
			return ""
		default:
			name = f.key
		}
	}
	if name != "" {
		return name
	}
	for _, a := range attributes {
		if t.get(a.field) != nil {
			p.need(t, t.pos, a.of[0], triggerFields, "trigger needs "+orList(a.of))
			return ""
		}
	}
	for _, want := range starters { // a misspelt one is reported already
		if near := slices.ContainsFunc(t.fields, func(f field) bool { return p.report.near.nearest(f.key, triggerFields) == want }); near {
			return ""
		}
	}
	p.report.add(t.pos, "missing", "trigger needs %s", orList(starters))
	return ""
}

func (p *parser) triggerFiles(trigger *Trigger, files *tree) {
	for _, item := range files.items() {
		glob, ok := p.str(item, "trigger.files")
		if !ok {
			continue
		}
		if err := checkGlob(glob); err != nil {
			p.report.add(item.pos, "path", "trigger.files: %v", err)
			continue
		}
		trigger.Files = append(trigger.Files, glob)
	}
	if n := len(files.items()); n == 0 {
		p.report.add(files.pos, "missing", "trigger.files is empty")
	} else if n > maxGlobs {
		p.report.add(files.pos, "limit", "trigger.files has %d globs, at most %d", n, maxGlobs)
		trigger.Files = nil
	}
}

func (p *parser) every(t *tree) time.Duration {
	d := p.duration(t, "trigger.every", maxEvery)
	if d > 0 && d < minEvery {
		p.report.add(t.pos, "range", "trigger.every must be at least %s, got %s", minEvery, t.describe())
		return 0
	}
	return d
}

func (p *parser) cron(t *tree) *Cron {
	text, ok := p.str(t, "trigger.cron")
	if !ok {
		return nil
	}
	c, hint, err := parseCron(text)
	if err != nil {
		if hint != "" {
			hint = `"` + hint + `"`
		}
		p.report.suggest(t.pos, "cron", hint, "trigger.cron: %v", err)
	}
	return c
}

var zonePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*){0,2}$`)

// zone reads the name of a time zone; whether there is such a zone is known where zones are.
func (p *parser) zone(t *tree) string {
	s, ok := p.str(t, "trigger.zone")
	if ok && (len(s) > 64 || !zonePattern.MatchString(s) || strings.EqualFold(s, "local")) {
		p.report.add(t.pos, "zone", "trigger.zone must be a name such as Europe/Berlin or UTC, got %s", t.describe())
		return ""
	}
	return s
}
