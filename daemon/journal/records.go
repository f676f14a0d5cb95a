package journal

import (
	"encoding/json"
	"time"

	"levee/graph/value"
)

// Status is the state of a run.
type Status string

// A run has exactly one of the last four at its end. Interrupted is never stored: the run stays open and is resumed.
const (
	Accepted    Status = "accepted"
	Interrupted Status = "interrupted"
	Completed   Status = "completed"
	Failed      Status = "failed"
	Cancelled   Status = "cancelled"
	Superseded  Status = "superseded" // its workflow was edited
)

// Run is one execution of a workflow.
type Run struct {
	ID       string          `json:"id"`
	Trigger  string          `json:"trigger"`
	Workflow string          `json:"workflow"`
	File     string          `json:"file,omitempty"`
	Name     string          `json:"name"`
	Source   []byte          `json:"-"`
	Inputs   []Named         `json:"inputs"`
	Files    []value.FileRef `json:"files,omitempty"`
	Why      string          `json:"why"`
	Status   Status          `json:"status"`
	Accepted time.Time       `json:"accepted"`
	Finished time.Time       `json:"finished,omitzero"`
	Epoch    int             `json:"epoch"`
	Owner    string          `json:"owner"`
	Error    string          `json:"error,omitempty"`
	Code     string          `json:"code,omitempty"`
	Cause    string          `json:"cause,omitempty"` // path of the invocation that failed first
	Outputs  []Named         `json:"outputs"`
	Counts   Counts          `json:"counts"`
}

// Counts says what a run's invocations came to.
type Counts struct {
	Ran     int `json:"ran"`
	Cached  int `json:"cached"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// InvocationStatus is the state of an invocation.
type InvocationStatus string

// Started is durable only for invocations with effects; the others are written once, at their end.
const (
	Started       InvocationStatus = "started"
	Ran           InvocationStatus = "ran"
	Cached        InvocationStatus = "cached"
	Skipped       InvocationStatus = "skipped"
	FailedNode    InvocationStatus = "failed"
	CancelledNode InvocationStatus = "cancelled"
)

// Invocation is one execution of one node in a run.
type Invocation struct {
	Run     string           `json:"run"`
	Path    string           `json:"path"` // photos[3].decode
	Site    string           `json:"site"` // photos.decode
	Attempt int              `json:"attempt"`
	Seq     int64            `json:"seq"`
	Status  InvocationStatus `json:"status"`
	Type    string           `json:"type"`
	Module  [32]byte         `json:"-"`
	Key     [32]byte         `json:"-"`
	Outputs []Named          `json:"outputs,omitempty"` // read back without their bytes
	Started time.Time        `json:"started"`
	Ended   time.Time        `json:"ended,omitzero"`
	Compile time.Duration    `json:"compile"`
	Peak    int64            `json:"peak"`
	Effect  bool             `json:"effect,omitempty"`
	Error   string           `json:"error,omitempty"`
	Code    string           `json:"code,omitempty"`
	Cause   string           `json:"cause,omitempty"`
	Log     []byte           `json:"-"`
}

// Event is something that happened in a run, other than the end of an invocation, which is an Invocation.
type Event struct {
	Run  string          `json:"job_id"`
	Seq  int64           `json:"seq"`
	At   time.Time       `json:"at"`
	Type string          `json:"type"`
	Node string          `json:"node_id,omitempty"`
	Data json.RawMessage `json:"data"`
}

// Event is the end of the invocation as an event.
func (i *Invocation) Event() Event {
	status := string(i.Status)
	if i.Status == Ran || i.Status == Cached {
		status = "completed"
	}
	data, _ := json.Marshal(map[string]any{ // of strings, numbers and bools: cannot fail
		"status": status, "cached": i.Status == Cached, "site": i.Site, "type": i.Type, "attempt": i.Attempt,
		"us": i.Ended.Sub(i.Started).Microseconds(), "compile_us": i.Compile.Microseconds(), "peak": i.Peak,
		"error": i.Error, "code": i.Code, "cause": i.Cause,
	})
	return Event{Run: i.Run, Seq: i.Seq, At: i.Ended, Type: "node_update", Node: i.Path, Data: data}
}

// Named is a value under the name of an input or output.
type Named struct {
	Name  string
	Value value.Value
}

type namedJSON struct {
	Name   string       `json:"name"`
	Type   value.Type   `json:"type"`
	Digest value.Digest `json:"digest"`
	Size   int64        `json:"size"`
	Bytes  *[]byte      `json:"bytes,omitempty"`
}

func (n Named) json(bytes bool) namedJSON {
	j := namedJSON{Name: n.Name, Type: n.Value.Type, Digest: n.Value.Digest, Size: n.Value.Size}
	if enc, ok := n.Value.Inline(); ok && bytes {
		j.Bytes = &enc
	}
	return j
}

// MarshalJSON leaves the bytes out: it is for people and machines that look, who ask for a value by its digest.
func (n Named) MarshalJSON() ([]byte, error) { return json.Marshal(n.json(false)) }

// encodeNamed writes values for the database, with the bytes of those that carry them when bytes is set.
func encodeNamed(list []Named, bytes bool) string {
	rows := make([]namedJSON, len(list))
	for i, n := range list {
		rows[i] = n.json(bytes)
	}
	b, _ := json.Marshal(rows) // of strings and numbers: cannot fail
	return string(b)
}

func decodeNamed(text string) ([]Named, error) {
	var rows []namedJSON
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	list := make([]Named, len(rows))
	for i, r := range rows {
		v := value.Stored(r.Type, r.Digest, r.Size)
		if r.Bytes != nil && value.Sum(*r.Bytes) == r.Digest {
			v = value.Loaded(r.Type, r.Digest, *r.Bytes)
		}
		list[i] = Named{Name: r.Name, Value: v}
	}
	return list, nil
}
