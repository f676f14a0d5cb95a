package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"levee/docs"
)

// messageSchema is the published schema, ready for use.
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

// job is how far the messages of a run have come.
type job struct {
	seq   float64
	ended bool
}

// checkMessages holds every line of a file against the schema, and the order of the messages of each run. The lines that only
// --json has, and that are no messages, are left out of what it prints.
func checkMessages(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: messages FILE [VAR]")
	}
	schema, err := messageSchema()
	ts.Check(err)
	jobs := make(map[string]*job)
	lines := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		ts.Check(err)
		m, _ := doc.(map[string]any)
		if m["type"] == "result" || m["type"] == "question" || m["type"] == "end" {
			continue
		}
		if err := schema.Validate(doc); err != nil {
			ts.Fatalf("%s%v", line, err)
		}
		ts.Check(follow(jobs, m))
		if lines == 0 && len(args) == 2 {
			ts.Setenv(args[1], m["job_id"].(string))
		}
		fmt.Fprint(ts.Stdout(), line)
		lines++
	}
	for id, j := range jobs {
		if !j.ended {
			ts.Logf("run %s has not ended", id)
		}
	}
	if lines == 0 {
		ts.Fatalf("no messages")
	}
}

// follow checks that the messages of each run have growing numbers and that none comes behind its end.
func follow(jobs map[string]*job, m map[string]any) error {
	id, _ := m["job_id"].(string)
	j := jobs[id]
	if j == nil {
		j = &job{}
		jobs[id] = j
	}
	number, ok := m["seq"].(json.Number)
	if !ok {
		return fmt.Errorf("seq %v", m["seq"])
	}
	seq, err := number.Float64()
	switch status := m["status"]; {
	case err != nil:
		return err
	case j.ended:
		return fmt.Errorf("run %s: %v %v comes behind its end", id, m["type"], m["seq"])
	case seq <= j.seq:
		return fmt.Errorf("run %s: seq %v comes behind %v", id, seq, j.seq)
	case m["type"] == "job_update" && (status == "completed" || status == "failed" || status == "cancelled"):
		j.ended = true
	}
	j.seq = seq
	return nil
}
