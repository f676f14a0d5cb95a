package graph

// A producer must not wait for a group that can only go on when the producer has ended.

// leave lets go of the taps of a group that has ended. Called with mu held.
func (x *run) leave(s *scope, u int32) {
	for i := range s.plan.taps {
		m := s.states[i].stream
		if m == nil {
			continue
		}
		for _, t := range m.taps {
			if t.tapping.group == u {
				t.gone, t.items, t.maker = true, nil, nil
				m.signal()
			}
		}
	}
}

// retell is called when a producer is tried again: what the groups have they keep, the rest they take from the list. Called with mu
// held.
func (x *run) retell(s *scope, i int32) {
	if m := s.states[i].stream; m != nil {
		for _, t := range m.taps {
			t.retold = t.retold || t.count > 0
		}
		m.shut()
	}
}

// waitsForItself reports whether a producer that waits for room would wait for itself, over whatever stands between. Called with mu
// held.
func (s *scope) waitsForItself(from int32) bool {
	seen := map[int32]bool{}
	var visit func(i int32) bool
	visit = func(i int32) bool {
		for _, d := range s.waitsOn(i) {
			if d == from {
				return true
			}
			if !seen[d] {
				seen[d] = true
				if visit(d) {
					return true
				}
			}
		}
		return false
	}
	return visit(from)
}

// waitsOn names the nodes that must do something for node i to go on; none when it goes on by itself.
func (s *scope) waitsOn(i int32) (list []int32) {
	st := &s.states[i]
	switch {
	case st.stream != nil && st.stream.blocked && st.phase == started:
		for _, t := range st.stream.taps {
			if t.full(s.node(t.tapping.group)) {
				list = append(list, t.tapping.group)
			}
		}
	case st.phase == waiting:
		for _, d := range s.plan.deps.of(i) {
			if dep := &s.states[d]; dep.phase < done && !dep.stream.let(i) {
				list = append(list, d)
			}
		}
	case st.group != nil && st.group.from.open && st.group.next >= st.group.from.n:
		for k, l := range st.group.from.lanes {
			if l.tap != nil && l.rest == nil && l.tap.count <= st.group.next {
				over := st.group.node.overs()[k].Over
				for d := range s.plan.taps {
					if s.node(d) == over.Node && s.states[d].phase < done {
						list = append(list, d)
					}
				}
			}
		}
	}
	return list
}
