package graph

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

func TestUsesNamesWorkflows(t *testing.T) {
	for _, ok := range []string{"./a.flow.yaml", "./a.flow.yml", "./sub/a.flow.json", "./workflow.yaml", "./s/workflow.json"} {
		require.NoError(t, checkUses(ok), ok)
	}
	for s, want := range map[string]string{
		"a.flow.yaml":      "is written ./x.flow.yaml",
		"../a.flow.yaml":   "leaves the workflow's folder",
		"./../a.flow.yaml": "leaves the workflow's folder",
		"/a.flow.yaml":     "relative to the workflow's folder",
		"./s//a.flow.yaml": "write it as",
		"./a.yaml":         "ends with .wasm",
		"./.flow.yaml":     "ends with .wasm",
		"./a.flow.yaml#x":  "ends with .wasm",
	} {
		require.ErrorContains(t, checkUses(s), want, s)
	}
}

// What is wrong in a file that is used is told with that file's places, once, behind the problems of the file itself.
func TestProblemsOfAUsedFile(t *testing.T) {
	inner := Problems{{File: "sub/in.flow.yaml", Line: 7, Col: 3, Code: "type", Message: "no", Source: "x"}}
	text := "levee: 1\nnodes:\n  a: { uses: ./sub/in.flow.yaml }\n  b: { uses: ./sub/in.flow.yaml, in: { x: a.y } }\n"
	resolve := func(string) (*Type, error) { return nil, inner }
	g, problems := Load("out.flow.yaml", []byte(text), resolve)
	require.Nil(t, g)
	require.Equal(t, inner, problems)

	_, problems = Load("out.flow.yaml", []byte(text+"  c: {}\n"), resolve)
	require.Len(t, problems, 2)
	require.Equal(t, "out.flow.yaml", problems[0].File)
	require.Equal(t, inner[0], problems[1])
}

func TestLimitsOfAWorkflowAsANode(t *testing.T) {
	text := "levee: 1\ntimeout: 90s\nnodes:\n  a: { uses: ./in.flow.yaml, timeout: 5s, memory: 1MiB, device: cpu, gpu: { memory: 1MiB } }\n"
	resolve := func(uses string) (*Type, error) {
		if uses != "./in.flow.yaml" {
			return nil, fmt.Errorf("asked for %s", uses)
		}
		return &Type{Name: uses, Signature: value.Signature{}}, nil
	}
	_, problems := Load("out.flow.yaml", []byte(text), resolve)
	require.Len(t, problems, 3)
	require.Equal(t, "node \"a\": memory is for modules; in a workflow its own nodes say it", problems[0].Message)
	require.Contains(t, problems[1].Message, "device is for modules")
	require.Contains(t, problems[2].Message, "gpu is for modules")

	g, problems := Load("out.flow.yaml", []byte("levee: 1\ntimeout: 90s\nnodes:\n  a: { uses: ./in.flow.yaml, timeout: 5s }\n"), resolve)
	require.Empty(t, problems)
	require.Equal(t, 90*time.Second, g.Timeout)
	require.Equal(t, 5*time.Second, g.Nodes[0].Limits.Time)

	_, problems = Load("out.flow.yaml", []byte("levee: 1\ntimeout: 90\nnodes:\n  a: { uses: ./in.flow.yaml }\n"), resolve)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "timeout must be a duration")
}
