package daemon_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph/value"
	"levee/testdata/guests"
)

// answer lets a run go on in this daemon.
func (o *opened) answer(run string, set ...string) *daemon.Result {
	t := o.box.t
	t.Helper()
	p, err := o.Pending(t.Context(), run)
	require.NoError(t, err)
	require.NoError(t, o.Answer(t.Context(), p, set))
	res, err := o.Resume(t.Context(), p, daemon.Observer{})
	require.NoError(t, err)
	return res
}

// forgetResults deletes every stored result.
func (b *box) forgetResults() {
	b.t.Helper()
	for _, part := range []string{"cache.db", "cache.db-wal", "cache.db-shm", "values"} {
		require.NoError(b.t, os.RemoveAll(filepath.Join(b.cfg.CacheDir, part)))
	}
}

// asking has a node with an effect that its manifest does not call idempotent, and a question.
const asking = `levee: 1
allow: { read: [.], write: [out] }
nodes:
  write: { uses: ./effect.wasm }
  pure: { uses: ./mix.wasm, with: { a: 1 } }
  ask: { uses: flow/ask, with: { question: Send it? } }
  both: { uses: ./mix.wasm, in: { a: write.n, b: pure.n }, after: [ask] }
outputs: { n: both.n, answer: ask.answer }
`

func TestWhatEndedBeforeAQuestionIsNotRepeated(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		b := newBox(t)
		b.drop("mix.wasm", string(guests.Mix("")))
		b.drop("effect.wasm", string(guests.Effect("out/sent.txt", "sent", "go", false)))
		b.drop("go", "")
		b.drop("w.flow.yaml", asking)
		d := b.open()
		first := d.run("w.flow.yaml")
		require.Equal(t, journal.Suspended, first.Status)
		require.NoError(t, first.Err)
		require.Equal(t, "ask", first.Waits.Waits[0].Path)
		require.Equal(t, 2, d.executions())
		d.shut()

		rec := b.runs()[0]
		require.Equal(t, journal.Suspended, rec.Status)
		require.True(t, rec.Finished.IsZero())
		b.drop("out/sent.txt", "changed since")
		if forgotten {
			b.forgetResults()
		}
		d = b.open()
		got := d.answer(rec.ID, "ask=yes")
		require.Equal(t, rec.ID, got.ID)
		require.Equal(t, "558", output(t, got, "n")) // 31*1 + 17*31
		require.Equal(t, "yes", output(t, got, "answer"))
		require.Equal(t, "changed since", b.read("out/sent.txt"), "the effect did not happen again")
		if !forgotten {
			require.Equal(t, 2, d.executions(), "ask and both")
		}
		require.Equal(t, journal.Completed, b.runs()[0].Status)
	}
}

// An element that was left out stays out: were it back after the answer, the elements behind it would be taken for others, and given
// the results of those.
func TestWhatFailedBeforeAQuestionStaysSo(t *testing.T) {
	b := newBox(t)
	b.drop("data/b.txt", "bbb")
	b.drop("sub.flow.yaml", "levee: 1\ninputs: { t: string }\nnodes: { u: { uses: text/upper, in: { text: inputs.t } } }\noutputs: { u: u.text }\n")
	b.drop("w.flow.yaml", `levee: 1
inputs: { paths: { type: list<string>, default: [data/a.txt, data/b.txt] } }
allow: { read: [data] }
nodes:
  read:
    each: inputs.paths
    as: path
    on_error: skip
    nodes: { file: { uses: file/read, in: { path: path }, retry: { times: 2 } }, text: { uses: text/decode, in: { data: file.data } } }
    out: { text: text.text }
  upper: { each: read.text, as: text, nodes: { s: { uses: ./sub.flow.yaml, in: { t: text } } }, out: { u: s.u } }
  ask: { uses: flow/ask, with: { question: Send it? } }
outputs: { u: upper.u, answer: ask.answer }
`)
	d := b.open()
	first := d.run("w.flow.yaml")
	require.Equal(t, journal.Suspended, first.Status)
	b.drop("data/a.txt", "aaa")
	got := d.answer(first.ID, "ask=yes")
	require.Equal(t, journal.Completed, got.Status)
	require.Equal(t, `["BBB"]`, output(t, got, "u"))
	require.Equal(t, 1, got.Counts.Failed)
	states := b.states(first.ID)
	require.Equal(t, journal.FailedNode, states["read[0].file"])

	again := d.run("w.flow.yaml")
	require.Equal(t, journal.Suspended, again.Status)
	got = d.answer(again.ID, "ask=yes")
	require.Equal(t, `["AAA","BBB"]`, output(t, got, "u"))
}

