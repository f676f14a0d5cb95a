package wasm

import (
	"encoding/binary"
	"slices"
)

// joinGap is the most zeros that are written between two data segments to make them one: a segment of its own costs as much.
const joinGap = 64

var zeros [joinGap]byte

// run is data segments that are one.
type run struct {
	at   uint64
	data []byte
}

func (r *run) end() uint64 { return r.at + uint64(len(r.data)) }

// JoinData returns b, which must have passed [Preflight] with this info, with data segments made one that stand beside each other. Go's
// linker leaves out zeros and so makes tens of thousands of them, each of which costs time whenever an instance is made. What an instance
// begins with is the same; where that is not sure, as a segment lies over another or beyond the memory, or as code may name segments,
// b itself is returned.
func JoinData(b []byte, info *Info) ([]byte, error) {
	if info.NumData < 2 || info.ChangesSegments || info.Memory == nil {
		return b, nil
	}
	r := reader{b: b, pos: headerSize}
	out := append(make([]byte, 0, len(b)), header...)
	for r.err == nil && r.pos < len(b) {
		start := r.pos
		id := r.u8()
		size := int(r.u32())
		content := r.pos
		r.skip(size, "a section")
		switch {
		case r.err != nil:
		case id == secDataCount: // of use only to code that names segments
		case id == secData:
			runs, ok := joined(b[:r.pos], content, uint64(info.Memory.Min)<<16)
			if !ok {
				return b, nil
			}
			out = appendData(out, runs)
		default:
			out = append(out, b[start:r.pos]...)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return out, nil
}

// joined makes runs of the segments in a data section that begins at pos and ends with b.
func joined(b []byte, pos int, memory uint64) (runs []run, ok bool) {
	r := reader{b: b, pos: pos}
	n := int(r.u32())
	room := len(b) // for zeros
	for range n {
		form, op := r.u32(), r.u8()
		at := uint64(uint32(r.signed(32)))
		end, size := r.u8(), int(r.u32())
		from := r.pos
		if r.skip(size, "a data segment"); r.err != nil || form != 0 || op != opI32Const || end != opEnd {
			return nil, false
		}
		data := b[from:r.pos]
		if len(runs) > 0 {
			last := &runs[len(runs)-1]
			if gap := at - last.end(); at >= last.end() && gap <= joinGap {
				if room -= int(gap); room < 0 {
					return nil, false
				}
				last.data = append(append(last.data, zeros[:gap]...), data...)
				continue
			}
		}
		runs = append(runs, run{at, slices.Clip(data)})
	}
	if len(runs) == n {
		return nil, false
	}
	sorted := slices.Clone(runs)
	slices.SortFunc(sorted, func(a, b run) int { return int(int64(a.at) - int64(b.at)) })
	for i := range sorted {
		if sorted[i].end() > memory || i > 0 && sorted[i].at < sorted[i-1].end() {
			return nil, false
		}
	}
	return runs, true
}

func appendData(b []byte, runs []run) []byte {
	content := binary.AppendUvarint(nil, uint64(len(runs)))
	for _, r := range runs {
		content = append(appendSigned(append(content, 0, opI32Const), int64(int32(r.at))), opEnd)
		content = append(binary.AppendUvarint(content, uint64(len(r.data))), r.data...)
	}
	return append(binary.AppendUvarint(append(b, secData), uint64(len(content))), content...)
}

// appendSigned writes a number as signed LEB128.
func appendSigned(b []byte, v int64) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}
