package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"levee/graph"
)

// SiteError says that a workflow has no such node.
type SiteError struct{ Site, Near string }

func (e *SiteError) Error() string {
	if e.Near != "" {
		return fmt.Sprintf("the workflow has no node %q (did you mean %s?)", e.Site, e.Near)
	}
	return fmt.Sprintf("the workflow has no node %q", e.Site)
}

// maxSites is how many nodes a request may name: each is looked for in the whole workflow.
const maxSites = 256

// CheckSites reports the first site that is none of the workflow's; the error is a *SiteError.
func (w *Workflow) CheckSites(lists ...[]string) error {
	for _, sites := range lists {
		if len(sites) > maxSites {
			return refuse("%d nodes are named, at most %d", len(sites), maxSites)
		}
		for _, site := range sites {
			if n, near := w.Graph.Site(site); n == nil {
				return &SiteError{Site: site, Near: near}
			}
		}
	}
	return nil
}

// part is what of a workflow runs when only some nodes are wanted, and which of them run although their results are stored.
func (w *Workflow) part(only, from []string) (*Workflow, map[string]bool, error) {
	if len(only)+len(from) == 0 {
		return w, nil, nil
	}
	if err := w.CheckSites(only, from); err != nil {
		return nil, nil, err
	}
	part := *w
	if len(only) > 0 {
		part.setGraph(graph.Prune(w.Graph, only))
	}
	fresh := graph.Behind(w.Graph, from)
	for _, site := range only {
		fresh[site] = true
	}
	return &part, fresh, nil
}

// afresh reports whether a node runs although its result is stored: it was asked for, or a group that it lies in.
func (r *Run) afresh(n *graph.Node) bool {
	if r.req.NoCache {
		return true
	}
	for site := n.Site; len(r.fresh) > 0; {
		if r.fresh[site] {
			return true
		}
		at := strings.LastIndexByte(site, '.')
		if at < 0 {
			break
		}
		site = site[:at]
	}
	return false
}

// Retry makes a request out of an ended run: the same inputs and files, and the workflow as it was then, or as it lies there now. edited
// says that these differ.
func (d *Daemon) Retry(ctx context.Context, prefix string, current bool) (flow *Workflow, req Request, edited bool, err error) {
	rec, err := d.journal.Run(ctx, prefix)
	if err != nil {
		return nil, req, false, err
	}
	switch {
	case rec.Bare:
		return nil, req, false, &ResumeError{fmt.Sprintf("run %s is too old: its details were forgotten", shortID(rec.ID))}
	case rec.Parent != "":
		return nil, req, false, &ResumeError{fmt.Sprintf("run %s is that of a node: retry run %s", shortID(rec.ID), shortID(rec.Parent))}
	case !rec.Status.Terminal():
		return nil, req, false, &ResumeError{fmt.Sprintf("run %s has not ended: it is %s", shortID(rec.ID), rec.Status)}
	}
	now, lies := d.LoadFile(rec.Workflow)
	edited = lies != nil || !bytes.Equal(now.Source, rec.Source)
	if current {
		flow, err = now, lies
	} else {
		flow, err = d.recorded(&rec)
	}
	req = request(&rec)
	req.Trigger, req.Why = "", "retry of run "+shortID(rec.ID)
	req.NoCache, req.Verify, req.From = false, false, nil
	return flow, req, edited, err
}

// FilesChanged reports whether files with which a run began are others now, as far as they can be read. Of a per-file run it reads the one
// file: the folder may hold thousands.
func (d *Daemon) FilesChanged(ctx context.Context, flow *Workflow, req *Request) bool {
	if req.File == nil {
		now, err := d.TriggerFiles(ctx, flow)
		return err == nil && !slices.Equal(now, req.Files)
	}
	dir, err := d.openDir(flow.Dir)
	if err != nil {
		return false
	}
	defer dir.Close()
	digest, _, err := d.fileDigest(ctx, dir, req.File.Path)
	return err == nil && digest != req.File.Digest || errors.Is(err, fs.ErrNotExist)
}
