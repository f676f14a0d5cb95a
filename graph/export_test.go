package graph

// Load is Parse and Check at once.
func Load(name string, text []byte, resolve func(uses string) (*Type, error)) (*Graph, Problems) {
	f, _ := Parse(name, text)
	return Check(f, resolve)
}

func (s State) String() string {
	return [...]string{"running", "retrying", "progress", "done", "skipped", "failed", "cancelled", "suspended"}[s]
}
