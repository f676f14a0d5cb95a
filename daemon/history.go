package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"levee/cache"
	"levee/daemon/journal"
	"levee/graph/value"
)

// History looks at what was run, beside a daemon that may be running.
type History struct {
	*journal.Journal
	Cache *cache.Cache
}

// OpenHistory opens the history and the cache for looking.
func OpenHistory(ctx context.Context, cfg Config) (*History, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.CacheDir, 0o700); err != nil {
		return nil, err
	}
	h := &History{}
	if h.Journal, err = journal.Open(ctx, cfg.StateDir, journal.Options{ReadOnly: true}); err != nil {
		return nil, fmt.Errorf("run history in %s: %w", cfg.StateDir, err)
	}
	if h.Cache, err = cache.Open(cfg.CacheDir, cache.Options{KeepSince: func() time.Time { return keepSince(h.Journal) }, Log: cfg.Log}); err != nil {
		h.Journal.Close()
		return nil, fmt.Errorf("cache: %w", err)
	}
	return h, nil
}

// Close closes both.
func (h *History) Close() error { return errors.Join(h.Cache.Close(), h.Journal.Close()) }

// Explanation says what an invocation's result depends on, and what was different the last time.
type Explanation struct {
	Invocation journal.Invocation `json:"invocation"`
	Key        cache.Key          `json:"-"`
	KeyText    string             `json:"key"`
	Parts      []cache.Part       `json:"parts"`                  // empty when the result is no longer in the cache
	Nearest    *cache.Nearby      `json:"nearest"`                // the result of the same node that is most like it; nil: there is none
	Child      string             `json:"child_job_id,omitempty"` // of a node that is a workflow: its run, whose nodes have results
}

// Invocations are those of a run at a path or site, "" stands for all. That there are none there is an error.
func (h *History) Invocations(ctx context.Context, run, node string) ([]journal.Invocation, error) {
	invs, err := h.Journal.Invocations(ctx, run, node)
	if err == nil && node != "" && len(invs) == 0 {
		err = fmt.Errorf("run %s has no node %q (levee inspect %[1]s lists them)", shortID(run), node)
	}
	return invs, err
}

