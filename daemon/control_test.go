package daemon_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// asker speaks to the socket of a served box.
type asker struct {
	t    *testing.T
	path string
	http http.Client
}

func (b *box) asker() *asker {
	b.t.Helper()
	a := &asker{t: b.t}
	require.Eventually(b.t, func() bool { // a socket has a name before it takes anybody
		sockets, err := journal.Sockets(b.cfg.StateDir)
		if err != nil || len(sockets) != 1 {
			return false
		}
		a.path = sockets[0]
		conn, err := a.dial()
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, deadline, 5*time.Millisecond)
	a.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return a.dial() }}
	b.t.Cleanup(a.http.CloseIdleConnections)
	return a
}

// dial goes by way of a short name: the folder's own may be too long for the address of a socket.
func (a *asker) dial() (net.Conn, error) {
	dir, err := os.Open(filepath.Dir(a.path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return net.Dial("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(a.path)))
}

func (a *asker) ask(method, path, body string) (code int, answer string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, "http://levee"+path, strings.NewReader(body))
	require.NoError(a.t, err)
	res, err := a.http.Do(req)
	require.NoError(a.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(a.t, err)
	return res.StatusCode, string(text)
}

// read reports whether a workflow was read, well or not.
func (s *server) read(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.seen, func(n daemon.Notice) bool { return n.Path == path })
}

func TestOnlyTheOwnUserMayAsk(t *testing.T) {
	b := newBox(t)
	s := b.serve()
	a := b.asker()
	info, err := os.Stat(a.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	info, err = os.Stat(filepath.Dir(a.path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	code, text := a.ask("GET", "/health", "")
	require.Equal(t, 200, code)
	require.JSONEq(t, fmt.Sprintf(`{"pid":%d,"served":%q,"running":0}`, os.Getpid(), b.dir), text)
	s.stop()
	require.NoFileExists(t, a.path)
}

func TestWrongRequestsAreRefused(t *testing.T) {
	b := newBox(t)
	b.cfg.Ceiling.Read = []string{"in"}
	s := b.serve()
	b.drop("w.flow.yaml", "levee: 1\ninputs: { n: { type: int, default: 1 }, name: string }\nnodes:\n  a: { uses: text/upper, in: { text: inputs.name } }\n")
	b.drop("file.flow.yaml", "levee: 1\ntrigger: { files: in/*, per: file }\nnodes:\n  n: { uses: text/decode, in: { data: trigger.data } }\n")
	b.drop("ask.flow.yaml", "levee: 1\nallow: { read: [private] }\nnodes:\n  a: { uses: text/upper, with: { text: x } }\n")
	b.drop("bad.flow.yaml", "levee: 1\n")
	for _, name := range []string{"ask", "bad", "w"} {
		require.Eventually(t, func() bool { return s.read(name + ".flow.yaml") }, deadline, 5*time.Millisecond)
	}
	a := b.asker()
	w := filepath.Join(b.dir, "w.flow.yaml")
	for body, want := range map[string]string{
		``:                                  "no run of a workflow",
		`{"workflow":"w.flow.yaml"}`:        "absolute path",
		`{"workflow":"/etc/passwd"}`:        "does not lie in",
		`{"workflow":"` + b.dir + `/../x"}`: "does not lie in",
		`{"workflow":"` + b.dir + `/none.flow.yaml"}`:                 "no workflow none.flow.yaml",
		`{"workflow":"` + b.dir + `/bad.flow.yaml"}`:                  "has problems",
		`{"workflow":"` + b.dir + `/file.flow.yaml"}`:                 "once per file",
		`{"workflow":"` + w + `"}`:                                    "needs a value for",
		`{"workflow":"` + w + `","graph":{}}`:                         "unknown field",
		`{"workflow":"` + w + `"} {}`:                                 "behind its end",
		`{"workflow":"` + w + `","inputs":{"x":1}}`:                   `no input \"x\"`,
		`{"workflow":"` + w + `","inputs":{"name":"x"},"only":["b"]}`: `no node \"b\"`,
		`{"workflow":"` + w + `","inputs":{"name":"x"},"from":["b"]}`: `no node \"b\"`,
		`{"workflow":"` + w + `","inputs":{"name":"x"},"from":"a"}`:   "from",
		`{"workflow":"` + w + `","inputs":{"name":1}}`:                "input name",
		`{"workflow":"` + w + `","inputs":{"n":9,"name":[1]}}`:        "input name",
		`{"workflow":"` + strings.Repeat("x", 20<<20) + `"}`:          "too large",
	} {
		code, text := a.ask("POST", "/runs", body)
		require.Equal(t, 400, code, "%.200s: %s", body, text)
		require.Contains(t, text, want, "%.200s", body)
	}
	code, text := a.ask("POST", "/runs", `{"workflow":"`+b.dir+`/ask.flow.yaml"}`)
	require.Equal(t, 403, code, text)
	for path, want := range map[string]int{
		"/runs/0123": 404, "/runs/zz": 404, "/runs/0123/messages": 404, "/runs/0123/messages?after=-1": 400, "/runs?last=x": 400, "/x": 404,
		"/runs?last=3&status=queued": 200,
	} {
		code, text := a.ask("GET", path, "")
		require.Equal(t, want, code, "%s: %s", path, text)
		require.Equal(t, want != 200, strings.HasPrefix(text, `{"error":"`), "%s: %s", path, text)
	}
	code, text = a.ask("DELETE", "/runs", "")
	require.Equal(t, 404, code)
	require.JSONEq(t, `{"error":"there is no such request: DELETE /runs"}`, text)
	require.Empty(t, b.runs())
	s.stop()
}

// TestRunIsAskedForFollowedAndEnded: the messages that are followed end with the run, those who do not read hold up nobody.
func TestRunIsAskedForFollowedAndEnded(t *testing.T) {
	b := newBox(t)
	b.cfg.Runs = 1
	b.drop("spin.wasm", string(guests.Bare("spin", guests.Spin())))
	b.drop("w.flow.yaml", "levee: 1\ninputs: { go: string }\nnodes:\n  n: { uses: ./spin.wasm }\n")
	s := b.serve()
	s.until(daemon.Waiting, "w.flow.yaml")
	a := b.asker()
	body := `{"workflow":"` + b.path("w.flow.yaml") + `","inputs":{"go":"on"}}`
	var first, second daemon.RunAnswer
	for _, into := range []*daemon.RunAnswer{&first, &second} {
		code, text := a.ask("POST", "/runs", body)
		require.Equal(t, 200, code, text)
		require.NoError(t, json.Unmarshal([]byte(text), into))
	}
	require.Equal(t, journal.Running, first.Status)
	require.Equal(t, daemon.RunAnswer{Run: second.Run, Status: journal.Queued, Position: 1}, second)
	_, text := a.ask("GET", "/runs?status=queued", "")
	require.Contains(t, text, `"queue_position":1`)
	_, text = a.ask("GET", "/runs/"+second.Run, "")
	require.Contains(t, text, `"queue_position":1`)
	require.Contains(t, text, `"is_running":false`)
	_, text = a.ask("GET", "/runs/"+first.Run, "")
	require.Contains(t, text, `"is_running":true`)

	deaf, err := a.dial()
	require.NoError(t, err)
	defer deaf.Close()
	fmt.Fprintf(deaf, "GET /runs/%s/messages?follow=1 HTTP/1.1\r\nHost: levee\r\n\r\n", first.Run)
	res, err := a.http.Get("http://levee/runs/" + first.Run + "/messages?follow=1")
	require.NoError(t, err)
	defer res.Body.Close()

	for _, run := range []string{second.Run, first.Run[:12]} {
		began := time.Now()
		code, text := a.ask("POST", "/runs/"+run+"/cancel", "")
		require.Equal(t, 200, code, text)
		require.Contains(t, text, `"status":"cancelled"`)
		t.Logf("cancelled after %s", time.Since(began))
	}
	code, text := a.ask("POST", "/runs/"+first.Run+"/cancel", "")
	require.Equal(t, 409, code, text)

	var last struct {
		Job, Status string
		Seq         int64
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		require.NoError(t, json.Unmarshal(lines.Bytes(), &last))
	}
	require.Equal(t, "cancelled", last.Status)
	_, text = a.ask("GET", fmt.Sprintf("/runs/%s/messages?after=%d", first.Run, last.Seq-1), "")
	require.Equal(t, 1, strings.Count(text, "\n"))
	require.Equal(t, []journal.Status{journal.Queued, journal.Cancelled}, b.told(second.Run))
	s.stop()
}

// TestRunOfEveryNodeIsResumedWhereItWas: what it ran before it was cut short does not run once more.
func TestRunOfEveryNodeIsResumedWhereItWas(t *testing.T) {
	b := newBox(t)
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("w.flow.yaml", strings.Replace(gated("open"), "allow:", "inputs: { go: string }\nallow:", 1))
	s := b.serve()
	s.until(daemon.Waiting, "w.flow.yaml")
	code, text := b.asker().ask("POST", "/runs", `{"workflow":"`+b.path("w.flow.yaml")+`","inputs":{"go":"on"},"no_cache":true}`)
	require.Equal(t, 200, code, text)
	s.nodeEnded("w.flow.yaml", "first")
	s.cut()
	s.stop()
	require.True(t, b.runs()[0].How.NoCache)
	b.drop("open", "")
	s = b.serve(once)
	require.Equal(t, journal.Completed, s.ended("w.flow.yaml").Status)
	require.Equal(t, 2, s.executions(), "wait and last, not first")
	s.finish()
}

// TestPartsAreAskedFor: only runs the nodes that it names and takes what they need from the cache, from runs a node and all behind it.
func TestPartsAreAskedFor(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", `levee: 1
inputs: { text: string }
nodes:
  a: { uses: text/upper, in: { text: inputs.text } }
  b: { uses: text/trim, in: { text: a.text } }
  c: { uses: text/lower, in: { text: b.text } }
  d: { uses: text/length, in: { text: a.text } }
outputs: { text: c.text }
`)
	s := b.serve()
	s.until(daemon.Waiting, "w.flow.yaml")
	a := b.asker()
	ask := func(more string) map[string]journal.InvocationStatus {
		code, text := a.ask("POST", "/runs", `{"workflow":"`+b.path("w.flow.yaml")+`","inputs":{"text":" x "}`+more+`}`)
		require.Equal(t, 200, code, text)
		var answer daemon.RunAnswer
		require.NoError(t, json.Unmarshal([]byte(text), &answer))
		require.Eventually(t, b.ended(answer.Run, journal.Completed), deadline, 5*time.Millisecond)
		return b.states(answer.Run)
	}
	const ran, cached = journal.Ran, journal.Cached
	type states = map[string]journal.InvocationStatus
	require.Equal(t, states{"a": ran, "b": ran, "c": ran, "d": ran}, ask(""))
	require.Equal(t, states{"a": cached, "b": ran}, ask(`,"only":["b"]`))
	require.Equal(t, states{"a": cached, "b": ran, "c": ran, "d": cached}, ask(`,"from":["b"]`))
	require.Equal(t, states{"a": cached, "b": cached, "c": ran, "d": ran}, ask(`,"only":["c","d"]`))
	require.Equal(t, states{"a": cached, "b": cached, "c": cached, "d": cached}, ask(`,"only":[],"from":[]`))
	s.stop()
}
