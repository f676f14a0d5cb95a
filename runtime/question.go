package runtime

import "encoding/binary"

// maxName bounds the path or pattern of a question, which the daemon remembers.
const maxName = 4096

// askMsg is the payload of frameAsk.
type askMsg struct {
	seq  uint64
	op   byte
	name string // path or pattern
	port int64
	data wireValue
}

func (m *askMsg) append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.seq)
	b = append(b, m.op)
	b = appendBytes(b, m.name)
	b = binary.AppendUvarint(b, uint64(m.port))
	return m.data.append(b)
}

func readAsk(p []byte, fds []int) (m askMsg, err error) {
	d := decoder{b: p}
	m.seq, m.op = d.uvarint(), d.byte()
	m.name = string(d.take(int(d.size(maxName))))
	m.port = d.size(maxPorts)
	m.data, fds = d.value(fds)
	if len(fds) != 0 {
		return m, errFrame
	}
	return m, d.done()
}

// answerMsg is the payload of frameAnswer. problem is what the guest reads as its last error; empty means success.
type answerMsg struct {
	problem string
	data    wireValue
}

func (m *answerMsg) append(b []byte) []byte {
	b = appendBytes(b, m.problem)
	return m.data.append(b)
}

func readAnswer(p []byte, fds []int) (m answerMsg, err error) {
	d := decoder{b: p}
	m.problem = d.string()
	m.data, fds = d.value(fds)
	if len(fds) != 0 {
		return m, errFrame
	}
	return m, d.done()
}

// itemMsg is the payload of frameItem.
type itemMsg struct {
	seq  uint64
	port int64
	wait bool // the guest waits until it was taken, and all before it
	data wireValue
}

func (m *itemMsg) append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.seq)
	b = binary.AppendUvarint(b, uint64(m.port))
	b = appendBool(b, m.wait)
	return m.data.append(b)
}

func readItem(p []byte, fds []int) (m itemMsg, err error) {
	d := decoder{b: p}
	m.seq, m.port, m.wait = d.uvarint(), d.size(maxPorts), d.bool()
	m.data, fds = d.value(fds)
	if len(fds) != 0 {
		return m, errFrame
	}
	return m, d.done()
}

// progressMsg is the payload of frameProgress.
type progressMsg struct {
	seq         uint64
	done, total int64
}

func (m *progressMsg) append(b []byte) []byte {
	b = binary.AppendUvarint(b, m.seq)
	b = binary.AppendVarint(b, m.done)
	return binary.AppendVarint(b, m.total)
}

func readProgress(p []byte) (m progressMsg, err error) {
	d := decoder{b: p}
	m.seq, m.done, m.total = d.uvarint(), d.varint(), d.varint()
	return m, d.done()
}
