package graph

import (
	"fmt"

	"levee/graph/value"
)

// firstTurn fetches what the first turn of a repeat group gets.
func (x *run) firstTurn(g *group) (*Cause, error) {
	for i := range g.node.Repeat.Carry {
		c := &g.node.Repeat.Carry[i]
		v, cause, err := x.resolve(g.scope, &c.From)
		if cause == nil && err == nil {
			v, err = x.convert(g.scope.ctx, v, c.Type)
		}
		if cause != nil || err != nil {
			return cause, err
		}
		g.carry = append(g.carry, v)
	}
	return nil, nil
}

// turnOf says, when all nodes of a turn have ended, whether it was the last one, and else what the next one gets.
func (x *run) turnOf(s *scope) (last bool, carry []value.Value, err error) {
	defer rescue(&err)
	t := s.group.node.Repeat
	if last = s.elem.index+1 >= t.Max; !last && t.Until != nil {
		v, cause, err := x.resolve(s, t.Until)
		if cause != nil {
			return false, nil, fmt.Errorf("until: %s", cause)
		}
		if err == nil {
			last, err = x.truthy(s.ctx, v)
		}
		if err != nil {
			return false, nil, fmt.Errorf("until: %w", err)
		}
	}
	if last {
		return true, nil, nil
	}
	carry = make([]value.Value, len(t.Carry))
	for i := range t.Carry {
		c := &t.Carry[i]
		v, cause, err := x.resolve(s, c.Next)
		if cause != nil {
			return false, nil, fmt.Errorf("carry %s: there is nothing for the next turn: %s", c.Name, cause)
		}
		if err == nil {
			carry[i], err = x.convert(s.ctx, v, c.Type)
		}
		if err != nil {
			return false, nil, fmt.Errorf("carry %s: %w", c.Name, err)
		}
	}
	return false, carry, nil
}

// turned takes in what came of a turn. Called with mu held.
func (x *run) turned(g *group, s *scope, outs []value.Value, missing *Cause) {
	if s.last {
		g.plain, g.missing = outs, missing
		g.from.n = s.elem.index + 1
	}
	g.carry = s.carry
	x.deliver(g, s.elem.index, nil)
}
