package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"levee/graph/value"
)

// elements is what a group runs over: the items of one lane, or of several side by side. A plain group has one element without
// a value, a repeat group one for each turn that it may take.
type elements struct {
	n     int // that may begin; all of them unless open
	open  bool
	lanes []*lane
}

// element is one of them.
type element struct {
	index int
	items []item        // one for each lane
	carry []value.Value // of a repeat group: in the order of Repeat.Carry
}

// MaxElements bounds how often one each group runs: its list may come from a stranger's node, to whom 16 M empty items cost
// nothing, and each element is a line in the history.
const MaxElements = 1_000_000

// The texts of what each says of values that it cannot go over; nodetool says the same.
const (
	notAList = "Input data must be a list."
	unequal  = "Input data must be of equal length."
)

// split finds the elements of a group. A cause says why there is nothing to split.
func (x *run) split(g *group) (cause *Cause, err error) {
	defer rescue(&err)
	switch g.node.Kind {
	case Group:
		g.from.n = 1
		return nil, nil
	case Repeat:
		g.from.n = g.node.Repeat.Max
		return x.firstTurn(g)
	}
	over := g.node.overs()
	if len(over) == 0 {
		return nil, errors.New("the group names nothing to run over")
	}
	defer func() {
		if cause != nil || err != nil {
			g.from.close()
		}
	}()
	for i := range over {
		if l := x.liveLane(g.scope, g.index, i, &over[i].Over); l != nil {
			g.from.lanes, g.from.open = append(g.from.lanes, l), true
			continue
		}
		l, cause, err := x.lane(g.scope, &over[i].Over)
		if cause != nil || err != nil {
			return cause, err
		}
		g.from.lanes = append(g.from.lanes, l)
	}
	if g.from.open {
		return nil, nil
	}
	g.from.n = g.from.lanes[0].n
	return nil, g.from.equal(over)
}

// overs are the lanes of an each group, those of one that is not zipped without a name.
func (n *Node) overs() []Lane {
	if n.Over != nil {
		return []Lane{{Over: *n.Over}}
	}
	return n.Zip
}

// equal refuses lanes of different length: which item belongs to which would be anyone's guess.
func (e *elements) equal(over []Lane) error {
	var lengths []string
	same := true
	for i, l := range e.lanes {
		n := l.n
		if l.tap != nil && l.rest == nil {
			n = l.tap.count
		}
		same = same && n == e.n
		lengths = append(lengths, fmt.Sprintf("%s has %d", over[i].Name, n))
	}
	if same {
		return nil
	}
	return fmt.Errorf("%s %s", unequal, strings.Join(lengths, ", "))
}

func (e *elements) close() {
	for _, l := range e.lanes {
		l.close()
	}
}

// at reads element i.
func (e *elements) at(ctx context.Context, x *run, i int) (el element, err error) {
	defer rescue(&err)
	el = element{index: i, items: make([]item, len(e.lanes))}
	for k, l := range e.lanes {
		if el.items[k], err = l.at(ctx, x, i); err != nil {
			return el, err
		}
	}
	return el, nil
}

// field gives a field of the element of a group; "" is the element itself.
func (x *run) field(s *scope, name string) (value.Value, error) {
	el, n := &s.elem, s.group.node
	switch {
	case name == "index":
		return value.OfInt(int64(el.index)), nil
	case n.Kind == Repeat:
		for k := range n.Repeat.Carry {
			if n.Repeat.Carry[k].Name == name {
				return el.carry[k], nil
			}
		}
	case n.Over != nil && len(el.items) == 1:
		return x.itemField(s.ctx, &el.items[0], el.index, name)
	default:
		lane, field, dotted := strings.Cut(name, ".")
		if !dotted {
			field = "item"
		}
		for k := range n.Zip {
			if n.Zip[k].Name == lane && k < len(el.items) {
				return x.itemField(s.ctx, &el.items[k], el.index, field)
			}
		}
	}
	return value.Value{}, fmt.Errorf("the element has no field %s", name)
}

// item is what one lane gives to an element.
type item struct {
	file  *value.FileRef
	key   *string // of a map
	row   bool    // of a table
	whole value.Value
}

func (x *run) itemField(ctx context.Context, it *item, index int, name string) (value.Value, error) {
	itself := name == "" || name == "value"
	switch {
	case name == "index":
		return value.OfInt(int64(index)), nil
	case name == "key" && it.key != nil:
		return value.OfString(*it.key), nil
	case it.file != nil && (itself || name == "item"):
		return fileValue(it.file), nil
	case it.file != nil:
		if v, ok := fileField(it.file, name); ok {
			return v, nil
		}
	case itself:
		return it.whole, nil
	case name == "item":
		return x.asItem(ctx, it, index)
	}
	return value.Value{}, fmt.Errorf("the element has no field %s", name)
}

// asItem gives an item as one value: an entry of a map as {"key": ..., "value": ...}, a row of a table with its index.
func (x *run) asItem(ctx context.Context, it *item, index int) (value.Value, error) {
	if it.key == nil && !it.row {
		return it.whole, nil
	}
	enc, ok := it.whole.Inline()
	if !ok {
		var err error
		if enc, err = x.load(ctx, it.whole); err != nil {
			return value.Value{}, err
		}
	}
	var err error
	if it.row {
		enc, err = value.WithMember(enc, "index", fmt.Append(nil, index))
	} else if enc, err = asJSON(ctx, it.whole.Type, enc); err == nil {
		enc = value.Entry(*it.key, enc)
	}
	if err != nil {
		return value.Value{}, err
	}
	return x.keep(ctx, value.JSON, enc)
}

func asJSON(ctx context.Context, t value.Type, enc []byte) ([]byte, error) {
	if t == value.JSON {
		return enc, nil
	}
	doc, err := value.ToJSON(t, enc, value.MaxItems)
	if err != nil {
		return nil, err
	}
	return value.Canonical(ctx, value.JSON, doc)
}

// hasJSON reports whether every value of a type is a JSON document too.
func hasJSON(t value.Type) bool {
	switch t {
	case value.Bool, value.Int, value.Float, value.String, value.JSON:
		return true
	}
	return (t.Base() == "list" || t.Base() == "map") && hasJSON(t.Elem())
}
