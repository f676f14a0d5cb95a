//go:build wasip1

// Package levee is levee's SDK for Go: this one file, no dependencies. Copy it into a folder levee of your module. A node is an
// exported function without arguments:
//
//	package main
//
//	func main() {} // not called
//
//	//go:wasmexport upper
//	func upper() {
//		levee.WriteString(0, strings.ToUpper(levee.String(0))) // input port 0, output port 0
//	}
//
// Ports are numbered by their order in the manifest. Every invocation starts in a fresh instance: globals do not live on. Values
// have one encoding each, little endian, described below; what a node writes is checked by the host. Build:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -ldflags='-s -w' -o upper.wasm .
//	levee pack upper.wasm upper.json
package levee

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unsafe"
)

// The host's functions, as docs/node-abi.md describes them.

//go:wasmimport levee_v1 input_len
func hostInputLen(port int32) int64

//go:wasmimport levee_v1 input_read
func hostInputRead(port int32, offset int64, ptr unsafe.Pointer, n int32) int32

//go:wasmimport levee_v1 input_type
func hostInputType(port int32, ptr unsafe.Pointer, n int32) int32

//go:wasmimport levee_v1 output_write
func hostOutputWrite(port int32, ptr unsafe.Pointer, n int32)

//go:wasmimport levee_v1 output_item
func hostOutputItem(port int32)

//go:wasmimport levee_v1 fail
func hostFail(ptr unsafe.Pointer, n int32)

//go:wasmimport levee_v1 log
func hostLog(level int32, ptr unsafe.Pointer, n int32)

//go:wasmimport levee_v1 progress
func hostProgress(done, total int64)

//go:wasmimport levee_v1 file_read
func hostFileRead(path unsafe.Pointer, n int32) int64

//go:wasmimport levee_v1 file_list
func hostFileList(glob unsafe.Pointer, n int32) int64

//go:wasmimport levee_v1 blob_len
func hostBlobLen(handle int64) int64

//go:wasmimport levee_v1 blob_read
func hostBlobRead(handle, offset int64, ptr unsafe.Pointer, n int32) int32

//go:wasmimport levee_v1 file_write
func hostFileWrite(path unsafe.Pointer, pathLen int32, data unsafe.Pointer, n int32) int32

//go:wasmimport levee_v1 last_error
func hostLastError(ptr unsafe.Pointer, n int32) int32

// part is most of one host call: lengths are 32 bits, signed.
const part = 1 << 30

func at(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// Fail ends the invocation as failed, with this message for the person who runs the workflow. It does not return.
func Fail(format string, args ...any) {
	b := fmt.Appendf(nil, format, args...)
	hostFail(at(b), int32(len(b)))
}

// Check fails the invocation when err is not nil.
func Check(err error) {
	if err != nil {
		Fail("%v", err)
	}
}

// Level is the level of a log line.
type Level int32

// The levels.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Log writes a line to the invocation's log.
func Log(level Level, format string, args ...any) {
	b := fmt.Appendf(nil, format, args...)
	hostLog(int32(level), at(b), int32(len(b)))
}

// Progress tells how far the node is; total 0: not known.
func Progress(done, total int64) { hostProgress(done, total) }

// Len is the length of an input's encoding, -1 when an optional input is not given.
func Len(port int) int64 { return hostInputLen(int32(port)) }

// Given reports whether an optional input is given.
func Given(port int) bool { return Len(port) >= 0 }

// Type is the concrete type text of an input, as list<int> on a port of type list<T>.
func Type(port int) string {
	b := make([]byte, 256)
	n := hostInputType(int32(port), at(b), int32(len(b)))
	return string(b[:min(int(n), len(b))])
}

// Input reads a whole input's encoding; for bytes, string and json ports that is the content. It is empty when the input is not
// given. Open reads in parts.
func Input(port int) []byte {
	b := make([]byte, max(Len(port), 0))
	if n := readAt(port, b, 0); n < len(b) {
		Fail("input %d ended early", port)
	}
	return b
}

// Open returns a reader of an input's encoding, which need not be in memory at once; buffer it for small reads.
func Open(port int) *io.SectionReader {
	return io.NewSectionReader(input(port), 0, max(Len(port), 0))
}

type input int

func (p input) ReadAt(b []byte, off int64) (int, error) {
	n := readAt(int(p), b, off)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func readAt(port int, b []byte, off int64) int {
	done := 0
	for done < len(b) {
		to := b[done:min(len(b), done+part)]
		n := hostInputRead(int32(port), off+int64(done), at(to), int32(len(to)))
		if n <= 0 {
			break
		}
		done += int(n)
	}
	return done
}

// String returns a string or json input.
func String(port int) string { return string(Input(port)) }

// Int returns an int input.
func Int(port int) int64 { return int64(word(port)) }

// Float returns a float input.
func Float(port int) float64 { return math.Float64frombits(word(port)) }

// Bool returns a bool input.
func Bool(port int) bool {
	b := Input(port)
	return len(b) == 1 && b[0] == 1
}

func word(port int) uint64 {
	b := Input(port)
	if len(b) != 8 {
		Fail("input %d is no number", port)
	}
	return binary.LittleEndian.Uint64(b)
}

// Write appends to an output's encoding; for bytes, string and json ports that is the content. Writing no bytes makes it empty.
func Write(port int, b []byte) {
	for first := true; first || len(b) > 0; first = false {
		n := min(len(b), part)
		hostOutputWrite(int32(port), at(b), int32(n))
		b = b[n:]
	}
}

// Item ends an item of an output that is a stream: what was written to it since the last one. The item goes out at once.
func Item(port int) { hostOutputItem(int32(port)) }

// Output is an io.Writer of an output.
type Output int

func (o Output) Write(b []byte) (int, error) {
	Write(int(o), b)
	return len(b), nil
}

// WriteString writes a string or json output.
func WriteString(port int, s string) { Write(port, []byte(s)) }

// WriteInt writes an int output.
func WriteInt(port int, i int64) { Write(port, binary.LittleEndian.AppendUint64(nil, uint64(i))) }

// WriteFloat writes a float output.
func WriteFloat(port int, f float64) { Write(port, EncodeFloat(f)) }

// WriteBool writes a bool output.
func WriteBool(port int, b bool) {
	if b {
		Write(port, []byte{1})
	} else {
		Write(port, []byte{0})
	}
}

// EncodeFloat encodes a float: 8 bytes, every NaN the same one.
func EncodeFloat(f float64) []byte {
	bits := math.Float64bits(f)
	if f != f {
		bits = 0x7ff8000000000000
	}
	return binary.LittleEndian.AppendUint64(nil, bits)
}

// EncodeList encodes a list of encoded items: u64 n, n times u64 end (the offset behind an item, counted from the first item),
// the items.
func EncodeList(items [][]byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(items)))
	var end uint64
	for _, it := range items {
		end += uint64(len(it))
		b = binary.LittleEndian.AppendUint64(b, end)
	}
	for _, it := range items {
		b = append(b, it...)
	}
	return b
}

