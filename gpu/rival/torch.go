package rival

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// Torch is PyTorch in a process of its own, which measures when it is asked to: so that both sides are measured in turns, and what
// warms up or slows down a device in a minute does so to both.
type Torch struct {
	cmd *exec.Cmd
	to  io.WriteCloser
	out *bufio.Scanner
}

// torchProgram answers each line, the type and the three sides of a product, with the seconds that it takes: the median of single ones,
// and the mean of many in a row. The numbers are normally distributed.
const torchProgram = `
import sys, torch
kept = {}
def measure(kind, m, n, k):
    if (kind, m, n, k) not in kept:
        kept.clear()
        d = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}[kind]
        kept[kind, m, n, k] = torch.randn(m, k, device="cuda").to(d), torch.randn(k, n, device="cuda").to(d)
    a, b = kept[kind, m, n, k]
    event = lambda: torch.cuda.Event(enable_timing=True)
    times = []
    for i in range(23):
        begin, end = event(), event()
        begin.record(); c = a @ b; end.record(); end.synchronize()
        times.append(begin.elapsed_time(end))
    begin, end = event(), event()
    begin.record()
    for i in range(20): c = a @ b
    end.record(); end.synchronize()
    return sorted(times[3:])[10] / 1e3, begin.elapsed_time(end) / 20e3
print(torch.__version__, torch.cuda.get_device_name(), flush=True)
for line in sys.stdin:
    kind, *sides = line.split()
    print(*measure(kind, *map(int, sides)), flush=True)
`

// NewTorch starts it, and says which one it is.
func NewTorch() (*Torch, string, error) {
	t := &Torch{cmd: exec.Command("python3", "-c", torchProgram)}
	to, err := t.cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	from, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("no python3: %w", err)
	}
	t.to, t.out = to, bufio.NewScanner(from)
	version, err := t.line()
	if err != nil {
		t.Close()
		return nil, "", fmt.Errorf("no PyTorch: %w", err)
	}
	return t, version, nil
}

func (t *Torch) line() (string, error) {
	if !t.out.Scan() {
		return "", fmt.Errorf("it ended: %v", t.out.Err())
	}
	return t.out.Text(), nil
}

// Product measures one of "bf16", "f16" or "f32" matrices, m x k and k x n: the median of single ones, and the mean of many in a row.
func (t *Torch) Product(kind string, m, n, k int64) (single, row time.Duration, err error) {
	if _, err := fmt.Fprintln(t.to, kind, m, n, k); err != nil {
		return 0, 0, err
	}
	text, err := t.line()
	if err != nil {
		return 0, 0, err
	}
	var a, b float64
	if _, err := fmt.Sscan(text, &a, &b); err != nil {
		return 0, 0, fmt.Errorf("it said %q", strings.TrimSpace(text))
	}
	return time.Duration(a * 1e9), time.Duration(b * 1e9), nil
}

// Close ends it.
func (t *Torch) Close() {
	_ = t.to.Close()
	_ = t.cmd.Wait()
}