// Why explains the invocations of a run at a path or site.
func (h *History) Why(ctx context.Context, run, node string) ([]Explanation, error) {
	rec, err := h.Run(ctx, run)
	if err != nil {
		return nil, err
	}
	invs, err := h.Invocations(ctx, rec.ID, node)
	if err != nil {
		return nil, err
	}
	children, err := h.Children(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	list := make([]Explanation, 0, len(invs))
	for _, inv := range invs {
		e, err := explain(ctx, h.Cache, rec.Workflow, inv)
		if err != nil {
			return nil, err
		}
		for _, c := range children {
			if c.ParentPath == inv.Path {
				e.Child = c.ID
			}
		}
		list = append(list, e)
	}
	return list, nil
}

func explain(ctx context.Context, c *cache.Cache, workflow string, inv journal.Invocation) (Explanation, error) {
	e := Explanation{Invocation: inv, Key: cache.Key(inv.Key), KeyText: cache.Key(inv.Key).String()}
	entry, err := c.Detail(ctx, e.Key)
	if errors.Is(err, cache.ErrMiss) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	e.Parts = entry.Parts
	e.Nearest, err = c.Nearest(ctx, workflow+"#"+inv.Site, entry.Parts, e.Key)
	return e, err
}

// WhyRan is one line on why an invocation of a run was not found in the cache: "" when nothing is known.
func (d *Daemon) WhyRan(ctx context.Context, flow *Workflow, run, path string) string {
	invs, err := d.journal.Invocations(ctx, run, path)
	if err != nil || len(invs) == 0 {
		return ""
	}
	e, err := explain(ctx, d.cache, flow.Path, invs[0])
	if err != nil || e.Nearest == nil {
		return ""
	}
	diff := e.Nearest.Diff
	if i := slices.IndexFunc(diff, func(d cache.Difference) bool { return d.Label == "type" }); i >= 0 {
		diff = diff[i : i+1] // all its ports are others then, too
	}
	return DiffText(diff)
}

// Said is what the last attempt of an invocation said, a line each; nil when nothing is known.
func (d *Daemon) Said(ctx context.Context, run, path string) []byte {
	invs, err := d.journal.Invocations(ctx, run, path)
	if err != nil || len(invs) == 0 {
		return nil
	}
	return invs[len(invs)-1].Log
}

// TriggerFile is the path of one of the files that a run was started with; "" when there is none.
func (d *Daemon) TriggerFile(ctx context.Context, run string, index int) string {
	rec, err := d.journal.Run(ctx, run)
	if err != nil || index < 0 || index >= len(rec.Files) {
		return ""
	}
	return rec.Files[index].Path
}

// DiffText says in one line what differs.
func DiffText(diff []cache.Difference) string {
	var parts []string
	for _, d := range diff {
		switch was, now := PartText(d.Was), PartText(d.Now); {
		case d.Was.Label == "" || d.Now.Label == "" || was == "" || now == "" || was == now || len(was)+len(now) > 60:
			parts = append(parts, d.Label+" changed")
		default:
			parts = append(parts, fmt.Sprintf("%s: %s -> %s", d.Label, was, now))
		}
	}
	return Printable(strings.Join(parts, ", "))
}

// PartText shows the content of a part of a key: sizes as people write them.
func PartText(p cache.Part) string {
	switch p.Label {
	case "memory", "output limit", "gpu memory":
		if n, err := strconv.ParseInt(p.Preview, 10, 64); err == nil {
			return SizeText(n)
		}
	case "grants":
		return cmp.Or(p.Preview, "none")
	}
	return p.Preview
}

// TriggerFiles are the files that a workflow's trigger matches now, for a run by hand. What is left out is in the log.
func (d *Daemon) TriggerFiles(ctx context.Context, flow *Workflow) ([]value.FileRef, error) {
	t := flow.Graph.Trigger
	if t == nil {
		return nil, nil
	}
	dir, err := d.openDir(flow.Dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var files []value.FileRef
	seen := map[string]bool{}
	for _, glob := range t.Files {
		names, err := dir.Glob(glob, 0)
		if err != nil {
			return nil, err
		}
		for _, refused := range dir.Refused(glob, 10) {
			d.log.Warn("left out", "file", refused.Path, "why", string(refused.Reason)+": "+refused.Detail)
		}
		for _, name := range names {
			if seen[name] || !flow.triggeredBy(name) {
				continue
			}
			seen[name] = true
			digest, size, err := d.fileDigest(ctx, dir, name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			files = append(files, value.FileRef{Path: name, Size: size, Digest: digest})
		}
	}
	if sortFiles(files); len(files) == 0 && t.ByFiles() {
		d.log.Warn("no file matches the trigger", "files", strings.Join(t.Files, ", "))
	}
	return files, nil
}

// InputFile makes the value of a workflow's input of a file's content: bytes and texts as they are, tables of CSV or JSON, everything
// else of JSON.
func (d *Daemon) InputFile(ctx context.Context, p *value.Port, name string) (value.Value, error) {
	if p.Type == value.Bytes {
		f, err := os.Open(filepath.Clean(name))
		if err != nil {
			return value.Value{}, err
		}
		defer f.Close()
		return d.cache.PutReader(ctx, f)
	}
	text, err := readInput(name, maxInputText)
	if err != nil {
		return value.Value{}, err
	}
	return d.InputText(ctx, p, string(text))
}

const maxInputText = 256 << 20

// InputFiles makes the value of an input that is a list of bytes of the contents of files.
func (d *Daemon) InputFiles(ctx context.Context, names []string) (value.Value, error) {
	var items [][]byte
	left := int64(maxInputText)
	for _, name := range names {
		item, err := readInput(name, left)
		if err != nil {
			return value.Value{}, err
		}
		items, left = append(items, item), left-int64(len(item))
	}
	return d.cache.PutValue(ctx, value.ListOf(value.Bytes), value.EncodeList(items))
}

// readInput reads a file of at most so many bytes.
func readInput(name string, most int64) ([]byte, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("%s: the files of an input have more than %s", name, SizeText(maxInputText))
	}
	return content, err
}

// InputText makes the value of a workflow's input of what a person typed.
func (d *Daemon) InputText(ctx context.Context, p *value.Port, text string) (value.Value, error) {
	v, err := value.ParseText(p.Type, text)
	if err != nil {
		return v, err
	}
	if err := p.CheckRange(v); err != nil {
		return v, err
	}
	return d.stored(ctx, v)
}

// stored puts a value that is too large for rows into the cache.
func (d *Daemon) stored(ctx context.Context, v value.Value) (value.Value, error) {
	if enc, ok := v.Inline(); ok && v.Size > value.InlineMax {
		return d.cache.PutValue(ctx, v.Type, enc)
	}
	return v, nil
}
