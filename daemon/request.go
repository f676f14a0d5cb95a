package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"

	"levee/daemon/journal"
)

// A RunJobRequest of nodetool brings its workflow along. It runs as if the workflow lay in the served folder, under a hidden name that no
// file has; nothing of it reads or writes files: one that asks for some is refused.
const requestSuffix = ".request.json"

// jobRequest is what levee reads of a RunJobRequest beyond its graph and params, which graph.Parse takes.
type jobRequest struct {
	Type     string `json:"type"`
	Workflow string `json:"workflow_id"`
	Job      string `json:"job_id"`
}

// jobRequestIn reports whether a request is a RunJobRequest.
func jobRequestIn(text []byte) (j jobRequest, ok bool) {
	ok = json.Unmarshal(text, &j) == nil && j.Type == "run_job_request"
	return j, ok
}

var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// name is the file name under which the request's workflow is known: requests of one workflow have their turns as one.
func (j *jobRequest) name() string {
	if plainID.MatchString(j.Workflow) {
		return "." + j.Workflow + requestSuffix
	}
	return ".run" + requestSuffix
}

// submitJob puts the run that a RunJobRequest asks for into the queue. A job_id asks for one run, however often it comes.
func (f *folder) submitJob(ctx context.Context, j *jobRequest, text []byte) (RunAnswer, error) {
	flow, err := f.d.LoadText(filepath.Join(f.root, j.name()), text)
	if problems, ok := Problems(err); ok {
		return RunAnswer{}, refuse("%s", Printable(problems.Error()))
	}
	if err != nil {
		return RunAnswer{}, err
	}
	if allow := flow.Graph.Allow; len(allow.Read)+len(allow.Write) > 0 {
		return RunAnswer{}, refuse("the workflow of a request can touch no files, and this one reads %q and writes %q: put it into the served folder, and ask for it by its path", allow.Read, allow.Write)
	}
	req, err := f.d.asked(ctx, flow, RunRequest{})
	if err != nil {
		return RunAnswer{}, err
	}
	if j.Job != "" {
		req.Trigger = "job/" + j.Job
	}
	answer, err := f.queueAsked(ctx, requested(j.name(), flow), flow, req)
	var dup *journal.DuplicateError
	if errors.As(err, &dup) {
		return RunAnswer{Run: dup.Run, Status: dup.Status}, nil
	}
	return answer, err
}

// requested is a workflow that is served for the runs that were asked for with it.
func requested(path string, flow *Workflow) *served {
	return &served{path: path, good: flow, queued: make(map[string]bool)}
}

// resumable is the workflow of a run that an earlier process left, nil when it is not there as it was.
func (f *folder) resumable(rec *journal.Run) *served {
	rel, _ := below(f.root, rec.Workflow)
	if strings.HasSuffix(rel, requestSuffix) && strings.HasPrefix(rel, ".") {
		if flow, err := f.d.recorded(rec); err == nil {
			return requested(rel, flow)
		}
		return nil
	}
	s := f.flows[rel]
	if s == nil || s.good == nil || s.good.Denied != nil || string(s.good.Source) != string(rec.Source) {
		return nil
	}
	return s
}
