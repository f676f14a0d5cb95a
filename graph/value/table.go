package value

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Column is one column of a table. The encoding of a table is
//
//	u32 columns, u64 rows, then per column:
//	  u8 kind (1 bool, 2 int, 3 float, 4 string), u32 length of the name, the name (UTF-8), u64 length of the data, the data:
//	    validity: ceil(rows/8) bytes, bit i%8 of byte i/8 is 1 where row i has a value; spare bits are 0
//	    bool:     ceil(rows/8) bytes of bits     int, float: 8 bytes a row
//	    string:   u64 end of each row's text, counted from the first text, then the texts
//
// A missing value is 0 (or an empty text) in the data. Names are unique. Columns keep their order: it is part of the value.
type Column struct {
	Name string
	Kind Type // Bool, Int, Float or String
	data []byte
	rows int
}

const maxColumns = 4096

var columnKinds = [...]Type{1: Bool, 2: Int, 3: Float, 4: String}

// DecodeTable checks a table's encoding in full and returns its columns, which share enc's memory.
func DecodeTable(enc []byte) (cols []Column, rows int, err error) {
	if len(enc) < 12 {
		return nil, 0, fmt.Errorf("table of %d bytes", len(enc))
	}
	n, r := binary.LittleEndian.Uint32(enc), binary.LittleEndian.Uint64(enc[4:])
	if n > maxColumns || r > math.MaxInt32 || (n == 0 && r != 0) || r > uint64(len(enc))*8 {
		return nil, 0, fmt.Errorf("table of %d columns and %d rows in %d bytes", n, r, len(enc))
	}
	rows, rest := int(r), enc[12:]
	seen := make(map[string]bool, n)
	for i := range int(n) {
		var c Column
		if c, rest, err = decodeColumn(rest, rows); err != nil {
			return nil, 0, fmt.Errorf("table column %d: %v", i, err)
		}
		if seen[c.Name] {
			return nil, 0, fmt.Errorf("table has two columns named %q", c.Name)
		}
		seen[c.Name] = true
		cols = append(cols, c)
	}
	if len(rest) != 0 {
		return nil, 0, fmt.Errorf("%d bytes behind the table", len(rest))
	}
	return cols, rows, nil
}

func decodeColumn(b []byte, rows int) (c Column, rest []byte, err error) {
	if len(b) < 5 {
		return c, nil, fmt.Errorf("cut short")
	}
	kind, nameLen := int(b[0]), uint64(binary.LittleEndian.Uint32(b[1:]))
	if kind < 1 || kind >= len(columnKinds) {
		return c, nil, fmt.Errorf("unknown kind %d", kind)
	}
	if b = b[5:]; nameLen+8 > uint64(len(b)) {
		return c, nil, fmt.Errorf("name of %d bytes", nameLen)
	}
	c = Column{Name: string(b[:nameLen]), Kind: columnKinds[kind], rows: rows}
	size := binary.LittleEndian.Uint64(b[nameLen:])
	if b = b[nameLen+8:]; size > uint64(len(b)) || !utf8.ValidString(c.Name) {
		return c, nil, fmt.Errorf("%q has %d bytes of data in %d", c.Name, size, len(b))
	}
	c.data = b[:size:size]
	return c, b[size:], c.check()
}

func (c *Column) check() error {
	bits := (c.rows + 7) / 8
	want := bits
	switch c.Kind {
	case Bool:
		want += bits
	default:
		want += 8 * c.rows
	}
	if len(c.data) < want || (c.Kind != String && len(c.data) != want) {
		return fmt.Errorf("%q: %d bytes of data, want %d", c.Name, len(c.data), want)
	}
	if spare := c.rows % 8; spare != 0 && (c.data[bits-1]>>spare != 0 || (c.Kind == Bool && c.data[2*bits-1]>>spare != 0)) {
		return fmt.Errorf("%q: spare bits are set", c.Name)
	}
	if c.Kind == String {
		return c.checkTexts(bits, want)
	}
	for i := range c.rows {
		if !c.valid(i) && c.raw(i) != 0 {
			return fmt.Errorf("%q row %d: a missing value that is not 0", c.Name, i)
		}
		if c.Kind == Float && math.IsNaN(math.Float64frombits(c.raw(i))) && c.raw(i) != canonNaN {
			return fmt.Errorf("%q row %d: a NaN that is not the canonical one", c.Name, i)
		}
	}
	return nil
}

