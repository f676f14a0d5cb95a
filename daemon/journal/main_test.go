package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Tests that need a second process run this binary again with what it shall do in the environment.
const (
	childEnv = "LEVEE_JOURNAL_CHILD" // hold, claim or work
	childDir = "LEVEE_JOURNAL_DIR"
)

// told is an event as readers get it.
func told(e Event) Event {
	e.Workflow = newRun("").Workflow
	return e
}

// Record writes the ends of invocations.
func (j *Journal) Record(ctx context.Context, invs ...*Invocation) error {
	entries := make([]Entry, len(invs))
	for i, inv := range invs {
		entries[i].Invocation = inv
	}
	return j.Write(ctx, entries...)
}

// Append writes events.
func (j *Journal) Append(ctx context.Context, events ...*Event) error {
	entries := make([]Entry, len(events))
	for i, e := range events {
		entries[i].Event = e
	}
	return j.Write(ctx, entries...)
}

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		if err := beChild(role, os.Getenv(childDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func beChild(role, dir string) error {
	ctx := context.Background()
	j, err := Open(ctx, dir, Options{})
	if err != nil {
		return err
	}
	defer j.Close()
	switch role {
	case "hold": // an open run, as long as stdin is open
		if err := j.Accept(ctx, newRun("00000000000000aa")); err != nil {
			return err
		}
		fmt.Println("holds")
		_, err := io.Copy(io.Discard, os.Stdin)
		return err
	case "claim":
		fmt.Println("ready")
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
			return err
		}
		orphans, err := j.Orphans(ctx)
		for i := range orphans {
			won, claimErr := j.Claim(ctx, &orphans[i])
			if won {
				fmt.Println(orphans[i].ID)
			}
			err = errors.Join(err, claimErr)
		}
		fmt.Println("done")
		_, _ = io.Copy(io.Discard, os.Stdin) // it lives on, so that nobody may claim from it
		return err
	}
	return work(ctx, j)
}

// work goes on for ever: it takes up the runs of its predecessor, finishes them, and starts new ones, several at once. It says
// what has become durable, after it has.
func work(ctx context.Context, j *Journal) error {
	orphans, err := j.Orphans(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	errs := make(chan error)
	for range 4 {
		go func() {
			for {
				r := newRun(newID())
				if err := j.Accept(ctx, r); err != nil {
					errs <- err
				}
				say("accepted %s", r.ID)
				if err := workOn(ctx, j, r, say); err != nil {
					errs <- err
				}
			}
		}()
	}
	for i := range orphans {
		won, err := j.Claim(ctx, &orphans[i])
		if err == nil && !won {
			err = errors.New("an orphan of the only writer could not be claimed")
		}
		if err == nil {
			err = workOn(ctx, j, &orphans[i], say)
		}
		if err != nil {
			return err
		}
	}
	return <-errs
}

// nodesPerRun is how many invocations a run of the test has.
const nodesPerRun = 6

func workOn(ctx context.Context, j *Journal, r *Run, say func(string, ...any)) error {
	for n := range nodesPerRun {
		inv := benchInvocation(r.ID, n)
		if r.Epoch == 0 {
			inv.Status = Ran
		}
		if err := j.Record(ctx, inv); err != nil {
			return err
		}
		say("recorded %s %s %d", r.ID, inv.Path, inv.Seq)
		e := &Event{Run: r.ID, At: time.Now(), Type: "log_update", Node: inv.Path, Data: []byte(`{}`)}
		if err := j.Append(ctx, e); err != nil {
			return err
		}
		say("appended %s %d", r.ID, e.Seq)
	}
	r.Status, r.Finished, r.Counts.Ran = Completed, time.Now(), nodesPerRun
	if err := j.Finish(ctx, r); err != nil {
		return err
	}
	say("finished %s %d", r.ID, r.Finished.UnixMicro())
	return nil
}

// child is another process that has the journal open.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startChild(t *testing.T, role, dir string) *child {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	c := &child{cmd: exec.CommandContext(t.Context(), exe)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+role, childDir+"="+dir)
	c.cmd.Stderr = os.Stderr
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.lines = bufio.NewScanner(out)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() { c.kill() })
	return c
}

func (c *child) line(t *testing.T) string {
	t.Helper()
	require.True(t, c.lines.Scan(), "the child said nothing more: %v", c.lines.Err())
	return c.lines.Text()
}

// kill ends the process as kill -9 does and returns what it had said but nobody had read, without a half line.
func (c *child) kill() (rest []string) {
	if c.cmd.ProcessState != nil {
		return nil
	}
	c.cmd.Process.Kill()
	for c.lines.Scan() {
		rest = append(rest, c.lines.Text())
	}
	c.cmd.Wait()
	return rest
}

func fields(line string) (verb, run, third string) {
	f := append(strings.Fields(line), "", "", "", "")
	if f[0] == "recorded" {
		return f[0], f[1], f[2] + " " + f[3]
	}
	return f[0], f[1], f[2]
}
