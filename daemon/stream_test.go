package daemon_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// streamBox has a workflow with a producer of 500 items whose elements wait for a file, and one that wants the producer's list only.
func streamBox(t *testing.T) *box {
	b := newBox(t)
	b.cfg.Workers = 2
	b.drop("items.wasm", string(guests.Items("")))
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("mix.wasm", string(guests.Mix("")))
	b.drop("w.flow.yaml", `levee: 1
allow: { read: [.] }
nodes:
  p: { uses: ./items.wasm, with: { n: 500 } }
  g:
    each: p.items
    as: n
    parallel: 1
    nodes:
      first: { uses: ./mix.wasm, in: { a: n } }
      wait: { uses: ./gate.wasm, with: { path: open }, in: { n: first.n } }
    out: { n: wait.n }
  sum: { uses: list/length, in: { list: g.n } }
outputs: { count: sum.length }
`)
	b.drop("other.flow.yaml", "levee: 1\nnodes:\n  p: { uses: ./items.wasm, with: { n: 500 } }\noutputs: { count: p.count }\n")
	return b
}

// begun waits until an element of w.flow.yaml runs while its producer does.
func begun() (observe func(journal.Event), ran <-chan struct{}) {
	c := make(chan struct{})
	var once sync.Once
	return func(e journal.Event) {
		if e.Node == "g[0].first" {
			once.Do(func() { close(c) })
		}
	}, c
}

// Whoever joins a producer that waits for another run's elements does not wait for them.
func TestJoinedStreamWaitsForNobody(t *testing.T) {
	b := streamBox(t)
	d := b.open()
	observe, ran := begun()
	first := make(chan *outcome)
	go func() { first <- d.runWith("w.flow.yaml", daemon.Request{Observer: daemon.Observer{Observe: observe}}) }()
	<-ran
	require.Equal(t, journal.Counts{Cached: 1}, d.run("other.flow.yaml").Counts, "it was given what the other run's producer made")
	select {
	case <-first:
		t.Fatal("its elements wait for a file")
	default:
	}
	b.drop("open", "")
	got := <-first
	require.Equal(t, "500", output(t, got.Result, "count"))
	require.Equal(t, journal.Counts{Ran: 1 + 1000 + 1}, got.Counts)
}

// The run that began the work leaves; another one still waits for it.
func TestStreamGoesOnForOthers(t *testing.T) {
	b := streamBox(t)
	b.drop("slow.flow.yaml", "levee: 1\nnodes:\n  p: { uses: ./items.wasm, with: { n: 300, spin: 1000000 } }\n  g: { each: p.items, as: n, nodes: { f: { uses: ./mix.wasm, in: { a: n } } }, out: { n: f.n } }\noutputs: { items: p.items, n: g.n }\n")
	b.drop("bad.flow.yaml", "levee: 1\nnodes:\n  p: { uses: ./items.wasm, with: { n: 300, spin: 1000000 } }\n  g: { each: p.items, as: n, nodes: { f: { uses: ./fail.wasm, if: n } }, out: { n: f.out } }\noutputs: { items: p.items, n: g.n }\n")
	b.drop("fail.wasm", string(guests.Bare("fail", guests.Fail("no luck"))))
	d := b.open()
	var all sync.WaitGroup
	var good, bad *outcome
	item := make(chan struct{})
	var once sync.Once
	all.Go(func() {
		bad = d.runWith("bad.flow.yaml", daemon.Request{Observer: daemon.Observer{Observe: func(e journal.Event) {
			if e.Type == "output_update" {
				once.Do(func() { close(item) })
			}
		}}})
	})
	<-item
	all.Go(func() { good = d.run("slow.flow.yaml") })
	all.Wait()
	require.Error(t, bad.Err)
	require.NoError(t, good.Err)
	require.NotEmpty(t, output(t, good.Result, "n"))
}

// A run that was cut short makes the producer's items again, and nothing else that had ended.
func TestCutShortStreamIsResumed(t *testing.T) {
	b := streamBox(t)
	b.remove("other.flow.yaml")
	s := b.serve()
	s.nodeEnded("w.flow.yaml", "g[0].first")
	s.drain()
	s.cut()
	s.stop()
	rec := b.runs()[0]
	require.Equal(t, journal.Running, rec.Status, "the run is open")
	require.Equal(t, journal.CancelledNode, b.states(rec.ID)["p"], "the producer had not ended")

	b.drop("open", "")
	s = b.serve(once)
	got := s.ended("w.flow.yaml")
	require.Equal(t, rec.ID, got.ID)
	require.Equal(t, "500", output(t, got.Result, "count"))
	require.Equal(t, journal.Ran, got.state["p"])
	require.Equal(t, 1, got.Counts.Cached, "the element that had run")
	require.Equal(t, 1+1000+1-1, got.Counts.Ran)
	s.finish()
}

// A run says how far it is while a group goes over the results of another: what it knows of so far is counted.
func TestChainedGroupsAreCounted(t *testing.T) {
	b := newBox(t)
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("shut", "")
	b.drop("w.flow.yaml", `levee: 1
inputs: { paths: { type: list<string>, default: [shut, shut, open] } }
allow: { read: [.] }
nodes:
  first: { each: inputs.paths, as: path, nodes: { wait: { uses: ./gate.wasm, in: { path: path } } }, out: { n: wait.n } }
  second: { each: first.n, as: n, nodes: { sum: { uses: math/add, with: { b: 1 }, in: { a: n } } }, out: { n: sum.result } }
outputs: { n: second.n }
`)
	d := b.open()
	got := d.runWith("w.flow.yaml", daemon.Request{Observer: daemon.Observer{Observe: func(e journal.Event) {
		if e.Type == "job_update" && strings.Contains(string(e.Data), `"progress":{"done":4,"total":5}`) {
			b.drop("open", "")
		}
	}}})
	require.NoError(t, got.Err)
	require.Equal(t, "[1,1,1]", output(t, got.Result, "n"))
}

// A run is cancelled while its producer waits for its elements.
func TestStreamCancelled(t *testing.T) {
	b := streamBox(t)
	b.remove("other.flow.yaml")
	s := b.serve()
	s.nodeEnded("w.flow.yaml", "g[0].first")
	b.remove("w.flow.yaml")
	require.Equal(t, journal.Cancelled, s.ended("w.flow.yaml").Status)
	s.drain()
	s.finish()
}
