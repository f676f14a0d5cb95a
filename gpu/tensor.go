package gpu

import (
	"encoding/binary"

	"levee/gpu/op"
	"levee/graph/value"
)

func (s *Session) tensorNew(args []uint64) {
	dtype, ptr, rank := uint32(args[0]), uint32(args[1]), uint32(args[2])
	put64(args, s.status(s.makeTensor(dtype, ptr, rank)))
}

func (s *Session) makeTensor(dtype, ptr, rank uint32) (int64, error) {
	if rank > op.MaxRank || dtype > 0xff {
		return 0, op.Errorf(op.BadGraph, "a tensor of element type %d and rank %d, at most %d", dtype, rank, op.MaxRank)
	}
	d := op.Desc{DType: op.DType(dtype), Shape: make([]int64, rank)}
	shape := s.guest.View("tensor_new", ptr, 8*rank)
	for i := range d.Shape {
		d.Shape[i] = int64(binary.LittleEndian.Uint64(shape[8*i:]))
	}
	if err := d.Check(); err != nil {
		return 0, op.Errorf(op.BadGraph, "%v", err)
	}
	e, err := s.executor()
	if err != nil {
		return 0, err
	}
	h, err := e.Alloc(d)
	return int64(h), err
}

func (s *Session) tensorFree(args []uint64) {
	h := op.Handle(args[0])
	e, err := s.executor()
	if err == nil {
		err = e.Free(h)
	}
	put32(args, s.status(0, err))
}

func (s *Session) tensorDesc(args []uint64) {
	h, to := op.Handle(args[0]), s.guest.View("tensor_desc", uint32(args[1]), uint32(args[2]))
	e, err := s.executor()
	var d op.Desc
	if err == nil {
		d, err = e.Desc(h)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(d.DType))
	b = appendShape(b, d.Shape)
	if err == nil {
		copy(to, b)
	}
	put32(args, s.status(int64(len(b)), err))
}

func appendShape(b []byte, shape []int64) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(shape)))
	for _, n := range shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func (s *Session) tensorWrite(args []uint64) {
	h, off, p := op.Handle(args[0]), int64(args[1]), s.guest.View("tensor_write", uint32(args[2]), uint32(args[3]))
	e, err := s.executor()
	if err == nil {
		err = e.Upload(h, off, p)
	}
	put32(args, s.status(0, err))
}

func (s *Session) tensorRead(args []uint64) {
	h, off, p := op.Handle(args[0]), int64(args[1]), s.guest.View("tensor_read", uint32(args[2]), uint32(args[3]))
	e, err := s.executor()
	if err == nil {
		err = e.Download(h, off, p)
	}
	put32(args, s.status(0, err))
}

func (s *Session) tensorInput(args []uint64) {
	port := uint32(args[0])
	typ, size := s.guest.Input("tensor_input", port)
	put64(args, s.status(s.takeInput(port, typ, size)))
}

// takeInput makes a tensor of an input's value, in pieces that never meet the guest's memory.
func (s *Session) takeInput(port uint32, typ string, size int64) (int64, error) {
	if size < 0 {
		return 0, op.Errorf(op.BadHandle, "input %d is absent", port)
	}
	head := s.inputHead(port, typ)
	d, at, err := readHead(typ, head)
	if err != nil {
		return 0, op.Errorf(op.BadGraph, "input %d: %v", port, err)
	}
	if size-at != d.Bytes() {
		return 0, op.Errorf(op.BadGraph, "input %d: %d bytes are no %v", port, size-at, d)
	}
	e, err := s.executor()
	if err != nil {
		return 0, err
	}
	k, keeps := e.(keeper)
	keeps = keeps && d.Bytes() >= keepFrom
	if digest := s.guest.InputDigest(port); keeps && digest != [32]byte{} {
		if h, err := k.Find(digest, head[:at], d); h != 0 || err != nil {
			return int64(h), err
		}
	}
	h, err := e.Alloc(d)
	if err != nil {
		return 0, err
	}
	buf := s.buffer()
	for off := int64(0); off < d.Bytes(); off += chunk {
		p := buf[:min(chunk, d.Bytes()-off)]
		if n := s.guest.ReadInput(port, p, at+off); n < len(p) {
			s.guest.Lost("an input could not be read")
		}
		if err := e.Upload(h, off, p); err != nil {
			return 0, err
		}
	}
	if keeps {
		err = k.Keep(h, head[:at])
	}
	return int64(h), err
}

// inputHead reads what stands before the elements of an input, and not a byte more: the others may still be on their way from the device.
func (s *Session) inputHead(port uint32, typ string) []byte {
	head := make([]byte, maxHead)
	if value.Type(typ).Base() == "image" {
		return head[:s.guest.ReadInput(port, head[:imageHead], 0)]
	}
	n := s.guest.ReadInput(port, head[:4], 0)
	if rank := min(binary.LittleEndian.Uint32(head), op.MaxRank); n == 4 && rank > 0 {
		n += s.guest.ReadInput(port, head[4:][:8*rank], 4)
	}
	return head[:n]
}

// keepFrom is the size from which on a tensor is worth keeping on a device.
const keepFrom = 1 << 20

// referFrom is the size from which on an output need not be written before those begin who have it on their device.
const referFrom = 1 << 20

func (s *Session) buffer() []byte {
	if s.buf == nil {
		s.buf = make([]byte, chunk)
	}
	return s.buf
}

func (s *Session) tensorOutput(args []uint64) {
	port, h := uint32(args[0]), op.Handle(args[1])
	typ := s.guest.Output("tensor_output", port)
	put32(args, s.status(0, s.giveOutput(port, typ, h)))
}

// giveOutput writes a tensor as the value of an output. Nothing is written when it fails before the first byte; later it can only be
// that the tensor is lost, which ends the call.
func (s *Session) giveOutput(port uint32, typ string, h op.Handle) error {
	e, err := s.executor()
	if err != nil {
		return err
	}
	d, err := e.Desc(h)
	if err != nil {
		return err
	}
	head, err := makeHead(typ, d)
	if err != nil {
		return op.Errorf(op.BadGraph, "output %d: %v", port, err)
	}
	k, keeps := e.(keeper)
	if keeps && d.Bytes() >= referFrom && s.guest.Referable(port) {
		digest, ok, err := k.Offer(h, head)
		if err != nil {
			return err
		}
		if ok {
			s.guest.ReferOutput(port, digest, head, int64(len(head))+d.Bytes())
			return nil
		}
	}
	buf := s.buffer()
	for off := int64(0); off < d.Bytes(); off += chunk {
		p := buf[:min(chunk, d.Bytes()-off)]
		if err := e.Download(h, off, p); err != nil {
			if off > 0 {
				s.guest.Lost(err.Error())
			}
			return err
		}
		if off == 0 {
			s.guest.WriteOutput(port, head)
		}
		s.guest.WriteOutput(port, p)
	}
	if keeps && d.Bytes() >= keepFrom {
		_ = k.Keep(h, head) // the output is written: who is lost now has lost nothing
	}
	return nil
}
