//go:build linux

package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// job is a call on its way: queued, sent to a worker, ended.
type job struct {
	call  *Call
	ctx   context.Context
	limit Limits
	num   uint64 // order of arrival
	came  time.Time

	items *delivery // of a call with streams

	msg  callMsg
	size int   // bytes of the frame, about
	fds  []int // owned copies of the inputs' descriptors, in the order of the frame
	refs atomic.Int32
	used sync.WaitGroup // by what its worker sent: Run waits for that

	// Guarded by the engine's lock.
	bound   *bound
	list    *jobList // while queued
	worker  *worker  // while sent
	retries int
	spent   time.Duration // how long it was a worker's next call that did not begin it
	waited  time.Duration // for its items to be taken
	reports int           // of progress that were passed on

	compiling time.Duration // how long it waited for its worker to compile the module

	ended chan struct{} // closed after res and err are set
	res   *Result
	err   error
}

// newJob checks a call and takes its own copies of descriptors, so that the caller may close its files whenever Run
// returns.
func newJob(ctx context.Context, c *Call) (*job, error) {
	j := &job{call: c, ctx: ctx, limit: c.Limits.withDefaults(), came: time.Now(), ended: make(chan struct{})}
	j.refs.Store(1)
	export := c.Export
	if export == "" && c.ABI == Stdio {
		export = "_start"
	}
	if err := j.admit(export); err != nil {
		return nil, j.fault(CodeRefused, err.Error())
	}
	if m := c.Module.Info.Memory; m != nil && int64(m.Min)<<16 > j.limit.Memory {
		return nil, j.fault(CodeMemory, "the module begins with "+sizeText(int64(m.Min)<<16)+" of memory")
	}
	j.msg = callMsg{abi: c.ABI, export: export, outputs: c.Outputs, limits: j.limit, seed: c.Seed, args: c.Args}
	if c.Module.ext != nil {
		j.msg.outputTypes = c.OutputTypes
	}
	for _, port := range c.Streams {
		j.msg.streams = append(j.msg.streams, int64(port))
	}
	j.msg.inputs = make([]wireValue, len(c.Inputs))
	inline := 0
	for i := range c.Inputs {
		if err := j.addInput(i, &inline); err != nil {
			j.release()
			return nil, j.fault(CodeRefused, fmt.Sprintf("input %d: %v", i, err))
		}
	}
	if err := j.hand(); err != nil {
		j.release()
		return nil, j.fault(CodeRefused, err.Error())
	}
	j.size = inline + 256 + 64*len(c.Inputs)
	return j, nil
}

func (j *job) admit(export string) error {
	c := j.call
	if err := c.Module.checkExport(export); err != nil {
		return err
	}
	if g := c.grants(); c.Module.needs&^g != 0 {
		names := c.Module.beyond(g)
		return fmt.Errorf("it imports %s, which this call was not granted", strings.Join(names, ", "))
	}
	args := 0
	for _, a := range c.Args {
		args += len(a) + 1
	}
	if len(c.Inputs) > maxPorts || c.Outputs > maxPorts || len(c.OutputTypes) > maxPorts || c.Outputs < 0 || args > inlineMax {
		return errors.New("the call has too many ports or arguments")
	}
	for _, port := range c.Streams {
		if port < 0 || port >= c.Outputs || c.ABI == Stdio || c.Item == nil {
			return fmt.Errorf("output %d cannot be a stream", port)
		}
	}
	return nil
}

// addInput decides how an input travels: small ones in the frame, large ones as a descriptor.
func (j *job) addInput(i int, inline *int) error {
	in, v := &j.call.Inputs[i], &j.msg.inputs[i]
	j.msg.types = append(j.msg.types, in.Type)
	switch {
	case in.Absent:
		v.how = valueAbsent
		return nil
	case in.File == nil && len(in.Bytes) <= inlineMax && *inline+len(in.Bytes) <= inlineTotal:
		v.how, v.bytes = valueInline, in.Bytes
		*inline += len(in.Bytes)
		return nil
	case len(j.fds) == maxFrameFDs:
		return fmt.Errorf("more than %d large inputs", maxFrameFDs)
	}
	fd, size, err := -1, in.Size, error(nil)
	if in.File != nil {
		fd, err = dupReadOnly(in.File)
	} else {
		fd, err = sealedCopy(in.Bytes)
		size = int64(len(in.Bytes))
	}
	if err != nil {
		return err
	}
	v.how, v.size = valueFD, size
	j.fds = append(j.fds, fd)
	return nil
}

// hand takes the descriptor for the extension.
func (j *job) hand() error {
	f := j.call.Handed
	switch {
	case f == nil:
		return nil
	case j.call.Module.ext == nil:
		return errors.New("a descriptor is handed to a module that uses no extension")
	case len(j.fds) == maxFrameFDs:
		return fmt.Errorf("more than %d large inputs", maxFrameFDs-1)
	}
	fd, err := dup(f)
	if err != nil {
		return err
	}
	j.msg.handed = true
	for i := range j.call.Inputs {
		in := &j.call.Inputs[i]
		if len(in.Head) > maxRefHead {
			return fmt.Errorf("a head of %d bytes", len(in.Head))
		}
		j.msg.digests, j.msg.heads = append(j.msg.digests, in.Digest), append(j.msg.heads, in.Head)
	}
	for _, port := range j.call.Referable {
		j.msg.referable = append(j.msg.referable, int64(port))
	}
	j.fds = append(j.fds, fd)
	return nil
}

