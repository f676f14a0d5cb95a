// Package graph turns a workflow file into a checked graph, shows it as levels, and runs it. It is pure: it compiles no
// module, touches no database, reads no file and has no clock of its own; what it needs of these comes in as function values.
package graph

import (
	"time"

	"levee/graph/value"
)

// Graph is a checked workflow, or the body of a group. Every wire in it leads somewhere and fits.
type Graph struct {
	Name        string // the file's name: field, else the file's base name
	Description string
	Trigger     *Trigger
	TriggerUse  Pos // of the first wire to a field of the trigger
	Inputs      []value.Port
	Allow       Allow
	Timeout     time.Duration // for a whole run; 0: none
	Serial      bool          // no two runs of it go on at the same time
	Nodes       []*Node       // in the order of the file
	Outputs     []Output
	Foreign     Foreign           // the system whose file this was; "" for our own
	Aliases     map[string]string // of a foreign file: names of inputs that wires cannot use -> ours
}

// Trigger says what starts a run: files, times, or nothing but a person. One of Files, Every, Cron and Manual is set.
type Trigger struct {
	Files     []string      // globs, relative to the workflow's folder
	PerFile   bool          // one run for each new or changed file, else one for each settled batch
	Every     time.Duration // at the multiples of it since 1970
	Cron      *Cron
	Zone      string // of Cron; "": the machine's
	NoCatchUp bool   // a time that was missed is not made up for
	Manual    bool
	Pos       Pos
	ZonePos   Pos
}

// Timed reports whether times start the runs.
func (t *Trigger) Timed() bool { return t != nil && (t.Every > 0 || t.Cron != nil) }

// ByFiles reports whether files start the runs.
func (t *Trigger) ByFiles() bool { return t != nil && len(t.Files) > 0 }

// Allow is what the workflow asks for; the operator's ceiling decides.
type Allow struct {
	Read, Write []string      // folders, relative to the workflow's folder, slash separated
	Memory      int64         // bytes of guest memory an invocation may use; 0: the default
	Time        time.Duration // for one invocation; 0: the default
}

// Kind tells tasks from groups.
type Kind int

// The kinds of nodes.
const (
	Task   Kind = iota // runs a module
	Group              // a plain group: its Body runs once
	Each               // its Body runs once per element of Over, or of the lists of Zip side by side
	Repeat             // its Body runs turn by turn
)

// Node is a task or a group.
type Node struct {
	ID     string
	Label  string // for people: what a foreign file calls the node; "" in our own files
	Origin string // its id in a foreign file
	Site   string // the ids from the workflow down, joined by dots: photos.decode
	Kind   Kind
	Pos    Pos
	Level  int // 0 for nodes whose inputs all come from outside their graph
	If     *Source
	After  []*Node
	Deps   []*Node // the siblings that must end before this node may start, each once: wires, if, after, and those of its body
	Limits Limits
	Retry  Retry
	Error  OnError

	// of a task
	Uses    string
	Type    *Type
	Inputs  []Input      // one per port of Type.Inputs, in that order
	Outputs []value.Port // concrete types: type variables are bound. Of a group: its out ports
	Device  []string     // in order of preference; empty: what the type prefers

	// of a group
	Body     *Graph  // Body.Outputs are the group's ports
	Over     *Source // of Each, unless it has Zip
	Zip      []Lane
	Repeat   *Turns
	As       string
	Parallel int // elements that run at the same time; 0: the default
}

// Lane is one of several lists that an each group goes over side by side.
type Lane struct {
	Name string // the element's field
	Over Source
}

// Turns says how a repeat group goes on.
type Turns struct {
	Max   int     // turns at most
	Until *Source // in the body: the turn in which it is true is the last; nil: all turns are taken
	Carry []Carry
}

// Carry is a value that a turn hands to the next.
type Carry struct {
	Name string  // the field by which the body reads it
	From Source  // outside: what the first turn gets
	Next *Source // in the body: what the next one gets
	Type value.Type
}

// Type is what uses: resolved to: a node type of a module, or another workflow. Handle is the resolver's own.
type Type struct {
	Name string // full name, for messages
	value.Signature
	Devices []string
	Handle  any
}

// Limits of one invocation; zero fields mean the workflow's allow, then the default.
type Limits struct {
	Time   time.Duration
	Memory int64
	GPU    int64 // bytes of tensors, on whatever device they are
}

// Retry repeats a failed invocation Times times, waiting Wait, 2*Wait, 4*Wait...
type Retry struct {
	Times int
	Wait  time.Duration
}

// OnError says what a failure of the node does to its graph.
type OnError struct {
	Skip   bool                   // dependants are skipped, the run goes on
	Values map[string]value.Value // the node's outputs are these; of an each group: the outputs of an element that failed
}

// Input says where one port's value comes from: one source, or several that are collected into a list.
type Input struct {
	Sources []Source // none: the port stays absent
	Collect bool     // the sources are elements of a list, in that order
	Keys    []string // of a collected map: the key of each source, ascending
	Type    value.Type
}

// SourceKind tells where a Source leads.
type SourceKind int

// The kinds of sources.
const (
	FromLiteral SourceKind = iota
	FromInput              // an input of the workflow
	FromTrigger            // a field of the trigger: files, data, path, name, stem
	FromNode               // an output of a node, in the same graph or one around it
	FromElement            // the element of an each group around, or a field of it
)

// Source is one end of a wire. Its value has Type; Input.Type (or the reader's need) may be wider, see value.Convert.
type Source struct {
	Kind    SourceKind
	Literal value.Value
	Node    *Node  // FromNode: the producer; FromElement: the each group
	Port    string // input, output or field name; "" for the whole element
	Type    value.Type
	Pos     Pos
	Default bool // FromLiteral: the port's own, which the file does not say
}

// Output is a named result of a graph; File and Names ask for files (of a workflow's outputs only).
type Output struct {
	Name  string
	Label string // what a foreign file calls it; "" where that is its name
	From  Source
	File  string  // path relative to the workflow's folder; for a list it holds one *
	Names *Source // list<string>: what the * stands for; nil: the index
	Pos   Pos
}

// Pos is a place in a workflow file; both count from 1, Col in bytes. The zero Pos is no place.
type Pos struct{ Line, Col int }