// Items splits the encoding of a list, or of a map: key, value, key, value. The items share b's memory.
func Items(b []byte) [][]byte {
	if len(b) < 8 || binary.LittleEndian.Uint64(b) > uint64(len(b)-8)/8 {
		Fail("a list that is cut short")
	}
	items := make([][]byte, binary.LittleEndian.Uint64(b))
	rest, from := b[8+8*len(items):], uint64(0)
	for i := range items {
		end := binary.LittleEndian.Uint64(b[8+8*i:])
		if end < from || end > uint64(len(rest)) {
			Fail("a list that is cut short")
		}
		items[i], from = rest[from:end:end], end
	}
	return items
}

// EncodeMap encodes a map of encoded values: a list of key, value, key, value, the keys ascending bytewise.
func EncodeMap(m map[string][]byte) []byte {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	items := make([][]byte, 0, 2*len(m))
	for _, k := range keys {
		items = append(items, []byte(k), m[k])
	}
	return EncodeList(items)
}

// Strings returns a list<string> input.
func Strings(port int) []string {
	items := Items(Input(port))
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = string(it)
	}
	return out
}

// EncodeAny encodes an any: u16 length of the type text, the type text, the value's encoding.
func EncodeAny(typ string, enc []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(len(typ)))
	return append(append(b, typ...), enc...)
}

// DecodeAny splits an any into its type text and encoding.
func DecodeAny(b []byte) (typ string, enc []byte) {
	if len(b) < 2 || int(binary.LittleEndian.Uint16(b)) > len(b)-2 {
		Fail("an any that is cut short")
	}
	n := int(binary.LittleEndian.Uint16(b))
	return string(b[2 : 2+n]), b[2+n:]
}

// Picture is an image: rows from the top, pixels from the left, no padding.
type Picture struct {
	Width, Height int
	Channels      int // 1 grey, 3 RGB, 4 RGBA, not premultiplied
	Bits          int // of a channel: 8, or 16 (little endian)
	Pixels        []byte
}

// Image returns an image input.
func Image(port int) Picture {
	b := Input(port)
	if len(b) < 16 {
		Fail("an image that is cut short")
	}
	u32 := func(i int) int { return int(binary.LittleEndian.Uint32(b[4*i:])) }
	return Picture{Width: u32(0), Height: u32(1), Channels: u32(2), Bits: u32(3), Pixels: b[16:]}
}

// WriteImage writes an image output.
func WriteImage(port int, p Picture) {
	var head []byte
	for _, n := range []int{p.Width, p.Height, p.Channels, p.Bits} {
		head = binary.LittleEndian.AppendUint32(head, uint32(n))
	}
	Write(port, head)
	Write(port, p.Pixels)
}

// Column is a column of a table. Cells are nil (a missing value) or, all of one kind, bool, int64, float64 or string.
type Column struct {
	Name  string
	Kind  string // "bool", "int", "float" or "string"
	Cells []any
}

var kinds = []string{1: "bool", 2: "int", 3: "float", 4: "string"}

