package value

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// TableReader reads the rows of a table that lies elsewhere, as JSON objects, a bounded piece at a time.
type TableReader struct {
	Rows int
	r    io.ReaderAt
	cols []columnAt // by name, as the members of a JSON object stand
}

// columnAt is where the data of a column lies.
type columnAt struct {
	name      string
	kind      Type
	key       []byte // the name as a JSON text, and a colon
	off, size int64
}

// A piece has at most pieceTexts bytes of texts, or one row.
const pieceTexts = 1 << 20

// ReadTable reads what stands before the columns of a table whose encoding has size bytes.
func ReadTable(r io.ReaderAt, size int64) (*TableReader, error) {
	head, err := readAt(r, 0, 12)
	if err != nil {
		return nil, err
	}
	n, rows := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint64(head[4:])
	if n > maxColumns || rows > math.MaxInt32 || (n == 0 && rows != 0) {
		return nil, fmt.Errorf("table of %d columns and %d rows", n, rows)
	}
	t := &TableReader{Rows: int(rows), r: r}
	at := int64(12)
	for i := range int(n) {
		c, err := readColumn(r, at, size)
		if err == nil && c.size < c.texts(t.Rows) {
			err = errors.New("cut short")
		}
		if err != nil {
			return nil, fmt.Errorf("table column %d: %v", i, err)
		}
		at = c.off + c.size
		t.cols = append(t.cols, c)
	}
	if at != size {
		return nil, fmt.Errorf("%d bytes behind the table", size-at)
	}
	slices.SortFunc(t.cols, func(a, b columnAt) int { return strings.Compare(a.name, b.name) })
	return t, nil
}

