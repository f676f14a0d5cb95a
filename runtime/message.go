package runtime

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// loadMsg is the payload of frameLoad: its one descriptor holds the module's bytes.
type loadMsg struct {
	size    int64
	dir     string // where native code lies, or is to be put
	compile bool   // the directory is empty and may be written
	weak    bool   // go on when a part of the sandbox cannot be had
	ahead   bool   // nothing of the module runs when an instance of it is made
	funcs   [][2]string
}

func (m *loadMsg) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.size))
	b = appendBytes(b, m.dir)
	b = appendBool(b, m.compile)
	b = appendBool(b, m.weak)
	b = appendBool(b, m.ahead)
	b = binary.AppendUvarint(b, uint64(len(m.funcs)))
	for _, f := range m.funcs {
		b = appendBytes(b, f[0])
		b = appendBytes(b, f[1])
	}
	return b
}

func readLoad(p []byte) (m loadMsg, err error) {
	d := decoder{b: p}
	m.size = d.size(1 << 40)
	m.dir = d.string()
	m.compile = d.bool()
	m.weak = d.bool()
	m.ahead = d.bool()
	for range d.count() {
		m.funcs = append(m.funcs, [2]string{d.string(), d.string()})
	}
	return m, d.done()
}

// extended says whether the module uses the extension.
func (m *loadMsg) extended(x *Extension) bool {
	return slices.ContainsFunc(m.funcs, func(f [2]string) bool { return x.find(f[0], f[1]) != nil })
}

// loadedMsg is the payload of frameLoaded.
type loadedMsg struct {
	code    string // empty: the module is ready
	detail  string
	elapsed time.Duration
}

func (m *loadedMsg) append(b []byte) []byte {
	b = appendBytes(b, m.code)
	b = appendBytes(b, m.detail)
	return binary.AppendUvarint(b, uint64(m.elapsed))
}

func readLoaded(p []byte) (m loadedMsg, err error) {
	d := decoder{b: p}
	m.code, m.detail = d.string(), d.string()
	m.elapsed = time.Duration(d.size(1 << 60))
	if m.code != "" && m.code != CodeCompile || len(m.detail) > maxMessage {
		return m, fmt.Errorf("%w: an unknown failure, or one of %d bytes", errFrame, len(m.detail))
	}
	return m, d.done()
}

// How a value travels.
const (
	valueAbsent byte = iota
	valueInline
	valueFD  // in the next descriptor of the frame
	valueRef // an output only: an extension keeps it elsewhere; bytes are its digest and its head
)

// wireValue is one value of a frame: its bytes, or its size and a descriptor.
type wireValue struct {
	how   byte
	bytes []byte
	size  int64
	fd    int
}

func (v *wireValue) append(b []byte) []byte {
	b = append(b, v.how)
	switch v.how {
	case valueInline:
		b = appendBytes(b, v.bytes)
	case valueFD:
		b = binary.AppendUvarint(b, uint64(v.size))
	case valueRef:
		b = binary.AppendUvarint(appendBytes(b, v.bytes), uint64(v.size))
	}
	return b
}

// output reads a value that may be a reference.
func (d *decoder) output(fds []int) (v wireValue, rest []int) {
	if len(d.b) == 0 || d.b[0] != valueRef {
		return d.value(fds)
	}
	d.byte()
	v = wireValue{how: valueRef, bytes: d.bytes(), size: d.size(1 << 46), fd: -1}
	if n := len(v.bytes) - 32; n < 0 || n > maxRefHead || int64(n) > v.size {
		d.fail()
	}
	return v, fds
}

// value reads a value whose descriptor, if it has one, is the first of fds; it returns the rest of them.
func (d *decoder) value(fds []int) (v wireValue, rest []int) {
	v.how, v.fd = d.byte(), -1
	switch v.how {
	case valueAbsent:
	case valueInline:
		v.bytes = d.bytes()
		v.size = int64(len(v.bytes))
	case valueFD:
		v.size = d.size(1 << 46)
		if len(fds) == 0 {
			d.fail()
			return v, nil
		}
		v.fd, fds = fds[0], fds[1:]
	default:
		d.fail()
	}
	return v, fds
}

