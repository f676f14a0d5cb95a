package gpu

import (
	"encoding/binary"
	"fmt"
	"slices"

	"levee/graph/value"

	"levee/gpu/op"
)

// maxHead is as much as stands before the elements of an image or of a tensor that can be an op.Desc.
const maxHead = 4 + 8*op.MaxRank

// maxFront is as much as stands before the elements of any value that is a tensor: in one of type any the type's text does.
const maxFront = 512

// dtypeOf finds the element type that a type text names.
func dtypeOf(name string) (op.DType, error) {
	for d := op.U8; d.Valid(); d++ {
		if d.String() == name {
			return d, nil
		}
	}
	return 0, fmt.Errorf("there are no tensors of %s here (there are u8, i32, i64, f16, bf16, f32, f64)", name)
}

// readHead says what tensor a value is, of which head is the beginning, and where its elements begin. An image is u8 [height, width,
// channels].
func readHead(typ string, head []byte) (d op.Desc, at int64, err error) {
	t := value.Type(typ)
	switch t.Base() {
	case "image":
		d, at, err = readImage(head)
	case "tensor":
		d, at, err = readTensor(t, head)
	default:
		return d, 0, fmt.Errorf("it is %q, neither an image nor a tensor", typ)
	}
	if err == nil {
		err = d.Check()
	}
	return d, at, err
}

const imageHead = 16

func readImage(head []byte) (op.Desc, int64, error) {
	if len(head) < imageHead {
		return op.Desc{}, 0, fmt.Errorf("%d bytes are no image", len(head))
	}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint32(head[4*i:])) }
	if bits := word(3); bits != 8 {
		return op.Desc{}, 0, fmt.Errorf("an image of %d bits a channel, only 8 can be a tensor", bits)
	}
	return op.Desc{DType: op.U8, Shape: []int64{word(1), word(0), word(2)}}, imageHead, nil
}

func readTensor(t value.Type, head []byte) (d op.Desc, at int64, err error) {
	name, _, err := t.Tensor()
	if err == nil {
		d.DType, err = dtypeOf(name)
	}
	if err != nil {
		return d, 0, err
	}
	if len(head) < 4 {
		return d, 0, fmt.Errorf("%d bytes are no tensor", len(head))
	}
	rank := binary.LittleEndian.Uint32(head)
	if rank > op.MaxRank || len(head) < 4+8*int(rank) {
		return d, 0, fmt.Errorf("a tensor of rank %d, at most %d", rank, op.MaxRank)
	}
	for i := range int(rank) {
		d.Shape = append(d.Shape, int64(binary.LittleEndian.Uint64(head[4+8*i:])))
	}
	return d, 4 + 8*int64(rank), nil
}

// makeHead is what stands before the elements of a tensor in the encoding of a port's type.
func makeHead(typ string, d op.Desc) ([]byte, error) {
	t := value.Type(typ)
	switch t.Base() {
	case "image":
		return imageHeadOf(d)
	case "any":
		text := typeText(d)
		b := binary.LittleEndian.AppendUint16(nil, uint16(len(text)))
		return appendShape(append(b, text...), d.Shape), nil
	case "tensor":
		name, dims, err := t.Tensor()
		if err != nil {
			return nil, err
		}
		fits := name == d.DType.String() && len(dims) == len(d.Shape)
		for i := range min(len(dims), len(d.Shape)) {
			fits = fits && (dims[i] < 0 || dims[i] == d.Shape[i])
		}
		if !fits {
			return nil, fmt.Errorf("the port's type is %s, the tensor is %v", typ, d)
		}
		return appendShape(nil, d.Shape), nil
	}
	return nil, fmt.Errorf("a tensor is no %s", typ)
}

func imageHeadOf(d op.Desc) ([]byte, error) {
	if d.DType != op.U8 || len(d.Shape) != 3 || !slices.Contains([]int64{1, 3, 4}, d.Shape[2]) || max(d.Shape[0], d.Shape[1]) >= 1<<32 {
		return nil, fmt.Errorf("an image is a tensor u8 [height, width, 1, 3 or 4 channels], not %v", d)
	}
	var b []byte
	for _, n := range []int64{d.Shape[1], d.Shape[0], d.Shape[2], 8} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	return b, nil
}

// typeText is the type of a tensor's value.
func typeText(d op.Desc) string {
	b := []byte("tensor<" + d.DType.String() + ",[")
	for i, n := range d.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Append(b, n)
	}
	return string(append(b, "]>"...))
}