func readAt(r io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, n)
	if got, err := r.ReadAt(b, off); int64(got) < n {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

func readColumn(r io.ReaderAt, at, end int64) (c columnAt, err error) {
	head, err := readAt(r, at, 5)
	if err != nil {
		return c, err
	}
	kind, nameLen := int(head[0]), int64(binary.LittleEndian.Uint32(head[1:]))
	if kind < 1 || kind >= len(columnKinds) || at+5+nameLen+8 > end {
		return c, fmt.Errorf("kind %d with a name of %d bytes", kind, nameLen)
	}
	rest, err := readAt(r, at+5, nameLen+8)
	if err != nil {
		return c, err
	}
	size := binary.LittleEndian.Uint64(rest[nameLen:])
	if c.off = at + 5 + nameLen + 8; size > uint64(end-c.off) || !utf8.Valid(rest[:nameLen]) {
		return c, fmt.Errorf("%d bytes of data in %d", size, end-c.off)
	}
	c.name, c.kind, c.size = string(rest[:nameLen]), columnKinds[kind], int64(size)
	c.key = append(appendJSONString(nil, c.name), ':')
	return c, nil
}

// texts is where a column's texts begin in its data; columns of other kinds end there.
func (c *columnAt) texts(rows int) int64 {
	bits := (int64(rows) + 7) / 8
	if c.kind == Bool {
		return 2 * bits
	}
	return bits + 8*int64(rows)
}

// Piece is some rows of a table.
type Piece struct {
	From, Rows int
	table      *TableReader
	cols       []Column
}

// Piece reads at most n rows from row from on: fewer where the table ends, or texts are long.
func (t *TableReader) Piece(from, n int) (*Piece, error) {
	n = min(n, t.Rows-from)
	if from < 0 || n < 1 {
		return nil, fmt.Errorf("no row %d in %d", from, t.Rows)
	}
	ends := make([][]byte, len(t.cols))
	for k := range t.cols {
		var err error
		if ends[k], err = t.ends(&t.cols[k], from, n); err != nil {
			return nil, err
		}
	}
	for n > 1 && textBytes(ends, n) > pieceTexts {
		n /= 2
	}
	if size := textBytes(ends, n); size > maxJSON && n == 1 {
		return nil, fmt.Errorf("table row %d has %d bytes of texts, at most %d", from, size, maxJSON)
	}
	p := &Piece{From: from, Rows: n, table: t, cols: make([]Column, len(t.cols))}
	for k := range t.cols {
		data, err := t.data(&t.cols[k], from, n, ends[k])
		if err != nil {
			return nil, err
		}
		p.cols[k] = Column{Name: t.cols[k].name, Kind: t.cols[k].kind, rows: n, data: data}
		if err := p.cols[k].check(); err != nil {
			return nil, fmt.Errorf("table from row %d: %w", from, err)
		}
	}
	return p, nil
}

// ends reads where the texts of n rows end, and before them where the first one begins; nil for columns of other kinds.
func (t *TableReader) ends(c *columnAt, from, n int) ([]byte, error) {
	if c.kind != String {
		return nil, nil
	}
	at := c.off + (int64(t.Rows)+7)/8 + 8*int64(from)
	var ends []byte
	var err error
	if from == 0 {
		ends, err = readAt(t.r, at, 8*int64(n))
		ends = append(make([]byte, 8), ends...)
	} else {
		ends, err = readAt(t.r, at-8, 8*int64(n+1))
	}
	if err != nil {
		return nil, err
	}
	for i := range n {
		if end := textEnd(ends, i+1); end < textEnd(ends, i) || end > uint64(c.size-c.texts(t.Rows)) {
			return nil, fmt.Errorf("table column %.60q: row %d ends at %d", c.name, from+i, end)
		}
	}
	return ends, nil
}

func textEnd(ends []byte, i int) uint64 { return binary.LittleEndian.Uint64(ends[8*i:]) }

// textBytes is how many bytes of texts the first n rows have.
func textBytes(ends [][]byte, n int) (total uint64) {
	for _, e := range ends {
		if e != nil {
			total += textEnd(e, n) - textEnd(e, 0)
		}
	}
	return total
}

// data makes the data of a column that has n rows only.
func (t *TableReader) data(c *columnAt, from, n int, ends []byte) ([]byte, error) {
	bits := (int64(t.Rows) + 7) / 8
	data, err := t.bits(c.off, from, n)
	if err != nil {
		return nil, err
	}
	var more []byte
	switch c.kind {
	case Bool:
		more, err = t.bits(c.off+bits, from, n)
	case String:
		first, last := textEnd(ends, 0), textEnd(ends, n)
		for i := range n {
			data = binary.LittleEndian.AppendUint64(data, textEnd(ends, i+1)-first)
		}
		more, err = readAt(t.r, c.off+c.texts(t.Rows)+int64(first), int64(last-first))
	default:
		more, err = readAt(t.r, c.off+bits+8*int64(from), 8*int64(n))
	}
	return append(data, more...), err
}

// bits reads n bits from bit from on, of those that begin at off.
func (t *TableReader) bits(off int64, from, n int) ([]byte, error) {
	raw, err := readAt(t.r, off+int64(from/8), int64((from%8+n+7)/8))
	if err != nil {
		return nil, err
	}
	bits := make([]byte, (n+7)/8)
	for i := range n {
		at := from%8 + i
		bits[i/8] |= raw[at/8] >> (at % 8) & 1 << (i % 8)
	}
	return bits, nil
}

// Row returns row i of the table as the encoding of a JSON object: a member for each column, null where a value is missing.
func (p *Piece) Row(i int) ([]byte, error) {
	b := []byte{'{'}
	for k := range p.cols {
		if k > 0 {
			b = append(b, ',')
		}
		b = append(b, p.table.cols[k].key...)
		b = appendJSON(b, p.cols[k].Cell(i-p.From))
		if len(b) > maxJSON {
			return nil, fmt.Errorf("table row %d is larger than %d bytes as JSON", i, maxJSON)
		}
	}
	return append(b, '}'), nil
}

// WithMember returns a canonical JSON object with one more member, or another value for one that it has.
func WithMember(object []byte, name string, doc []byte) ([]byte, error) {
	spans, isObject, err := JSONSpans(bytes.NewReader(object), int64(len(object)), MaxItems)
	if err != nil || !isObject {
		return nil, fmt.Errorf("no JSON object to put %s into: %w", name, err)
	}
	key := append(appendJSONString(nil, name), ':')
	b := append(make([]byte, 0, len(object)+len(key)+len(doc)+2), '{')
	add := func(parts ...[]byte) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		for _, p := range parts {
			b = append(b, p...)
		}
	}
	placed := false
	for i := 0; i < len(spans); i += 2 {
		known, err := DecodeText(object[spans[i].Off : spans[i].Off+spans[i].Len])
		if err != nil {
			return nil, err
		}
		if !placed && known >= name {
			add(key, doc)
			placed = true
		}
		if known != name {
			add(object[spans[i].Off : spans[i+1].Off+spans[i+1].Len])
		}
	}
	if !placed {
		add(key, doc)
	}
	return append(b, '}'), nil
}