// A file has another content when the run goes on: what read it sees that, and so does a workflow that is a node behind it, unless that
// might repeat an effect.
func TestWorkflowThatIsANodeSeesChangedInputs(t *testing.T) {
	for _, effect := range []bool{false, true} {
		b := newBox(t)
		b.drop("data/a.txt", "old")
		sub := "levee: 1\ninputs: { t: string }\nnodes: { u: { uses: text/upper, in: { text: inputs.t } } }\noutputs: { u: u.text }\n"
		if effect {
			b.drop("effect.wasm", string(guests.Effect("out/sent.txt", "sent", "go", false)))
			b.drop("go", "")
			sub = strings.Replace(sub, "nodes: {", "allow: { read: [.], write: [out] }\nnodes: { e: { uses: ./effect.wasm },", 1)
		}
		b.drop("sub.flow.yaml", sub)
		b.drop("w.flow.yaml", `levee: 1
allow: { read: [.], write: [out] }
nodes:
  file: { uses: file/read, with: { path: data/a.txt } }
  text: { uses: text/decode, in: { data: file.data } }
  s: { uses: ./sub.flow.yaml, in: { t: text.text } }
  ask: { uses: flow/ask, with: { question: Send it? } }
outputs: { u: s.u, text: text.text, answer: ask.answer }
`)
		d := b.open()
		first := d.run("w.flow.yaml")
		require.Equal(t, journal.Suspended, first.Status)
		b.drop("data/a.txt", "new")
		got := d.answer(first.ID, "ask=yes")
		require.Equal(t, "new", output(t, got, "text"))
		require.Equal(t, map[bool]string{false: "NEW", true: "OLD"}[effect], output(t, got, "u"))
		_, children := b.family()
		require.Len(t, children, map[bool]int{false: 2, true: 1}[effect])
	}
}

// An answer that comes while the run still works is taken up by the process that has the run in hand.
func TestAnswerWhileTheRunGoesOn(t *testing.T) {
	b := newBox(t)
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("w.flow.yaml", `levee: 1
allow: { read: [.] }
nodes:
  g: { uses: ./gate.wasm, with: { path: go } }
  ask: { uses: flow/ask, with: { question: Well? } }
outputs: { answer: ask.answer }
`)
	d := b.open()
	ended := make(chan *outcome, 1)
	go func() { ended <- d.run("w.flow.yaml") }()
	var p *daemon.Pending
	other := b.open()
	require.Eventually(t, func() bool {
		runs := b.runs()
		if len(runs) == 0 {
			return false
		}
		var err error
		p, err = other.Pending(t.Context(), runs[0].ID)
		require.NoError(t, err)
		return len(p.Questions) == 1
	}, deadline, 10*time.Millisecond)
	require.Equal(t, "Well?", p.Questions[0].Text)
	require.NoError(t, other.Answer(t.Context(), p, []string{"ask=now"}))
	res, err := other.Resume(t.Context(), p, daemon.Observer{})
	require.NoError(t, err)
	require.Nil(t, res, "it is in the other daemon's hand")
	b.drop("go", "")
	got := <-ended
	require.Equal(t, journal.Completed, got.Status)
	require.Equal(t, "now", output(t, got.Result, "answer"))
}

