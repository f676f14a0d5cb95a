package daemon_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

const addRequest = `{"type": "run_job_request", "job_id": "j1", "workflow_id": "sums", "auth_token": "s3cret", "env": {"K": "s3cret"},
 "params": {"x": 2}, "graph": {"nodes": [
  {"id": "1", "type": "nodetool.input.FloatInput", "data": {"name": "x", "value": 0}},
  {"id": "2", "type": "nodetool.math.Add", "data": {"b": 40}},
  {"id": "3", "type": "nodetool.output.FloatOutput", "data": {"name": "sum", "value": 0}}],
 "edges": [
  {"source": "1", "sourceHandle": "output", "target": "2", "targetHandle": "a"},
  {"source": "2", "sourceHandle": "output", "target": "3", "targetHandle": "value"}]}}`

// A RunJobRequest brings its workflow along; the same job asked for again is the same run, and its secrets are nowhere.
func TestJobRequestIsRunOnce(t *testing.T) {
	b := newBox(t)
	s := b.serve()
	a := b.asker()
	var first, again daemon.RunAnswer
	for _, into := range []*daemon.RunAnswer{&first, &again} {
		code, text := a.ask("POST", "/runs", addRequest)
		require.Equal(t, 200, code, text)
		require.NoError(t, json.Unmarshal([]byte(text), into))
	}
	require.Equal(t, first.Run, again.Run)
	_, text := a.ask("GET", "/runs/"+first.Run+"/messages?follow=1", "")
	require.Contains(t, text, `"result":{"sum":42}`)
	s.stop()
	runs := b.runs()
	require.Len(t, runs, 1)
	require.Equal(t, journal.Completed, runs[0].Status)
	require.NotContains(t, string(runs[0].Source), "s3cret")

	s = b.serve()
	a = b.asker()
	code, text := a.ask("POST", "/runs", `{"type": "run_job_request", "graph": {"nodes": [{"id": "1", "type": "no.Such"}], "edges": []}}`)
	require.Equal(t, 400, code)
	require.Contains(t, text, "Node class not found: no.Such")

	for wants, graph := range map[string]string{
		`reads ["in"]`: `{"nodes": [{"id": "1", "type": "nodetool.constant.Document", "data": {"value": {"type": "document", "uri": "in/a.pdf"}}},
  {"id": "2", "type": "nodetool.output.Output", "data": {"name": "o"}}],
 "edges": [{"source": "1", "sourceHandle": "output", "target": "2", "targetHandle": "value"}]}`,
		`writes ["out"]`: `{"nodes": [{"id": "1", "type": "nodetool.text.SaveTextFile", "data": {"folder": "out", "name": "a.txt"}}], "edges": []}`,
	} {
		code, text := a.ask("POST", "/runs", `{"type": "run_job_request", "graph": `+graph+`}`)
		require.Equal(t, 400, code)
		require.Contains(t, strings.ReplaceAll(text, `\"`, `"`), wants)
		require.Contains(t, text, "can touch no files")
	}
	s.stop()
}

// A run that was asked for so is taken up by the next start, with the workflow that it brought.
func TestJobRequestIsTakenUp(t *testing.T) {
	b := newBox(t)
	b.cfg.Runs = 1
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("a.flow.yaml", gated("open"))
	s := b.serve()
	s.nodeEnded("a.flow.yaml", "first")
	code, text := b.asker().ask("POST", "/runs", addRequest)
	require.Equal(t, 200, code, text)
	require.Contains(t, text, `"status":"queued"`)
	s.drain()
	s.until(daemon.Draining, "")
	b.drop("open", "")
	s.stop()
	s = b.serve(once)
	require.Equal(t, journal.Completed, s.ended(".sums.request.json").Status)
	s.finish()
	require.Len(t, b.runs(), 2)
}
