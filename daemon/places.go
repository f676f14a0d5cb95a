package daemon

import "levee/daemon/journal"

// places tells of each run in a queue its place in it, as the runs will have their turns if all take as long: a round takes one of each
// workflow.
func places(queue []journal.Run) map[string]int {
	type owned struct{ owner, workflow string }
	lines := make(map[owned][]string)
	rings := make(map[string][]owned) // by owner: each process has a queue of its own
	for _, r := range queue {
		o := owned{r.Owner, r.Workflow}
		if lines[o] == nil {
			rings[r.Owner] = append(rings[r.Owner], o)
		}
		lines[o] = append(lines[o], r.ID)
	}
	place := make(map[string]int, len(queue))
	for _, ring := range rings {
		n := 0
		for len(ring) > 0 {
			o := ring[0]
			ring = ring[1:]
			n++
			place[lines[o][0]] = n
			if lines[o] = lines[o][1:]; len(lines[o]) > 0 {
				ring = append(ring, o)
			}
		}
	}
	return place
}
