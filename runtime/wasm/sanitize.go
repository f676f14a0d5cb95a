package wasm

import "encoding/binary"

// Sanitize returns the module that the engine is given in place of b, which must have passed [PreflightWithin] under
// the same limits: custom sections are dropped, and the maxima of tables and of the memory are lowered to
// lim.TableEntries and lim.MemoryPages, or set to them where the module gave none. Everything else stays as it is, byte
// for byte. A grow beyond such a maximum gives the guest -1, as the specification foresees. A module that needs no
// change is returned as b itself, so a second call changes nothing.
func Sanitize(b []byte, lim Limits) ([]byte, error) {
	if err := checkHeader(b, lim); err != nil {
		return nil, err
	}
	s := sanitizer{module: module{lim: lim}}
	s.b, s.pos = b, headerSize
	s.out = append(make([]byte, 0, len(b)+16*lim.Tables), header...)
	for s.err == nil && s.pos < len(b) {
		start := s.pos
		id := s.u8()
		size := s.count("bytes in a section", lim.ModuleBytes, 1)
		end := s.pos + size
		if s.err != nil {
			break
		}
		switch id {
		case secCustom:
			s.changed = true
		case secTable, secMemory:
			s.clamp(id, start, end)
		default:
			s.out = append(s.out, b[start:end]...)
		}
		s.b = b
		if s.err == nil {
			s.pos = end
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	if !s.changed {
		return b, nil
	}
	return s.out, nil
}

type sanitizer struct {
	module
	out     []byte
	changed bool
}

// clamp writes a table or memory section anew when one of its maxima is too high or absent.
func (s *sanitizer) clamp(id byte, start, end int) {
	whole := s.b[start:end]
	s.b = s.b[:end:end]
	lim, most := s.lim.TableEntries, s.lim.Tables
	if id == secMemory {
		lim, most = s.lim.MemoryPages, 1
	}
	n := s.count(sectionNames[id]+" entries", most, 2)
	content := binary.AppendUvarint(make([]byte, 0, 8+12*n), uint64(n))
	same := true
	for range n {
		var t Table
		if id == secTable {
			t = s.tableType()
			content = append(content, byte(t.Type))
		} else {
			t.Min, t.Max, t.HasMax = s.limits("memory")
		}
		if s.err != nil {
			return
		}
		if t.Min > lim {
			s.over(start, "what a "+sectionNames[id]+" begins with", uint64(t.Min), int(lim))
			return
		}
		if !t.HasMax || t.Max > lim {
			same = false
			t.Max = lim
		}
		content = append(content, 1)
		content = binary.AppendUvarint(content, uint64(t.Min))
		content = binary.AppendUvarint(content, uint64(t.Max))
	}
	if same {
		s.out = append(s.out, whole...)
		return
	}
	s.changed = true
	s.out = append(s.out, id)
	s.out = binary.AppendUvarint(s.out, uint64(len(content)))
	s.out = append(s.out, content...)
}