func TestAnswersThatDoNotFit(t *testing.T) {
	b := newBox(t)
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("w.flow.yaml", "levee: 1\nnodes:\n  a: { uses: flow/ask, with: { question: one } }\n  b: { uses: flow/ask, with: { question: two } }\n")
	d := b.open()
	d.run("w.flow.yaml")
	p, err := d.Pending(t.Context(), b.runs()[0].ID)
	require.NoError(t, err)
	var unfit *daemon.ResumeError
	err = d.Answer(t.Context(), p, []string{"a=1", "c=2"})
	require.ErrorAs(t, err, &unfit)
	require.ErrorContains(t, err, `no node "c"`)
	require.ErrorContains(t, err, "b: two (--set b=VALUE, string)")
	got := d.answer(b.runs()[0].ID, "b=2")
	require.Equal(t, journal.Suspended, got.Status, "a was not answered: none is recorded when one does not fit")
	require.Equal(t, "a", got.Waits.Waits[0].Path)
	require.Equal(t, 1, got.Waits.Total)
	require.Equal(t, journal.Completed, d.answer(b.runs()[0].ID, "a=1").Status)
	_, err = d.Pending(t.Context(), b.runs()[0].ID)
	require.ErrorAs(t, err, &unfit)
}

// The messages of a run that waits: one that says so, no end; then it runs, and ends once.
func TestMessagesOfASuspendedRun(t *testing.T) {
	b := newBox(t)
	b.drop("sub.flow.yaml", "levee: 1\nnodes:\n  a: { uses: flow/ask, with: { question: one } }\noutputs: { a: a.answer }\n")
	b.drop("w.flow.yaml", "levee: 1\nnodes:\n  a: { uses: flow/ask, with: { question: one } }\n  s: { uses: ./sub.flow.yaml }\noutputs: { a: a.answer }\n")
	d := b.open()
	id := d.run("w.flow.yaml").ID
	require.Equal(t, []string{"running", "suspended"}, b.statuses(id))
	d.answer(id, "a=x")
	require.Equal(t, []string{"running", "suspended", "running", "suspended"}, b.statuses(id))
	d.answer(id, "s.a=y")
	require.Equal(t, []string{"running", "suspended", "running", "suspended", "running", "completed"}, b.statuses(id))
	b.requireStory(id, nil)
}

func TestDevicesOfAWorkflowThatIsANode(t *testing.T) {
	b := newBox(t)
	b.drop("gpu.wasm", string(guests.OnDevices(guests.Mix(""), `["gpu"]`)))
	b.drop("in.flow.yaml", "levee: 1\nnodes: { m: { uses: ./gpu.wasm, with: { a: 1 } } }\noutputs: { n: m.n }\n")
	b.drop("out.flow.yaml", "levee: 1\nnodes: { s: { uses: ./in.flow.yaml } }\noutputs: { n: s.n }\n")
	d := b.open()
	flow, err := d.LoadFile(b.path("out.flow.yaml"))
	require.NoError(t, err)
	_, err = d.Run(t.Context(), flow, daemon.Request{Inputs: map[string]value.Value{}})
	var lacks *daemon.DeviceError
	require.ErrorAs(t, err, &lacks)
	require.ErrorContains(t, err, `node "m" (mix/mix) requires a GPU`)
	require.ErrorContains(t, err, "(in ./in.flow.yaml)")
	require.Empty(t, b.runs())
	d.shut()
	b.cfg.Devices = map[string]int{"gpu": 1}
	require.Equal(t, "31", output(t, b.open().run("out.flow.yaml").Result, "n"))
}

// statuses are what the messages of a run said about it as a whole.
func (b *box) statuses(run string) (list []string) {
	b.t.Helper()
	h, err := daemon.OpenHistory(b.t.Context(), b.cfg)
	require.NoError(b.t, err)
	defer h.Close()
	events, err := h.Events(b.t.Context(), run, 0, math.MaxInt)
	require.NoError(b.t, err)
	for _, e := range events {
		if e.Type == "job_update" {
			var data struct{ Status string }
			require.NoError(b.t, json.Unmarshal(e.Data, &data))
			list = append(list, data.Status)
		}
	}
	return slices.Compact(list) // one that takes long says several times that it runs
}
