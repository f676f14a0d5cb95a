package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"levee/graph/value"
)

// lane is one list, map, table or JSON document that a group goes over: its items are found at once and read when their turn
// comes.
type lane struct {
	tap   *tap // of a producer that was still running when the group began; then rest is the list that it gave, if that is read
	rest  *lane
	part  int // of the list that such a producer makes: which part r reads
	n     int
	files []value.FileRef // of trigger.files; nil for all others
	elem  value.Type      // of the items as they are read
	any   bool            // they are handed on as values of type any
	spans []value.Span
	pairs bool // spans are keys and values
	doc   bool // of a JSON document
	r     io.ReaderAt
	shut  func()

	table  *value.TableReader
	mu     sync.Mutex
	pieces [2]*value.Piece // guarded by mu: the rows that were read last
}

// lane opens what a wire leads to. A cause says why there is nothing.
func (x *run) lane(s *scope, over *Source) (*lane, *Cause, error) {
	if over.Kind == FromTrigger && over.Port == "files" {
		return &lane{n: len(x.in.Files), files: x.in.Files, elem: value.File}, nil, nil
	}
	v, cause, err := x.resolve(s, over)
	if cause != nil || err != nil {
		return nil, cause, err
	}
	l := &lane{}
	if l.r, l.shut, err = x.open(s.ctx, v); err != nil {
		return nil, nil, err
	}
	if err = l.find(v.Type, v.Size); err == nil && l.n > MaxElements {
		err = fmt.Errorf("%d elements, at most %d", l.n, MaxElements)
	}
	if err != nil {
		l.close()
		return nil, nil, err
	}
	return l, nil, nil
}

// find finds the items in a value of size bytes.
func (l *lane) find(t value.Type, size int64) (err error) {
	switch {
	case t == value.Any && !l.any:
		inner, head, err := anyHead(l.r, size)
		if err != nil {
			return err
		}
		l.any, l.r = true, io.NewSectionReader(l.r, head, size-head)
		return l.find(inner, size-head)
	case t == value.Table:
		if l.table, err = value.ReadTable(l.r, size); err == nil {
			l.n, l.elem = l.table.Rows, value.JSON
		}
		return err
	case t == value.JSON:
		l.spans, l.pairs, err = value.JSONSpans(l.r, size, 2*MaxElements+2)
		l.elem, l.doc = value.JSON, true
		if errors.Is(err, value.ErrNotList) {
			return fmt.Errorf("%s It is JSON that is neither a list nor an object", notAList)
		}
	case t.Base() == "list" || t.Base() == "map":
		l.spans, err = value.ReadSpans(l.r, size)
		l.elem, l.pairs = t.Elem(), t.Base() == "map"
	default:
		return fmt.Errorf("%s It is %s", notAList, t)
	}
	if l.n = len(l.spans); l.pairs {
		if l.n /= 2; len(l.spans)%2 != 0 && err == nil {
			err = errors.New("map with a key that has no value")
		}
	}
	return err
}

// anyHead reads the type in front of a value of type any, and says how long that is.
func anyHead(r io.ReaderAt, size int64) (value.Type, int64, error) {
	head, err := readSpan(r, value.Span{Len: min(size, 2)})
	if err != nil || len(head) < 2 {
		return "", 0, errors.Join(err, errors.New("a value of type any without its type"))
	}
	n := 2 + int64(binary.LittleEndian.Uint16(head))
	if n > size {
		return "", 0, errors.New("a value of type any that is cut short")
	}
	if head, err = readSpan(r, value.Span{Len: n}); err != nil {
		return "", 0, err
	}
	t, _, err := value.DecodeAny(head)
	return t, n, err
}

func (l *lane) close() {
	if l.rest != nil {
		l.rest.close()
	}
	if l.shut != nil {
		l.shut()
		l.shut = nil
	}
}

// at reads item i. One that is larger than a value carries is stored on its own.
func (l *lane) at(ctx context.Context, x *run, i int) (it item, err error) {
	if l.tap != nil {
		return x.tapped(ctx, l, i)
	}
	if l.files != nil {
		it.file = &l.files[i]
		return it, nil
	}
	var enc []byte
	switch {
	case l.table != nil:
		enc, err = l.row(i)
		it.row = true
	case l.pairs:
		enc, err = l.entry(&it, i)
	default:
		enc, err = readSpan(l.r, l.spans[i])
	}
	if err != nil {
		return it, err
	}
	switch {
	case l.elem == value.File:
		f, err := value.DecodeFile(enc)
		it.file = &f
		return it, err
	case l.any:
		return l.loose(ctx, x, it, i, enc)
	}
	it.whole, err = x.keep(ctx, l.elem, enc)
	return it, err
}

// loose makes an item of which nothing is known before the run a value of type any.
func (l *lane) loose(ctx context.Context, x *run, it item, i int, enc []byte) (item, error) {
	if l.elem == value.Any {
		v, err := x.keep(ctx, value.Any, enc)
		return item{whole: v}, err
	}
	v, err := x.keep(ctx, l.elem, enc)
	if err != nil {
		return it, err
	}
	it.whole = v
	if v, err = x.asItem(ctx, &it, i); err == nil {
		v, err = x.convert(ctx, v, value.Any)
	}
	return item{whole: v}, err
}

// entry reads entry i of a map, or of a JSON object, which then is an object of key and value itself.
func (l *lane) entry(it *item, i int) ([]byte, error) {
	key, err := readSpan(l.r, l.spans[2*i])
	if err != nil {
		return nil, err
	}
	enc, err := readSpan(l.r, l.spans[2*i+1])
	if err != nil {
		return nil, err
	}
	text := string(key)
	if !l.doc {
		it.key = &text
		return enc, nil
	}
	if text, err = value.DecodeText(key); err != nil {
		return nil, err
	}
	return value.Entry(text, enc), nil
}

// pieceRows is how many rows of a table are read at once: more than begin at the same time, as a rule.
const pieceRows = 1024

// row reads a row. Rows are asked for nearly in order, so the last two pieces hold all but stragglers.
func (l *lane) row(i int) ([]byte, error) {
	l.mu.Lock()
	p, err := l.pieceOf(i)
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return p.Row(i)
}

func (l *lane) pieceOf(i int) (*value.Piece, error) {
	next := 0 // the row behind the last piece
	for _, p := range l.pieces {
		if p != nil && p.From <= i && i < p.From+p.Rows {
			return p, nil
		} else if p != nil {
			next = max(next, p.From+p.Rows)
		}
	}
	if i < next || i >= next+pieceRows {
		return l.table.Piece(i, 1)
	}
	for {
		p, err := l.table.Piece(next, pieceRows)
		if err != nil {
			return nil, err
		}
		l.pieces[0], l.pieces[1] = l.pieces[1], p
		if next += p.Rows; i < next {
			return p, nil
		}
	}
}