func dup(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	var inner error
	err = raw.Control(func(p uintptr) { fd, inner = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, inner)
}

// dupReadOnly copies a descriptor through which nobody can change what it refers to.
func dupReadOnly(f *os.File) (int, error) {
	fd := -1
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	var inner error
	err = raw.Control(func(p uintptr) {
		flags, e := unix.FcntlInt(p, unix.F_GETFL, 0)
		if e == nil && flags&unix.O_ACCMODE != unix.O_RDONLY {
			seals, e := unix.FcntlInt(p, unix.F_GET_SEALS, 0)
			if e != nil || seals&unix.F_SEAL_WRITE == 0 {
				inner = errors.New("the file is open for writing")
				return
			}
		}
		if fd, inner = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0); inner != nil {
			fd = -1
		}
	})
	return fd, errors.Join(err, inner)
}

// sealedCopy puts bytes into a sealed memfd.
func sealedCopy(b []byte) (int, error) {
	var o output
	o.reset()
	err := o.spill()
	if err == nil {
		err = writeFull(o.fd, b)
	}
	if err == nil {
		err = seal(o.fd)
	}
	if err != nil && o.fd >= 0 {
		_ = unix.Close(o.fd)
		o.fd = -1
	}
	return o.fd, err
}

// hold and release count who still needs the descriptors: the caller of Run, and whoever writes the frame.
func (j *job) hold() { j.refs.Add(1) }

func (j *job) release() {
	if j.refs.Add(-1) > 0 {
		return
	}
	for _, fd := range j.fds {
		_ = unix.Close(fd)
	}
	j.fds = nil
}

// append writes the job as a frame.
func (j *job) append(b []byte, seq uint64) []byte {
	b, start := beginFrame(b, frameCall)
	m := j.msg // a copy: a call that was taken back may be on its way to two workers at once
	m.seq = seq
	b = m.append(b)
	return endFrame(b, start, len(j.fds))
}

// grants says what the call may reach.
func (c *Call) grants() (g grants) {
	if c.Files == nil {
		return 0
	}
	if c.Files.Read != nil {
		g |= grantRead
	}
	if c.Files.List != nil {
		g |= grantList
	}
	if c.Files.Write != nil {
		g |= grantWrite
	}
	return g
}

// fault makes an error about this job.
func (j *job) fault(code, detail string) *Error {
	e := &Error{Code: code, Module: j.call.Module.String(), Node: j.call.Node, Detail: detail}
	switch code {
	case CodeTimeout:
		e.Limit = timeLimit(j.limit.Time)
	case CodeMemory:
		e.Limit = memoryLimit(j.limit.Memory)
	case CodeOutput:
		e.Limit = outputLimit(j.limit.Output)
	}
	return e
}

// result turns what the worker said into what the caller gets, which takes the descriptors.
func (j *job) result(m *resultMsg) (*Result, error) {
	lines, stdout, stderr := m.streams.lines(), bytes.Clone(m.streams.stdout), bytes.Clone(m.streams.stderr)
	if m.code != "" {
		e := j.fault(m.code, m.detail)
		e.Exit, e.Log, e.Stdout, e.Stderr, e.Dropped = m.exit, lines, stdout, stderr, m.streams.dropped
		return nil, e
	}
	r := &Result{Log: lines, Stdout: stdout, Stderr: stderr, Dropped: m.streams.dropped,
		Duration: m.elapsed, Held: m.held, Compile: j.compiling, PeakMemory: m.peak, DeviceClass: m.device, Outputs: make([]Output, len(m.outputs))}
	total := int64(0)
	var bad error
	for i := range m.outputs {
		v := &m.outputs[i]
		total += v.size
		r.Outputs[i] = Output{Size: v.size, Written: v.how != valueAbsent}
		switch v.how {
		case valueInline:
			r.Outputs[i].Bytes = append([]byte{}, v.bytes...)
		case valueFD:
			r.Outputs[i].File = os.NewFile(uintptr(v.fd), "value")
		case valueRef:
			r.Outputs[i].Refers, r.Outputs[i].Digest, r.Outputs[i].Bytes = true, [32]byte(v.bytes), bytes.Clone(v.bytes[32:])
			if j.call.Handed == nil || !slices.Contains(j.call.Referable, i) {
				bad = fmt.Errorf("%w: output %d cannot be a reference", errFrame, i)
			}
		}
	}
	return r, errors.Join(bad, checkOutputs(j, r, total))
}

// checkOutputs refuses what an honest worker never sends.
func checkOutputs(j *job, r *Result, total int64) error {
	if len(r.Outputs) != j.call.Outputs || total > j.limit.Output {
		return fmt.Errorf("%w: %d outputs of %d bytes", errFrame, len(r.Outputs), total)
	}
	for _, o := range r.Outputs {
		if o.File == nil {
			continue
		}
		if err := checkSealed(int(o.File.Fd()), o.Size); err != nil {
			return err
		}
	}
	return nil
}

// checkSealed says whether a descriptor from a worker is a memfd of that size that nobody can change any more: reading
// one that shrinks would end this process.
func checkSealed(fd int, size int64) error {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&sealAll != sealAll {
		return fmt.Errorf("%w: value is not sealed", errFrame)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size != size {
		return fmt.Errorf("%w: value has not the size it says", errFrame)
	}
	return nil
}

func (j *job) hasEnded() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

func (j *job) end(res *Result, err error) {
	j.res, j.err = res, err
	close(j.ended)
}
