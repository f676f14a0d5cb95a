package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestConformance runs the scripts of testdata/conformance: what the runner that levee began as does, scenario by scenario, on
// the real program. docs/comparison.md maps each scenario to its script. Beside the commands of TestScripts they have
//
//	after FILE A B          node A was told as completed after node B
//	once FILE NODE          the node was told as completed exactly once
//	ordered FILE NODE S...  these are the statuses and progress of the node, in this order
//	terminal FILE STATUS    the run was told once how it ended, and so
//	overlap FILE A B        two invocations ran at the same time; FILE is what inspect --json printed
//	follows FILE A B        A began when B had ended
//	runs VAR                takes the id of the newest run
//	runcount N              the history holds N runs
//	running NODE            waits until the newest run says that the node runs
//	ended                   waits until the program whose process id stands in the file pid has ended
//
// FILE is a file, or stdout.
func TestConformance(t *testing.T) {
	warm, hiding := compiled(t), hidingGPUs(t)
	cmds := scriptCommands()
	maps.Copy(cmds, map[string]func(*testscript.TestScript, bool, []string){
		"after": after, "once": once, "ordered": ordered, "terminal": terminal, "overlap": overlap, "follows": follows,
		"runs": newestRun, "runcount": runCount, "running": waitRunning, "ended": waitEnded,
	})
	testscript.Run(t, testscript.Params{
		Dir:   "../../testdata/conformance",
		Setup: func(env *testscript.Env) error { return scriptSetup(env, warm, hiding) },
		Cmds:  cmds,
	})
}

// told is the part of a message that scripts ask about.
type told struct {
	Type   string `json:"type"`
	Node   string `json:"node_id"`
	Status string `json:"status"`
}

func messagesIn(ts *testscript.TestScript, file string) (list []told) {
	for line := range strings.Lines(ts.ReadFile(file)) {
		var m told
		ts.Check(json.Unmarshal([]byte(line), &m))
		list = append(list, m)
	}
	return list
}

// arguments refuses calls with the wrong number of arguments, or with !.
func arguments(ts *testscript.TestScript, neg bool, args []string, least int, usage string) {
	if neg || len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

func completed(ts *testscript.TestScript, list []told, node string) int {
	at := -1
	for i, m := range list {
		if m.Type == "node_update" && m.Node == node && m.Status == "completed" {
			at = i
		}
	}
	if at < 0 {
		ts.Fatalf("%s was never told as completed", node)
	}
	return at
}

func after(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3, "after FILE A B")
	list := messagesIn(ts, args[0])
	if completed(ts, list, args[1]) < completed(ts, list, args[2]) {
		ts.Fatalf("%s was completed before %s", args[1], args[2])
	}
}

func once(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, "once FILE NODE")
	n := 0
	for _, m := range messagesIn(ts, args[0]) {
		if m.Type == "node_update" && m.Node == args[1] && m.Status == "completed" {
			n++
		}
	}
	if n != 1 {
		ts.Fatalf("%s was told as completed %d times", args[1], n)
	}
}

func ordered(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3, "ordered FILE NODE STATUS...")
	var got []string
	for _, m := range messagesIn(ts, args[0]) {
		what := m.Status
		if m.Type == "node_progress" {
			what = "progress"
		}
		if m.Node == args[1] && strings.HasPrefix(m.Type, "node_") && (len(got) == 0 || got[len(got)-1] != what) {
			got = append(got, what)
		}
	}
	if want := strings.Join(args[2:], " "); strings.Join(got, " ") != want {
		ts.Fatalf("%s was told as %v, not %s", args[1], got, want)
	}
}

func terminal(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 2, "terminal FILE STATUS")
	var got []string
	for _, m := range messagesIn(ts, args[0]) {
		if m.Type == "job_update" && (m.Status == "completed" || m.Status == "failed" || m.Status == "cancelled") {
			got = append(got, m.Status)
		}
	}
	if len(got) != 1 || got[0] != args[1] {
		ts.Fatalf("the run's ends: %v, not %s", got, args[1])
	}
}

// times are when an invocation ran.
type times struct {
	Path           string
	Started, Ended time.Time
}

func timesOf(ts *testscript.TestScript, file, node string) times {
	for line := range strings.Lines(ts.ReadFile(file)) {
		var t times
		if json.Unmarshal([]byte(line), &t) == nil && t.Path == node {
			return t
		}
	}
	ts.Fatalf("%s has no invocation %s", file, node)
	return times{}
}

func overlap(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3, "overlap FILE A B")
	a, b := timesOf(ts, args[0], args[1]), timesOf(ts, args[0], args[2])
	if !a.Started.Before(b.Ended) || !b.Started.Before(a.Ended) {
		ts.Fatalf("%+v and %+v did not overlap", a, b)
	}
}

func follows(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 3, "follows FILE A B")
	a, b := timesOf(ts, args[0], args[1]), timesOf(ts, args[0], args[2])
	if a.Started.Before(b.Ended) {
		ts.Fatalf("%+v began before %+v had ended", a, b)
	}
}

// history asks the program about runs.
func history(ts *testscript.TestScript, args ...string) []string {
	cmd := program(append(args, "--json")...)
	cmd.Env = append(os.Environ(), "LEVEE_STATE="+ts.Getenv("LEVEE_STATE"), "LEVEE_CACHE="+ts.Getenv("LEVEE_CACHE"))
	out, err := cmd.Output()
	if err != nil {
		return nil // there may be no run yet
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, `"type":"end"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

func newest(ts *testscript.TestScript) string {
	for _, line := range history(ts, "runs", "--last", "1") {
		var r struct{ ID string }
		if json.Unmarshal([]byte(line), &r) == nil && r.ID != "" {
			return r.ID
		}
	}
	return ""
}

func newestRun(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, "runs VAR")
	id := newest(ts)
	if id == "" {
		ts.Fatalf("there is no run")
	}
	ts.Setenv(args[0], id)
}

func runCount(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, "runcount N")
	if n := len(history(ts, "runs", "--last", "0")); fmt.Sprint(n) != args[0] {
		ts.Fatalf("%d runs, not %s", n, args[0])
	}
}

// patience is when a test gives up waiting for something that never comes. No test passes because of it.
const patience = 5 * time.Minute

func wait(ts *testscript.TestScript, what string, there func() bool) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if there() {
			return
		}
	}
	ts.Fatalf("waited in vain for %s", what)
}

func waitRunning(ts *testscript.TestScript, neg bool, args []string) {
	arguments(ts, neg, args, 1, "running NODE")
	wait(ts, args[0]+" to run", func() bool {
		id := newest(ts)
		if id == "" {
			return false
		}
		for _, line := range history(ts, "logs", id) {
			var m told
			if json.Unmarshal([]byte(line), &m) == nil && m.Type == "node_update" && m.Node == args[0] && m.Status == "running" {
				return true
			}
		}
		return false
	})
}

func waitEnded(ts *testscript.TestScript, neg bool, args []string) {
	pid := strings.TrimSpace(ts.ReadFile("pid"))
	wait(ts, "process "+pid, func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}