func (c *Column) checkTexts(bits, texts int) error {
	var prev uint64
	for i := range c.rows {
		end := binary.LittleEndian.Uint64(c.data[bits+8*i:])
		if end < prev || end > uint64(len(c.data)-texts) {
			return fmt.Errorf("%q row %d: text ends at %d", c.Name, i, end)
		}
		if !c.valid(i) && end != prev {
			return fmt.Errorf("%q row %d: a missing value with a text", c.Name, i)
		}
		if !utf8.Valid(c.data[texts+int(prev) : texts+int(end)]) {
			return fmt.Errorf("%q row %d: text is no UTF-8", c.Name, i)
		}
		prev = end
	}
	if int(prev) != len(c.data)-texts {
		return fmt.Errorf("%q: bytes behind the last text", c.Name)
	}
	return nil
}

func (c *Column) raw(i int) uint64 {
	bits := (c.rows + 7) / 8
	if c.Kind == Bool {
		return uint64(c.data[bits+i/8] >> (i % 8) & 1)
	}
	return binary.LittleEndian.Uint64(c.data[bits+8*i:])
}

// valid reports whether row i has a value.
func (c *Column) valid(i int) bool { return c.data[i/8]>>(i%8)&1 == 1 }

// text returns row i of a string column.
func (c *Column) text(i int) string {
	bits := (c.rows + 7) / 8
	texts := bits + 8*c.rows
	var from uint64
	if i > 0 {
		from = binary.LittleEndian.Uint64(c.data[bits+8*(i-1):])
	}
	return string(c.data[texts+int(from) : texts+int(binary.LittleEndian.Uint64(c.data[bits+8*i:]))])
}

// Cell returns row i as nil, bool, int64, float64 or string.
func (c *Column) Cell(i int) any {
	switch {
	case !c.valid(i):
		return nil
	case c.Kind == Bool:
		return c.raw(i) == 1
	case c.Kind == Int:
		return int64(c.raw(i))
	case c.Kind == Float:
		return math.Float64frombits(c.raw(i))
	}
	return c.text(i)
}

// EncodeTable makes a table of columns of cells as Cell returns them; every cell is nil or of its column's kind, and all
// columns are equally long.
func EncodeTable(names []string, kinds []Type, cells [][]any) ([]byte, error) {
	rows := 0
	if len(cells) > 0 {
		rows = len(cells[0])
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(names)))
	b = binary.LittleEndian.AppendUint64(b, uint64(rows))
	for i, name := range names {
		data, err := encodeColumn(kinds[i], cells[i], rows)
		if err != nil {
			return nil, fmt.Errorf("column %q: %v", name, err)
		}
		b = append(b, byte(slices.Index(columnKinds[:], kinds[i])))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(name)))
		b = append(b, name...)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(data)))
		b = append(b, data...)
	}
	return b, nil
}

func encodeColumn(kind Type, cells []any, rows int) ([]byte, error) {
	if len(cells) != rows {
		return nil, fmt.Errorf("%d cells, want %d", len(cells), rows)
	}
	bits := (rows + 7) / 8
	fixed, texts := make([]byte, bits), []byte(nil)
	if kind == Bool {
		fixed = append(fixed, make([]byte, bits)...)
	}
	for i, cell := range cells {
		var word uint64
		switch x := cell.(type) {
		case nil:
		case bool:
			if x {
				word = 1
			}
		case int64:
			word = uint64(x)
		case float64:
			if word = math.Float64bits(x); x != x {
				word = canonNaN
			}
		case string:
			texts = append(texts, x...)
		}
		if cell != nil {
			fixed[i/8] |= 1 << (i % 8)
		}
		switch kind {
		case Bool:
			fixed[bits+i/8] |= byte(word) << (i % 8)
		case String:
			fixed = binary.LittleEndian.AppendUint64(fixed, uint64(len(texts)))
		case Int, Float:
			fixed = binary.LittleEndian.AppendUint64(fixed, word)
		default:
			return nil, fmt.Errorf("kind %s", kind)
		}
	}
	return append(fixed, texts...), nil
}
