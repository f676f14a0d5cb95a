package daemon_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/docs"
	"levee/graph/value"
	"levee/testdata/guests"
)

var messageSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(docs.MessagesSchema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("messages.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("messages.json")
})

// requireMessage holds a message against the published schema.
func requireMessage(t *testing.T, line string) {
	t.Helper()
	schema, err := messageSchema()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	require.NoError(t, err, line)
	require.NoError(t, schema.Validate(doc), line)
}

func lineOf(t *testing.T, e journal.Event) string {
	t.Helper()
	text, err := json.Marshal(e)
	require.NoError(t, err)
	return string(text)
}

// told keeps the messages of a run while they happen.
type told struct {
	mu     sync.Mutex
	events []journal.Event
}

func (l *told) observe(e journal.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !e.Again {
		l.events = append(l.events, e)
	}
}

// history is all that is recorded of the messages of a run, after a number.
func (b *box) messages(run string, after int64) []string {
	b.t.Helper()
	h, err := daemon.OpenHistory(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	var list []string
	require.NoError(b.t, h.Messages(b.t.Context(), run, after, false, func(e journal.Event) { list = append(list, lineOf(b.t, e)) }))
	return list
}

// requireStory checks what holds for the messages of every run that has ended: each is as the schema says, their numbers grow, the
// last one and only that one says how it ended, and whoever goes on behind any number misses nothing.
func (b *box) requireStory(run string, live *told) []journal.Event {
	t := b.t
	t.Helper()
	all := b.messages(run, 0)
	if live != nil {
		lines := make([]string, len(live.events))
		for i, e := range live.events {
			lines[i] = lineOf(t, e)
		}
		require.Equal(t, lines, all, "told again as it was told")
	}
	last := int64(0)
	var events []journal.Event
	for i, line := range all {
		requireMessage(t, line)
		var m struct {
			Type, Status string
			Seq          int64
			Node         string `json:"node_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		require.Greater(t, m.Seq, last)
		last = m.Seq
		end := m.Type == "job_update" && journal.Status(m.Status).Terminal()
		require.Equal(t, i == len(all)-1, end, line)
		events = append(events, journal.Event{Seq: m.Seq, Type: m.Type, Node: m.Node, Data: []byte(line)})
	}
	for i, e := range events {
		require.Equal(t, append([]string(nil), all[i+1:]...), b.messages(run, e.Seq), "behind %d", e.Seq)
	}
	return events
}

// TestMessagesOfRuns runs workflows of all kinds, and holds what is told of them against what is told of every run.
func TestMessagesOfRuns(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("log.wasm", string(guests.Bare("log", guests.Log(2, "mind the gap"))))
	b.drop("fail.wasm", string(guests.Bare("fail", guests.Fail("no luck"))))
	b.drop("sub.flow.yaml", "levee: 1\nnodes: { m: { uses: ./mix.wasm, with: { a: 5 } } }\noutputs: { n: m.n }\n")
	const loops = `levee: 1
inputs: { list: { type: list<int>, default: [1, 2, 3] } }
nodes:
  all:
    each: inputs.list
    as: x
    on_error: skip
    nodes:
      m: { uses: ./mix.wasm, in: { a: x } }
      l: { uses: ./log.wasm }
    out: { n: m.n }
  turns:
    repeat: { max: 3, carry: { v: { from: inputs.start, next: m.n } } }
    as: turn
    nodes: { m: { uses: ./mix.wasm, in: { a: turn.v } } }
    out: { n: m.n }
  maybe: { uses: ./mix.wasm, with: { a: 1 }, if: no.text }
  no: { uses: text/upper, with: { text: "" } }
  s: { uses: ./sub.flow.yaml }
outputs: { list: all.n, n: turns.n, s: s.n }
`
	for name, text := range map[string]string{
		"sums":  sums,
		"loops": replace(t, loops, "default: [1, 2, 3] }", "default: [1, 2, 3] }, start: { type: int, default: 1 }"),
		"fails": "levee: 1\nnodes:\n  bad: { uses: ./fail.wasm, retry: { times: 1 } }\n  next: { uses: text/decode, in: { data: bad.out } }\n",
		"some":  "levee: 1\ninputs: { list: { type: list<int>, default: [1, 2] } }\nnodes:\n  all: { each: inputs.list, as: x, parallel: 1, on_error: skip, nodes: { f: { uses: ./fail.wasm } }, out: { o: f.out } }\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.t = t
			b.drop(name+".flow.yaml", text)
			d := b.open()
			for _, again := range []string{"first", "cached"} {
				live := &told{}
				got := d.runWith(name+".flow.yaml", daemon.Request{Observer: daemon.Observer{Observe: live.observe}})
				events := b.requireStory(got.ID, live)
				requireOrder(t, events, again == "cached" && got.Counts.Failed == 0)
			}
			d.shut()
		})
	}
}

// requireOrder checks the order of what is told of each invocation: running, what it says, its end. What was cached has no
// beginning.
func requireOrder(t *testing.T, events []journal.Event, cached bool) {
	t.Helper()
	running, ended := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		var m struct {
			Status  string
			Cached  bool
			Attempt int
		}
		require.NoError(t, json.Unmarshal(e.Data, &m))
		switch {
		case e.Node == "" || e.Type == "output_update" || e.Type == "error":
		case e.Type == "log_update" || e.Type == "node_progress":
			require.True(t, running[e.Node] || ended[e.Node], string(e.Data))
		case m.Status == "running":
			require.False(t, running[e.Node], string(e.Data))
			require.False(t, cached && m.Attempt > 0, "nothing ran: %s", e.Data)
			running[e.Node] = true
		case m.Status == "completed" || m.Status == "error":
			require.True(t, running[e.Node] || m.Cached, "%s", e.Data)
			delete(running, e.Node)
			ended[e.Node] = true
		}
	}
	require.Empty(t, running)
}

func TestMessagesOfACancelledRun(t *testing.T) {
	b := newGatedBox(t)
	s := b.serve()
	s.nodeEnded("w.flow.yaml", "first")
	b.remove("w.flow.yaml")
	got := s.ended("w.flow.yaml")
	require.Equal(t, journal.Cancelled, got.Status)
	b.requireStory(got.ID, nil)
}

// TestFollowedRun follows a run through the history while another part of levee has it in hand, and looks at its state meanwhile.
func TestFollowedRun(t *testing.T) {
	b := newGatedBox(t)
	s := b.serve(once)
	s.nodeEnded("w.flow.yaml", "first")
	run := b.runs()[0]
	h, err := daemon.OpenHistory(t.Context(), b.cfg)
	require.NoError(t, err)
	defer h.Close()

	var lines []string
	opened := false
	require.NoError(t, h.Messages(t.Context(), run.ID, 0, true, func(e journal.Event) {
		line := lineOf(t, e)
		lines = append(lines, line)
		if !opened && e.Type == "node_update" && e.Node == "wait" && strings.Contains(line, `"status":"running"`) {
			opened = true
			state, err := h.State(t.Context(), &run)
			require.NoError(t, err)
			require.Equal(t, daemon.State{Running: true, Current: []string{"wait"}, Progress: daemon.Progress{Done: 1, Total: 3}}, state)
			b.drop("open", "")
		}
	}))
	require.True(t, opened, "it was told while it ran")
	require.Equal(t, b.messages(run.ID, 0), lines)
	s.finish()
	b.requireStory(run.ID, nil)
	ended, err := h.Run(t.Context(), run.ID)
	require.NoError(t, err)
	state, err := h.State(t.Context(), &ended)
	require.NoError(t, err)
	require.Equal(t, daemon.State{Current: []string{}, Progress: daemon.Progress{Done: 3, Total: 3}}, state)
}

// Nobody waits for ever for a run whose process is gone.
func TestFollowedRunThatWasLeft(t *testing.T) {
	b := newGatedBox(t)
	s := b.serve()
	s.nodeEnded("w.flow.yaml", "first")
	s.drain()
	s.cut()
	s.stop()
	h, err := daemon.OpenHistory(t.Context(), b.cfg)
	require.NoError(t, err)
	defer h.Close()
	require.ErrorContains(t, h.Messages(t.Context(), b.runs()[0].ID, 0, true, func(journal.Event) {}), "the process that ran it is gone")
}

// TestLargeValuesAreReferences: what is large, or no text, number, bool or JSON, is told by type, size and digest.
func TestLargeValuesAreReferences(t *testing.T) {
	large := func(n int) value.Value {
		v, err := value.New(t.Context(), value.String, bytes.Repeat([]byte("a"), n))
		require.NoError(t, err)
		return v
	}
	of := func(typ value.Type, x any) value.Value {
		v, err := value.FromGo(typ, x)
		require.NoError(t, err)
		return v
	}
	bin, err := value.New(t.Context(), value.Bytes, []byte("b"))
	require.NoError(t, err)
	reference := func(v value.Value) string {
		text, err := json.Marshal(map[string]any{"type": v.Type, "size": v.Size, "digest": v.Digest})
		require.NoError(t, err)
		return string(text)
	}
	like := of(value.JSON, map[string]any{"type": "image", "size": int64(1), "digest": "x"})
	for _, c := range []struct {
		v    value.Value
		want string
	}{
		{value.OfInt(7), `7`}, {large(256), `"` + strings.Repeat("a", 256) + `"`}, {large(257), reference(large(257))}, {bin, reference(bin)},
		{of("list<string>", []any{"a", "b"}), `["a","b"]`}, {of("map<int>", map[string]any{"k": int64(1)}), `{"k":1}`},
		{of(value.JSON, map[string]any{"digest": "x"}), `{"digest":"x"}`}, {like, reference(like)},
		{value.Stored(value.Int, value.OfInt(1).Digest, 8), reference(value.OfInt(1))},
	} {
		require.JSONEq(t, c.want, string(journal.ForMessage(c.v, 256)))
	}
}

// TestMessagesPage holds the page against the schema: its example, and that it names every field, type and status.
func TestMessagesPage(t *testing.T) {
	text := page(t, "messages.md")
	lines := 0
	for _, example := range blocks(text) {
		for line := range strings.Lines(example.text) {
			requireMessage(t, line)
			lines++
		}
	}
	require.Greater(t, lines, 5)
	var schema any
	require.NoError(t, json.Unmarshal(docs.MessagesSchema, &schema))
	for _, field := range properties(schema) {
		require.True(t, strings.Contains(text, "`"+field+"`") || strings.Contains(text, "."+field+"`"), "%s is not on the page", field)
	}
	for _, kind := range []string{"job_update", "node_update", "node_progress", "output_update", "edge_update", "log_update", "error"} {
		require.True(t, strings.Contains(text, "\n## "+kind+"\n"), kind)
	}
}
