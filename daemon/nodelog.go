package daemon

import (
	"bytes"
	"errors"
	"fmt"

	"levee/runtime"
)

// keepLog makes one text of what the guest said, a line each, at most 64 KiB a stream.
func (c *invocation) keepLog(res *runtime.Result, err error) {
	if res != nil {
		c.peak, c.compile = res.PeakMemory, res.Compile
		c.log = logText(res.Log, res.Stdout, res.Stderr, res.Dropped)
	} else if failure, ok := errors.AsType[*runtime.Error](err); ok {
		c.log = logText(failure.Log, failure.Stdout, failure.Stderr, failure.Dropped)
	}
}

var levels = [...]string{"debug", "info", "warning", "error"}

func logText(lines []runtime.LogLine, stdout, stderr []byte, dropped int64) []byte {
	if len(lines)+len(stdout)+len(stderr) == 0 && dropped == 0 { // most say nothing
		return nil
	}
	var b bytes.Buffer
	for _, l := range lines {
		fmt.Fprintf(&b, "%s: %s\n", levels[min(max(l.Level, 0), len(levels)-1)], l.Text)
	}
	for _, s := range []struct {
		name string
		text []byte
	}{{"stdout", stdout}, {"stderr", stderr}} {
		for line := range bytes.Lines(s.text) {
			fmt.Fprintf(&b, "%s: %s\n", s.name, bytes.TrimRight(line, "\n"))
		}
	}
	if dropped > 0 {
		fmt.Fprintf(&b, "(%s more were dropped)\n", SizeText(dropped))
	}
	return b.Bytes()
}
