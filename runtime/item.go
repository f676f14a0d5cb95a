//go:build linux

package runtime

import (
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"

	"levee/graph/value"
)

// A guest may be this far ahead of whoever takes its items before it waits for them: so small items need no way there and back
// each. An item that travels as a descriptor is always waited for.
const (
	maxAheadItems = 64
	maxAheadBytes = 256 << 10
)

// itemCost is what an item takes of the call's output limit beside its bytes: where it ends, in the list of all.
const itemCost = 8

// ahead counts the items since the guest waited last.
type ahead struct {
	items int
	bytes int64
}

// add takes one more item, and says whether the guest is to wait for it.
func (a *ahead) add(v *wireValue) bool {
	a.items++
	a.bytes += v.size
	return v.how == valueFD || a.items >= maxAheadItems || a.bytes >= maxAheadBytes
}

func outputItem(g *guest, _ api.Memory, s []uint64) {
	c, port := &g.call, u32(s[0])
	if int64(port) >= int64(len(c.outputs)) || !c.outputs[port].stream {
		bounds("output_item: output port %d is no stream: the manifest has %d outputs, numbered from 0", port, len(c.outputs))
	}
	if c.items++; c.items > value.MaxItems {
		panic(&stop{CodeOutput, fmt.Sprintf("it gave more than %d items", value.MaxItems)})
	}
	if c.total += itemCost; c.total > c.msg.limits.Output {
		panic(&stop{CodeOutput, "it wrote more output than it may"})
	}
	if err := g.sendItem(port); err != nil {
		panic(&stop{CodeCrash, err.Error()})
	}
}

// sendItem sends what was written to a port since the last item, and waits where the guest would get too far ahead.
func (g *guest) sendItem(port uint32) error {
	c, o := &g.call, &g.call.outputs[port]
	m := itemMsg{seq: c.msg.seq, port: int64(port), data: wireValue{how: valueInline, bytes: o.buf, size: o.size}}
	var fds []int
	if o.fd >= 0 {
		defer unix.Close(o.fd)
		if err := o.flush(); err != nil {
			return err
		}
		if err := seal(o.fd); err != nil {
			return err
		}
		m.data.how, fds = valueFD, []int{o.fd}
	}
	m.wait = c.ahead.add(&m.data)
	b, start := beginFrame(nil, frameItem)
	if err := g.conn.send(endFrame(m.append(b), start, len(fds)), fds); err != nil {
		return fmt.Errorf("the worker lost its daemon: %w", err)
	}
	o.reset()
	o.stream = true
	if !m.wait {
		return nil
	}
	begin := time.Now()
	if _, err := g.conn.answer(); err != nil {
		return fmt.Errorf("the worker lost its daemon: %w", err)
	}
	c.held += time.Since(begin)
	c.ahead = ahead{}
	return nil
}

// unfinished refuses what was written behind the last item: nobody could tell whether it was to be one.
func (c *callState) unfinished() error {
	for i := range c.outputs {
		if o := &c.outputs[i]; o.stream && o.size > 0 {
			return &stop{CodeBounds, fmt.Sprintf("%d bytes on output port %d stand behind its last item: output_item ends an item", o.size, i)}
		}
	}
	return nil
}
