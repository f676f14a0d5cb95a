package graph

import "levee/graph/value"

// nearBudget bounds the work of one file's suggestions: many unknown names times many known ones.
type nearBudget struct{ compared int }

const maxCompared = 50_000

// left reports whether there is anything left, so that no list of names needs to be made.
func (b *nearBudget) left() bool { return b.compared < maxCompared }

// nearest is value.Nearest while the budget lasts.
func (b *nearBudget) nearest(name string, known []string) string {
	known = known[:min(len(known), maxCompared-b.compared)]
	b.compared += len(known)
	return value.Nearest(name, known)
}