// callMsg is the payload of frameCall.
type callMsg struct {
	seq         uint64
	abi         ABI
	export      string
	outputs     int
	streams     []int64 // the outputs that are streams
	limits      Limits  // Time is the daemon's business and does not travel
	seed        [32]byte
	args        []string
	types       []string
	inputs      []wireValue
	outputTypes []string   // where the module uses an extension
	digests     [][32]byte // of the inputs, where something is handed
	heads       [][]byte   // of these: of an input whose descriptor is still being filled, what it begins with; empty: it is whole
	referable   []int64    // outputs that may be references, where something is handed
	handed      bool       // the last descriptor is for the extension

	handedFD int // of a message that was read; -1: none
}

func (m *callMsg) append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.seq)
	b = append(b, byte(m.abi))
	b = appendBytes(b, m.export)
	b = binary.AppendUvarint(b, uint64(m.outputs))
	b = binary.AppendUvarint(b, uint64(len(m.streams)))
	for _, port := range m.streams {
		b = binary.AppendUvarint(b, uint64(port))
	}
	b = binary.AppendUvarint(b, uint64(m.limits.Memory))
	b = binary.AppendUvarint(b, uint64(m.limits.Output))
	b = binary.AppendUvarint(b, uint64(m.limits.Log))
	b = binary.AppendUvarint(b, uint64(m.limits.Companion))
	b = append(b, m.seed[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.args)))
	for _, a := range m.args {
		b = appendBytes(b, a)
	}
	b = binary.AppendUvarint(b, uint64(len(m.inputs)))
	for i := range m.inputs {
		b = appendBytes(b, m.types[i])
		b = m.inputs[i].append(b)
	}
	b = binary.AppendUvarint(b, uint64(len(m.outputTypes)))
	for _, t := range m.outputTypes {
		b = appendBytes(b, t)
	}
	b = binary.AppendUvarint(b, uint64(len(m.digests)))
	for i := range m.digests {
		b = appendBytes(append(b, m.digests[i][:]...), m.heads[i])
	}
	b = binary.AppendUvarint(b, uint64(len(m.referable)))
	for _, port := range m.referable {
		b = binary.AppendUvarint(b, uint64(port))
	}
	return appendBool(b, m.handed)
}

// read fills m, whose slices it reuses. Inputs refer to p.
func (m *callMsg) read(p []byte, fds []int) error {
	d := decoder{b: p}
	m.seq = d.uvarint()
	m.abi = ABI(d.byte())
	m.export = d.string()
	m.outputs = int(d.size(maxPorts))
	m.streams = m.streams[:0]
	for range d.count() {
		port := d.size(maxPorts)
		if port >= int64(m.outputs) {
			d.fail()
			break
		}
		m.streams = append(m.streams, port)
	}
	m.limits = Limits{Memory: d.size(1 << 40), Output: d.size(1 << 46), Log: d.size(streamMax), Companion: d.size(1 << 40)}
	copy(m.seed[:], d.take(32))
	m.args, m.types, m.inputs = m.args[:0], m.types[:0], m.inputs[:0]
	for range d.count() {
		m.args = append(m.args, d.string())
	}
	for range d.count() {
		m.types = append(m.types, d.string())
		var v wireValue
		v, fds = d.value(fds)
		m.inputs = append(m.inputs, v)
	}
	m.outputTypes = m.outputTypes[:0]
	for range d.count() {
		m.outputTypes = append(m.outputTypes, d.string())
	}
	m.digests, m.heads = m.digests[:0], m.heads[:0]
	for range d.count() {
		var digest [32]byte
		copy(digest[:], d.take(32))
		m.digests, m.heads = append(m.digests, digest), append(m.heads, d.bytes())
	}
	m.referable = m.referable[:0]
	for range d.count() {
		m.referable = append(m.referable, d.size(maxPorts))
	}
	m.handed, m.handedFD = d.bool(), -1
	switch {
	case !m.handed:
	case len(fds) == 0:
		d.fail()
	default:
		m.handedFD, fds = fds[0], fds[1:]
	}
	if len(fds) != 0 {
		return errFrame
	}
	return d.done()
}

