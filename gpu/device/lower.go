package device

import (
	"slices"
	"time"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// lowering puts the commands of one op, which was checked, at the end of a graph's.
type lowering func(l *lower, o *op.Op) error

// lowerings are by op.Code.
var lowerings = [...]lowering{
	// lower_map.go
	op.Copy: lowerCopy, op.Map: lowerMap,

	// lower_elementwise.go
	op.Fill: lowerFill, op.Cast: lowerCast, op.Transpose: lowerStrided, op.Concat: lowerConcat, op.Slice: lowerStrided, op.Gather: lowerGather,
	op.Random: lowerRandom,

	// lower_reduce.go, lower_row.go
	op.Reduce: lowerReduce, op.Softmax: lowerSoftmax, op.LayerNorm: lowerLayerNorm,

	// lower_gemm.go
	op.Gemm: lowerGemm,

	// lower_conv.go
	op.Conv2D: lowerConv,

	// lower_sort.go, lower_scan.go
	op.Sort:      lowerSort,
	op.Scan:      lowerScan,
	op.Histogram: lowerHistogram,

	// lower_picture.go
	op.Resize:    lowerResize,
	op.Normalise: lowerNormalise,

	// lower_fft.go
	op.FFT: lowerFFT,
}

// tensor is one on the device, aligned to 256 bytes.
type tensor struct {
	at cuda.Ptr
	op.Desc
}

// dim is how many blocks, or threads. A zero counts as one.
type dim = cuda.Dim

// lower collects the commands of a graph. Nothing is put into the stream before the whole graph is lowered, so that what is refused
// did not run in part.
type lower struct {
	s       *Session
	dev     *Device
	in, out []tensor // of the op that is being lowered

	plan      *op.Plan
	at        []cuda.Ptr // of the graph's tensors; zero: none yet
	scratches []cuda.Ptr // of the op that is being lowered
	list      []command
	params    []byte // of the launches
	next      cuda.Args
	tables    []string      // keys of those that this graph brings
	tabled    int           // their bytes
	fusion    *fusion       // of the op that is being lowered
	beyond    time.Duration // what ops may take beyond what their costs say
	maps      int           // ops that may trap
	loops     []looped
}

// command is one entry of the stream: a launch, or what set8, set32, copy and table do.
type command struct {
	kind        commandKind
	f           cuda.Function
	grid, block dim
	shared      int
	from, to    int // the launch's part of lower.params
	at, source  cuda.Ptr
	n           int64
	v           uint32
	bytes       []byte
	call        func(cuda.Stream) error
}

type commandKind uint8

const (
	launchKernel commandKind = iota
	setBytes
	setWords
	copyBytes
	uploadBytes
	callLibrary
	markProgress // in n nanoseconds; the first of an op also has the time of what is before it
)

// graph lowers every op, each with the memory that its tensors need from there on.
func (l *lower) graph() error {
	ops := l.plan.Ops
	for next := 0; next < len(ops); {
		i := next
		next++
		err := errApart
		if f := l.fusable(i); f != nil {
			next++
			err = l.fused(&ops[i], &ops[i+1], f)
		}
		if err == errApart {
			next = i + 1
			err = l.op(&ops[i], ops[i].Out)
		}
		if err != nil {
			return err
		}
		l.s.Launched.Add(1) // an op's tables and the driver's compiler may take a while
		for i < next {
			for _, t := range slices.Concat(ops[i].In, ops[i].Out) {
				if l.plan.LastUse[t] == i {
					l.freeTemporary(t)
				}
			}
			i++
		}
	}
	return nil
}

// freeTemporary gives a tensor of the graph's own back: what follows in the stream may have its memory.
func (l *lower) freeTemporary(t uint16) {
	if l.at[t] != 0 && l.plan.Tensors[t].Handle == 0 {
		l.s.arena.free(l.at[t])
		l.at[t] = 0
	}
}

// abandon gives back what a graph has that will not be played.
func (l *lower) abandon() {
	for t := range l.at {
		l.freeTemporary(uint16(t))
	}
	for _, key := range l.tables {
		l.s.dropTable(key)
	}
}

// op lowers one op, whose results go to tensors that may have another type than its own.
func (l *lower) op(o *op.Op, outs []uint16) error {
	if int(o.Code) >= len(lowerings) || lowerings[o.Code] == nil {
		return op.Errorf(op.Unavailable, "op %d does not run on this device", o.Code)
	}
	l.in, l.out = l.in[:0], l.out[:0]
	for _, t := range o.In {
		l.in = append(l.in, tensor{l.at[t], l.plan.Tensors[t].Desc})
	}
	for i, t := range outs {
		d := l.plan.Tensors[t].Desc
		if l.at[t] == 0 {
			at, err := l.s.alloc(d.Bytes())
			if err != nil {
				return err
			}
			l.at[t] = at
		}
		d.Shape = l.plan.Tensors[o.Out[i]].Desc.Shape
		l.out = append(l.out, tensor{l.at[t], d})
	}
	err := lowerings[o.Code](l, o)
	for _, at := range l.scratches {
		l.s.arena.free(at)
	}
	l.scratches, l.s.using = l.scratches[:0], l.s.using[:0]
	return err
}

// scratch gives memory that is the op's own until its last command is done. What is in it is not defined.
func (l *lower) scratch(bytes int64) (cuda.Ptr, error) {
	at, err := l.s.alloc(bytes)
	if err == nil {
		l.scratches = append(l.scratches, at)
	}
	return at, err
}

// table gives a small table that the host makes, on the device: made once for each key, which says all that it depends on. It stays until
// the op is lowered: what the op takes next must not lie there.
func (l *lower) table(key string, make func() []byte) (cuda.Ptr, error) {
	if !slices.Contains(l.s.using, key) {
		l.s.using = append(l.s.using, key)
	}
	if at, ok := l.s.tables[key]; ok {
		return at, nil
	}
	text := make()
	if l.tabled += len(text); l.tabled > maxTables {
		return 0, op.Errorf(op.OverBudget, "its tables take more than %d bytes: it can be submitted in parts", maxTables)
	}
	at, err := l.s.alloc(int64(len(text)))
	if err != nil {
		return 0, err
	}
	l.list = append(l.list, command{kind: uploadBytes, at: at, bytes: text})
	l.s.tables[key] = at
	l.tables = append(l.tables, key)
	return at, nil
}

// maxTables bounds the tables that one graph brings: the host holds all of them until the graph is in the stream. One op may need two of 46 MB.
const maxTables = 128 << 20

func (l *lower) set8(at cuda.Ptr, v byte, n int64) error {
	l.list = append(l.list, command{kind: setBytes, at: at, v: uint32(v), n: n})
	return nil
}

// set32 writes n words.
func (l *lower) set32(at cuda.Ptr, v uint32, n int64) error {
	l.list = append(l.list, command{kind: setWords, at: at, v: v, n: n})
	return nil
}

func (l *lower) copy(to, from cuda.Ptr, bytes int64) error {
	l.list = append(l.list, command{kind: copyBytes, at: to, source: from, n: bytes})
	return nil
}

// args begins the parameters of the next launch.
func (l *lower) args() *cuda.Args { return l.next.Reset() }

// launch runs a built-in kernel: file as builtin.PTX has it, shared the dynamic bytes of a block.
func (l *lower) launch(file, kernel string, grid, block dim, shared int, args *cuda.Args) error {
	f, err := l.s.builtin(file, kernel)
	if err != nil {
		return l.dev.fault(err)
	}
	return l.launchFunction(f, grid, block, shared, args)
}

// maxCommands is how long the list of a graph may become: hours of launches that take as long as they should.
const maxCommands = 1 << 18

func (l *lower) launchFunction(f *function, grid, block dim, shared int, args *cuda.Args) error {
	if len(l.list) >= maxCommands {
		return op.Errorf(op.OverBudget, "it takes more than %d launches", maxCommands)
	}
	if err := l.dev.allow(f, shared); err != nil {
		return l.dev.fault(err)
	}
	from := len(l.params)
	l.params = append(l.params, args.Params()...)
	l.list = append(l.list, command{f: f.Function, grid: grid, block: block, shared: shared, from: from, to: len(l.params)})
	return nil
}

// play puts the commands into the session's stream.
func (l *lower) play() error {
	begun := time.Now()
	for i := range l.list {
		if l.s.gone(begun) { // the driver holds up the launches of long work
			return errNobody
		}
		c := &l.list[i]
		var err error
		switch c.kind {
		case launchKernel:
			err = l.dev.Launch(c.f, c.grid, c.block, c.shared, l.s.stream, l.params[c.from:c.to])
			l.s.Launched.Add(1)
		case setBytes:
			err = l.dev.Set8(c.at, byte(c.v), c.n, l.s.stream)
		case setWords:
			err = l.dev.Set32(c.at, c.v, c.n, l.s.stream)
		case copyBytes:
			err = l.dev.Copy(c.at, c.source, c.n, l.s.stream)
		case uploadBytes:
			err = l.dev.Upload(c.at, c.bytes, l.s.stream)
		case callLibrary:
			err = c.call(l.s.stream)
		case markProgress:
			most := time.Duration(c.n)
			if c.v == 1 {
				most += l.most()
			}
			if len(l.s.pending) >= 4*maxMarks { // the driver takes no more than some launches ahead, so most of these were reached
				err = l.s.reap()
			}
			if err == nil {
				err = l.s.put(mark{fence: l.s.last + 1, most: most})
			}
		}
		if err != nil {
			return err
		}
	}
	return l.s.fetchTraps(l.maps)
}
