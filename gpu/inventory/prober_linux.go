package inventory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	probeEnv    = "LEVEE_GPU_PROBE"
	resultFD    = 3
	maxReport   = 1 << 20
	maxComplain = 4 << 10
	dieTime     = time.Second // for a killed probe to be gone
)

// probe starts the child, waits for its answer, and gets rid of it.
func (p *Prober) probe(ctx context.Context) Report {
	searched := os.Getenv("LD_LIBRARY_PATH")
	if reason := glance(p.root, searched); reason != "" {
		return Report{Outcome: None, Reason: reason}
	}
	if p.hangs() {
		return Report{Outcome: Timeout, Reason: "NVML hangs: the process that asked it earlier has still not ended"}
	}
	// The signal that ends the child with its parent is sent when the thread that made it ends.
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	c, err := p.start(searched)
	if err != nil {
		return Report{Outcome: Unhealthy, Reason: "the process that asks NVML did not start: " + err.Error()}
	}
	defer c.close()
	answer, timedOut := c.answer(ctx, p.deadline)
	state, gone := c.end(timedOut || len(answer) > 0)
	if !gone {
		p.mu.Lock()
		p.stuck = c.gone
		p.mu.Unlock()
	}
	var r Report
	switch err := json.Unmarshal(answer, &r); {
	case err == nil && r.Outcome != "":
		return r
	case ctx.Err() != nil:
		return Report{Outcome: Timeout, Reason: "asking NVML was ended: " + context.Cause(ctx).Error()}
	case timedOut:
		return Report{Outcome: Timeout, Reason: fmt.Sprintf("NVML did not answer within %s: the driver hangs", p.deadline)}
	}
	return Report{Outcome: Unhealthy, Reason: "NVML ended the process that asked it: " + c.how(state)}
}

// hangs reports whether an abandoned probe is still there: another one would only hang too.
func (p *Prober) hangs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck == nil {
		return false
	}
	select {
	case <-p.stuck:
		p.stuck = nil
		return false
	default:
		return true
	}
}

// child is a probe that was started.
type child struct {
	cmd      *exec.Cmd
	result   *os.File
	complain *os.File // what it writes to stderr: the dynamic linker says there which symbol it lacks
	gone     chan struct{}
	state    *os.ProcessState // set when gone is closed
}

func (p *Prober) start(searched string) (_ *child, err error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	c := &child{result: ours, gone: make(chan struct{})}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.complain, err = memfile("levee-gpu-probe"); err != nil {
		return nil, err
	}
	c.cmd = &exec.Cmd{
		Path: p.executable, Args: []string{"levee-gpu-probe"}, Dir: "/", Env: []string{probeEnv + "=1", "GOTRACEBACK=none"},
		Stdout: c.complain, Stderr: c.complain, ExtraFiles: []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	}
	if searched != "" {
		c.cmd.Env = append(c.cmd.Env, "LD_LIBRARY_PATH="+searched)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go c.reap()
	return c, nil
}

// reap waits for the child to end, and then ends its helpers, which may have the pipe.
func (c *child) reap() {
	defer close(c.gone)
	for unix.Waitid(unix.P_PID, c.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	_ = unix.Kill(-c.cmd.Process.Pid, unix.SIGKILL) // its number is nobody else's until it was waited for
	_ = c.cmd.Wait()
	c.state = c.cmd.ProcessState
}

func (c *child) close() {
	c.result.Close()
	if c.complain != nil {
		c.complain.Close()
	}
}

// answer reads what the child writes until that is whole, the pipe is closed or its time is up.
func (c *child) answer(ctx context.Context, most time.Duration) (answer []byte, timedOut bool) {
	_ = c.result.SetReadDeadline(time.Now().Add(most))
	stop := context.AfterFunc(ctx, func() { _ = c.result.SetReadDeadline(time.Now()) })
	defer stop()
	answer, err := bufio.NewReader(io.LimitReader(c.result, maxReport)).ReadBytes('\n')
	return answer, errors.Is(err, os.ErrDeadlineExceeded)
}

// end waits for the child to end, by itself or killed. One that sits in the driver does not even die then: it is abandoned.
func (c *child) end(kill bool) (state *os.ProcessState, gone bool) {
	timer := time.NewTimer(dieTime)
	defer timer.Stop()
	for range 2 {
		if kill {
			_ = c.cmd.Process.Kill()
		}
		select {
		case <-c.gone:
			return c.state, true
		case <-timer.C:
			kill = true
			timer.Reset(dieTime)
		}
	}
	return nil, false
}

// how says what became of a child that gave no answer.
func (c *child) how(state *os.ProcessState) string {
	text := make([]byte, maxComplain)
	n, _ := c.complain.ReadAt(text, 0)
	first, _, _ := bytes.Cut(bytes.TrimSpace(text[:n]), []byte("\n"))
	how := "it did not end"
	if state != nil {
		how = state.String()
	}
	if said := printable(string(first), 200); said != "" {
		how += " (" + said + ")"
	}
	return how
}

// printable bounds a text of the driver's.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s[:min(len(s), most)])
}
