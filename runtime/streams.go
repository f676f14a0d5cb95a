package runtime

import (
	"encoding/binary"
	"unicode/utf8"
)

// LogLine is one message of a guest.
type LogLine struct {
	Level int // 0 debug, 1 info, 2 warning, 3 error
	Text  string
}

// streams is what a guest writes beside its outputs: kept up to a limit each, then dropped and counted.
type streams struct {
	log            []byte // level, length, text; repeated
	stdout, stderr []byte
	dropped        int64
}

func (s *streams) addLog(level uint32, text []byte, limit int64) {
	room := limit - int64(len(s.log)) - 6
	if room <= 0 {
		s.dropped += int64(len(text))
		return
	}
	if over := int64(len(text)) - room; over > 0 {
		s.dropped += over
		text = text[:room]
	}
	s.log = append(s.log, byte(min(level, 3)))
	s.log = binary.AppendUvarint(s.log, uint64(len(text)))
	s.log = append(s.log, text...)
}

// addTo appends to one of the two streams.
func (s *streams) addTo(stream *[]byte, b []byte, limit int64) {
	room := max(0, limit-int64(len(*stream)))
	if over := int64(len(b)) - room; over > 0 {
		s.dropped += over
		b = b[:room]
	}
	*stream = append(*stream, b...)
}

// lines decodes the log. What a worker sends is not trusted: undecodable rests are left out.
func (s *streams) lines() []LogLine {
	var lines []LogLine
	d := decoder{b: s.log}
	for len(d.b) > 0 {
		level, text := d.byte(), d.bytes()
		if d.bad || level > 3 {
			break
		}
		lines = append(lines, LogLine{int(level), validText(text)})
	}
	return lines
}

func validText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}
