package op

import "encoding/binary"

// A graph as bytes; everything is little endian and aligned to 8:
//
//	u32 version, u16 tensors, u16 ops
//	per tensor: u64 handle; when that is 0: u32 dtype, u32 rank, u64 dimension...
//	per op: u16 code, u16 inputs, u16 outputs, u16 parameters, u16 tensor... (inputs, then outputs), zeros up to a multiple of 8, u64 parameter...
const codecVersion = 1

// Append writes the graph behind b. It writes what it is given; Check is for those who read it.
func (g *Graph) Append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, codecVersion)
	b = le.AppendUint16(b, uint16(len(g.Tensors)))
	b = le.AppendUint16(b, uint16(len(g.Ops)))
	for _, t := range g.Tensors {
		b = le.AppendUint64(b, uint64(t.Handle))
		if t.Handle != 0 {
			continue
		}
		b = le.AppendUint32(b, uint32(t.Desc.DType))
		b = le.AppendUint32(b, uint32(len(t.Desc.Shape)))
		for _, d := range t.Desc.Shape {
			b = le.AppendUint64(b, uint64(d))
		}
	}
	for _, o := range g.Ops {
		for _, n := range []int{int(o.Code), len(o.In), len(o.Out), len(o.Params)} {
			b = le.AppendUint16(b, uint16(n))
		}
		n := len(o.In) + len(o.Out)
		for _, list := range [2][]uint16{o.In, o.Out} {
			for _, i := range list {
				b = le.AppendUint16(b, i)
			}
		}
		for ; n%4 != 0; n++ {
			b = le.AppendUint16(b, 0)
		}
		for _, p := range o.Params {
			b = le.AppendUint64(b, p)
		}
	}
	return b
}

// Decode reads a graph from bytes that nobody vouches for; it refuses what is longer or larger than a graph may be, and every other
// way to write the same graph. What it gives is yet to be checked. The error is an *Error.
func Decode(b []byte) (*Graph, error) {
	if len(b) > MaxGraph {
		return nil, Errorf(BadGraph, "%d bytes, at most %d", len(b), MaxGraph)
	}
	d := decoder{b: b}
	if v := d.u32(); v != codecVersion {
		return nil, Errorf(BadGraph, "its version is %d: this levee reads %d", v, codecVersion)
	}
	tensors, ops := int(d.u16()), int(d.u16())
	if tensors > MaxTensors || ops > MaxOps {
		return nil, Errorf(BadGraph, "%d tensors and %d ops, at most %d and %d", tensors, ops, MaxTensors, MaxOps)
	}
	g := &Graph{Tensors: make([]Tensor, 0, tensors), Ops: make([]Op, 0, ops)}
	for range tensors {
		g.Tensors = append(g.Tensors, d.tensor())
	}
	for range ops {
		g.Ops = append(g.Ops, d.op())
	}
	switch {
	case d.bad != "":
		return nil, Errorf(BadGraph, "%s", d.bad)
	case len(d.b) > 0:
		return nil, Errorf(BadGraph, "%d bytes stand behind its last op", len(d.b))
	}
	return g, nil
}

// decoder reads numbers; once something is wrong it gives zeros, and bad says what was.
type decoder struct {
	b   []byte
	bad string
}

func (d *decoder) fail(what string) {
	if d.bad == "" {
		d.bad = what
	}
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if len(d.b) < n {
		d.fail("it ends early")
		return make([]byte, n)
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) u16() uint16 { return binary.LittleEndian.Uint16(d.take(2)) }
func (d *decoder) u32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) u64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }

func (d *decoder) tensor() (t Tensor) {
	if t.Handle = Handle(d.u64()); t.Handle != 0 || d.bad != "" {
		return t
	}
	dtype, rank := d.u32(), d.u32()
	if dtype > uint32(F64) || rank > MaxRank {
		d.fail("a tensor has an unknown element type, or too many dimensions")
		return t
	}
	t.Desc = Desc{DType: DType(dtype), Shape: make([]int64, rank)}
	for i := range t.Desc.Shape {
		t.Desc.Shape[i] = int64(d.u64())
	}
	return t
}

func (d *decoder) op() (o Op) {
	o.Code = Code(d.u16())
	in, out, params := int(d.u16()), int(d.u16()), int(d.u16())
	if in > MaxPorts || out > MaxPorts || params > MaxParams {
		d.fail("an op has too many inputs, outputs or parameters")
		return o
	}
	places := make([]uint16, in+out)
	for i := range places {
		places[i] = d.u16()
	}
	for n := in + out; n%4 != 0; n++ {
		if d.u16() != 0 {
			d.fail("the space behind an op's tensors is not zero")
		}
	}
	o.In, o.Out = places[:in:in], places[in:]
	o.Params = make([]uint64, params)
	for i := range o.Params {
		o.Params[i] = d.u64()
	}
	return o
}