// Table returns a table input. Its encoding: u32 columns, u64 rows, then per column u8 kind, u32 and the name, u64 and the data:
// ceil(rows/8) bytes of validity bits, then for bool as many bytes of bits, for int and float 8 bytes a row, for string u64 end
// of each row's text, then the texts. A missing value is 0 or an empty text.
func Table(port int) []Column {
	r := cursor{b: Input(port)}
	cols, rows := make([]Column, r.number(4)), int(r.number(8))
	for i := range cols {
		kind := int(r.number(1))
		if kind < 1 || kind >= len(kinds) {
			Fail("a table column of kind %d", kind)
		}
		cols[i] = Column{Name: string(r.take(r.number(4))), Kind: kinds[kind], Cells: make([]any, rows)}
		data := cursor{b: r.take(r.number(8))}
		valid := data.take(uint64(rows+7) / 8)
		data.cells(&cols[i], valid)
	}
	return cols
}

type cursor struct{ b []byte }

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		Fail("a table that is cut short")
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) number(width uint64) uint64 {
	var b [8]byte
	copy(b[:], c.take(width))
	return binary.LittleEndian.Uint64(b[:])
}

func bit(b []byte, i int) bool { return b[i/8]>>(i%8)&1 == 1 }

func (c *cursor) cells(col *Column, valid []byte) {
	rows := len(col.Cells)
	if col.Kind == "bool" {
		flags := c.take(uint64(rows+7) / 8)
		for i := range rows {
			if bit(valid, i) {
				col.Cells[i] = bit(flags, i)
			}
		}
		return
	}
	words := cursor{b: c.take(8 * uint64(rows))}
	var from uint64
	for i := range rows {
		w := words.number(8)
		switch {
		case col.Kind == "string":
			text := c.take(w - from)
			if from = w; bit(valid, i) {
				col.Cells[i] = string(text)
			}
		case !bit(valid, i):
		case col.Kind == "int":
			col.Cells[i] = int64(w)
		default:
			col.Cells[i] = math.Float64frombits(w)
		}
	}
}

// WriteTable writes a table output. All columns are equally long.
func WriteTable(port int, cols []Column) {
	rows := 0
	if len(cols) > 0 {
		rows = len(cols[0].Cells)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(cols)))
	Write(port, binary.LittleEndian.AppendUint64(b, uint64(rows)))
	for _, c := range cols {
		if len(c.Cells) != rows {
			Fail("column %s has %d cells, the first one has %d", c.Name, len(c.Cells), rows)
		}
		data := c.encode()
		head := binary.LittleEndian.AppendUint32([]byte{byte(max(slices.Index(kinds, c.Kind), 0))}, uint32(len(c.Name)))
		head = binary.LittleEndian.AppendUint64(append(head, c.Name...), uint64(len(data)))
		Write(port, head)
		Write(port, data)
	}
}

func (c Column) encode() []byte {
	bits := (len(c.Cells) + 7) / 8
	b, texts := make([]byte, bits), []byte(nil)
	if c.Kind == "bool" {
		b = make([]byte, 2*bits)
	}
	for i, cell := range c.Cells {
		if cell != nil {
			b[i/8] |= 1 << (i % 8)
		}
		switch c.Kind {
		case "bool":
			if on, _ := cell.(bool); on {
				b[bits+i/8] |= 1 << (i % 8)
			}
		case "int":
			n, _ := cell.(int64)
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		case "float":
			f, _ := cell.(float64)
			b = append(b, EncodeFloat(f)...)
		default:
			s, _ := cell.(string)
			texts = append(texts, s...)
			b = binary.LittleEndian.AppendUint64(b, uint64(len(texts)))
		}
	}
	return append(b, texts...)
}

// ReadFile returns the content of a file. The manifest must want "read".
func ReadFile(path string) ([]byte, error) { return blob(hostFileRead(atText(path), int32(len(path)))) }

// ListFiles returns the paths that match a glob, sorted. The manifest must want "read".
func ListFiles(glob string) ([]string, error) {
	b, err := blob(hostFileList(atText(glob), int32(len(glob))))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, p := range Items(b) {
		paths = append(paths, string(p))
	}
	return paths, nil
}

// WriteFile writes a whole file, in one step. The manifest must want "write".
func WriteFile(path string, data []byte) error {
	if hostFileWrite(atText(path), int32(len(path)), at(data), int32(len(data))) != 0 {
		return lastError()
	}
	return nil
}

func atText(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }

func blob(handle int64) ([]byte, error) {
	if handle < 0 {
		return nil, lastError()
	}
	b := make([]byte, hostBlobLen(handle))
	for done := 0; done < len(b); {
		to := b[done:min(len(b), done+part)]
		n := hostBlobRead(handle, int64(done), at(to), int32(len(to)))
		if n <= 0 {
			return nil, io.ErrUnexpectedEOF
		}
		done += int(n)
	}
	return b, nil
}

func lastError() error {
	b := make([]byte, 1024)
	n := hostLastError(at(b), int32(len(b)))
	return errors.New(string(b[:min(int(n), len(b))]))
}
