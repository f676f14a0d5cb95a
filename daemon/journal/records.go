package journal

import (
	"encoding/json"
	"time"

	"levee/graph/value"
)

// Status is the state of a run.
type Status string

// A run has exactly one of the last three at its end. Interrupted is never stored: the run stays open and is resumed.
const (
	Queued      Status = "queued"
	Running     Status = "running"
	Waiting     Status = "waiting"   // all that is left of it waits: for a device, or to be tried again
	Suspended   Status = "suspended" // it waits for a person, and nobody has it in hand
	Interrupted Status = "interrupted"
	Completed   Status = "completed"
	Failed      Status = "failed"
	Cancelled   Status = "cancelled"
)

// Statuses are those that are stored.
var Statuses = []Status{Queued, Running, Waiting, Suspended, Completed, Failed, Cancelled}

// Terminal reports whether a run with this status has ended.
func (s Status) Terminal() bool { return s == Completed || s == Failed || s == Cancelled }

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
	Started  time.Time       `json:"started,omitzero"` // when it first left the queue
	Finished time.Time       `json:"finished,omitzero"`
	Epoch    int             `json:"epoch"`
	Owner    string          `json:"owner"`
	Error    string          `json:"error,omitempty"`
	Code     string          `json:"code,omitempty"`
	Cause    string          `json:"cause,omitempty"` // path of the invocation that failed first
	Outputs  []Named         `json:"outputs"`
	Counts   Counts          `json:"counts"`
	How      How             `json:"how,omitzero"`

	// CancelAsked is when somebody asked for the end of the run; it never starts after that.
	CancelAsked time.Time `json:"cancel_asked,omitzero"`
	// Parent is the run one of whose nodes this run is, ParentPath that node's path; "": it is a run of its own.
	Parent     string `json:"parent,omitempty"`
	ParentPath string `json:"parent_path,omitempty"`
	// Doubt is set when the history was damaged or lost its end while the run was open: what its invocations did after that
	// may not be recorded, so one with effects must be taken for started.
	Doubt string `json:"doubt,omitempty"`
	// Bare says that the details were forgotten: no source, values, invocations or events.
	Bare bool `json:"bare,omitempty"`
}

// How says how a run was asked to run. It is kept so that a run goes on in the same way when another process takes it up.
type How struct {
	NoCache bool          `json:"no_cache,omitempty"`
	Verify  bool          `json:"verify,omitempty"`
	Only    []string      `json:"only,omitempty"` // sites
	From    []string      `json:"from,omitempty"` // sites
	Time    string        `json:"time,omitempty"` // RFC 3339: the time for which it runs
	Timeout time.Duration `json:"timeout,omitempty"`
	// Map names the modules that stood for node types of a foreign file.
	Map map[string]string `json:"map,omitempty"`
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
	SuspendedNode InvocationStatus = "suspended" // it waits for an answer; Cause is the question
)

// Invocation is one execution of one node in a run.
type Invocation struct {
	Run     string           `json:"run"`
	Path    string           `json:"path"`           // photos[3].decode
	Site    string           `json:"site"`           // photos.decode
	Name    string           `json:"name,omitempty"` // what people call the node; "": the last part of its site
	Attempt int              `json:"attempt"`
	Seq     int64            `json:"seq"` // of its end as an event; 0: it only began
	Status  InvocationStatus `json:"status"`
	Type    string           `json:"type"`
	Module  [32]byte         `json:"-"`
	Key     [32]byte         `json:"-"`
	Outputs []Named          `json:"outputs,omitempty"` // read back with their bytes where these are few, or it had effects
	Started time.Time        `json:"started"`
	Ended   time.Time        `json:"ended,omitzero"`
	Compile time.Duration    `json:"compile"`
	Peak    int64            `json:"peak"`
	Effect  bool             `json:"effect,omitempty"`
	Error   string           `json:"error,omitempty"`
	Code    string           `json:"code,omitempty"`
	Cause   string           `json:"cause,omitempty"`
	Log     []byte           `json:"-"` // the first 64 KiB are kept

	// Properties are the literals of the node as the message that it runs has them; see Properties.
	Properties json.RawMessage `json:"-"`

	// Began says that nobody was told of its beginning before its end: one row is both.
	Began bool `json:"-"`
	// Kept is set by Write when an earlier end of the same invocation stays, and this one is not recorded.
	Kept bool `json:"-"`
}

// Event is something that happened in a run. Seq grows in the order in which events became durable, those of the ends of
// invocations among them: who asks for what came after the last one they saw misses none. No number is given twice; some are
// missing where a resumed run replaced the end of an invocation, which then has a new number.
type Event struct {
	Run      string
	Workflow string // path; set by those who read
	Seq      int64
	At       time.Time
	Type     string
	Node     string
	Data     json.RawMessage // an object: what the message says beyond the fields above. A list of objects is as many messages
	Again    bool            // told before, by a process that took the run up earlier: for who shows what goes on, it is no new message
}