// resultMsg is the payload of frameResult.
type resultMsg struct {
	seq     uint64
	code    string // empty: the call ended well
	detail  string
	exit    uint32
	elapsed time.Duration // without what it waited for its items to be taken
	held    time.Duration // that
	peak    int64         // bytes of linear memory
	device  bool          // results may be others on another device
	outputs []wireValue
	streams streams
}

func (m *resultMsg) append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.seq)
	b = appendBytes(b, m.code)
	b = appendBytes(b, m.detail)
	b = binary.AppendUvarint(b, uint64(m.exit))
	b = binary.AppendUvarint(b, uint64(m.elapsed))
	b = binary.AppendUvarint(b, uint64(m.held))
	b = binary.AppendUvarint(b, uint64(m.peak))
	b = appendBool(b, m.device)
	b = appendBytes(b, m.streams.log)
	b = appendBytes(b, m.streams.stdout)
	b = appendBytes(b, m.streams.stderr)
	b = binary.AppendUvarint(b, uint64(m.streams.dropped))
	b = binary.AppendUvarint(b, uint64(len(m.outputs)))
	for i := range m.outputs {
		b = m.outputs[i].append(b)
	}
	return b
}

func readResult(p []byte, fds []int) (m resultMsg, err error) {
	d := decoder{b: p}
	m.seq = d.uvarint()
	m.code, m.detail = d.string(), d.string()
	m.exit = uint32(d.size(1<<32 - 1))
	m.elapsed = time.Duration(d.size(1 << 60))
	m.held = time.Duration(d.size(1 << 60))
	m.peak = d.size(1 << 40)
	m.device = d.bool()
	m.streams.log, m.streams.stdout, m.streams.stderr = d.bytes(), d.bytes(), d.bytes()
	m.streams.dropped = d.size(1 << 60)
	n := d.count()
	if err := m.check(n); err != nil {
		return m, err
	}
	if n > 0 {
		m.outputs = make([]wireValue, n)
	}
	for i := range m.outputs {
		m.outputs[i], fds = d.output(fds)
	}
	if len(fds) != 0 {
		return m, errFrame
	}
	return m, d.done()
}

// maxMessage bounds what a guest says of its failure, or a compiler of its own; maxDetail all that a worker says of one.
const (
	maxMessage = 16 << 10
	maxDetail  = 64 << 10
)

// saidCodes are how a worker may say that a call ended.
var saidCodes = []string{"", CodeTrap, CodeExit, CodeMemory, CodeOutput, CodeCrash, CodeFailed, CodeBounds, CodeLost, CodeRefused}

// check refuses what an honest worker never says. Nobody else cuts it before it is kept or printed.
func (m *resultMsg) check(outputs int) error {
	switch longest := max(len(m.streams.log), len(m.streams.stdout), len(m.streams.stderr)); {
	case outputs > maxPorts, outputs > 0 && m.code != "":
		return fmt.Errorf("%w: %d outputs", errFrame, outputs)
	case !slices.Contains(saidCodes, m.code):
		return fmt.Errorf("%w: an unknown failure", errFrame)
	case len(m.detail) > maxDetail, longest > streamMax:
		return fmt.Errorf("%w: it says %d bytes of a failure, and a log of %d", errFrame, len(m.detail), longest)
	}
	return nil
}

// What a frameAsk asks for.
const (
	askRead byte = iota + 1
	askList
	askWrite
	askWriteInput
	askFilled // whether an input is whole; answered when it is
)

// maxRefHead bounds the beginning of a value that is told before the rest is there.
const maxRefHead = 1 << 10
