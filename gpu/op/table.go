package op

// Table gives out handles for the values of one session, and knows those that it gave. The zero Table is ready. It is for one goroutine.
type Table[T any] struct {
	slots []slot[T]
	free  []uint32
	n     int
}

type slot[T any] struct {
	value T
	gen   uint32
	used  bool
}

// Add keeps a value and names it: the slot's number from one in the lower half, how often the slot was given out in the upper half,
// so that a handle that was freed names nothing.
func (t *Table[T]) Add(v T) Handle {
	i := uint32(len(t.slots))
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		t.slots = append(t.slots, slot[T]{})
	}
	s := &t.slots[i]
	s.value, s.used = v, true
	s.gen++
	t.n++
	return Handle(s.gen)<<32 | Handle(i+1)
}

// Get gives the value of a handle.
func (t *Table[T]) Get(h Handle) (v T, ok bool) {
	if s := t.slot(h); s != nil {
		return s.value, true
	}
	return v, false
}

// Remove forgets a handle and gives its value back.
func (t *Table[T]) Remove(h Handle) (v T, ok bool) {
	s := t.slot(h)
	if s == nil {
		return v, false
	}
	v = s.value
	var none T
	s.value, s.used = none, false
	t.n--
	if s.gen != 1<<32-1 { // else every handle of this slot was given out once: it stays empty
		t.free = append(t.free, uint32(h)-1)
	}
	return v, true
}

// Len is how many handles are in use.
func (t *Table[T]) Len() int { return t.n }

// All calls f for each value.
func (t *Table[T]) All(f func(Handle, T)) {
	for i := range t.slots {
		if s := &t.slots[i]; s.used {
			f(Handle(s.gen)<<32|Handle(i+1), s.value)
		}
	}
}

func (t *Table[T]) slot(h Handle) *slot[T] {
	i := uint32(h)
	if i == 0 || int64(i) > int64(len(t.slots)) {
		return nil
	}
	s := &t.slots[i-1]
	if !s.used || s.gen != uint32(h>>32) {
		return nil
	}
	return s
}
