package device

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"levee/gpu/op"
)

// Compiler is how the driver's compiler is used. It has no end of its own: nothing but that of the process stops it.
type Compiler struct {
	Most  time.Duration        // it may take, and as long again for each compileStep of text
	Until map[string]time.Time // when texts that took longer may be tried again, by codeName

	busy   atomic.Int64 // texts that it is at
	gaveUp atomic.Pointer[string]
}

const (
	// CompileTime is Compiler.Most unless it is set: a thousand times what a machine with an H200 takes for a kernel.
	CompileTime = 30 * time.Second
	compileStep = 64 << 10
)

func (c *Compiler) most(ptx string) time.Duration {
	return c.Most + time.Duration(float64(c.Most)*float64(len(ptx))/compileStep).Round(time.Millisecond)
}

// notBefore says when a text may be given to the compiler again, if that is not yet.
func (c *Compiler) notBefore(ptx string) (until time.Time, slow bool) {
	if len(c.Until) > 0 {
		until = c.Until[codeName(ptx)]
	}
	return until, time.Now().Before(until)
}

// Busy says whether the compiler is at something: other calls of the driver may wait for it.
func (c *Compiler) Busy() bool { return c.busy.Load() > 0 }

// GaveUp names the text for which the device was given up; "": none.
func (c *Compiler) GaveUp() string {
	if name := c.gaveUp.Load(); name != nil {
		return *name
	}
	return ""
}

// CodeName is how long the name of a text is.
const CodeName = 32

func codeName(ptx string) string {
	sum := sha256.Sum256([]byte(ptx))
	return hex.EncodeToString(sum[:])[:CodeName]
}

// compile has the driver compile PTX with one kernel, which takes milliseconds to tenths of a second. called is for people. A text that takes
// longer than any may costs the device: the driver cannot be told to stop.
func (d *Device) compile(ptx, name, called string) (*function, error) {
	if until, slow := d.Compiler.notBefore(ptx); slow {
		return nil, op.Errorf(op.Unavailable, "%s is not given to the driver before %s: its compiler was not done with it after %v", called, until.Format(time.TimeOnly), d.Compiler.most(ptx))
	}
	type compiled struct {
		f   *function
		err error
	}
	d.Compiler.busy.Add(1)
	defer d.Compiler.busy.Add(-1)
	done := make(chan compiled, 1)
	go func() {
		f, err := d.load(ptx, name)
		done <- compiled{f, err}
	}()
	most := d.Compiler.most(ptx)
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case got := <-done:
		if got.err != nil {
			return nil, fmt.Errorf("%s: %w", called, got.err)
		}
		return got.f, nil
	case <-late.C:
	}
	text := codeName(ptx)
	d.Compiler.gaveUp.CompareAndSwap(nil, &text)
	err := op.Errorf(op.Unavailable, "the driver's compiler is not done with %s, %d KiB of PTX, after %v; only the end of the process at the GPU stops it", called, (len(ptx)+1023)>>10, most)
	err.Last = true
	_ = d.lose("%s", err.Detail)
	return nil, err
}

// load gives PTX with one kernel to the driver.
func (d *Device) load(ptx, name string) (*function, error) {
	m, err := d.Load(ptx)
	if err != nil {
		return nil, err
	}
	f, err := d.Function(m, name)
	if err != nil {
		return nil, errors.Join(err, d.Unload(m))
	}
	return &function{Function: f, module: m}, nil
}
