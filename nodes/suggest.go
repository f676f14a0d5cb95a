package nodes

import "strings"

// didYouMean returns " (did you mean x?)" for the nearest of known, or "" when nothing is near.
func didYouMean(got string, known []string) string {
	if near := nearest(got, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// nearest returns the candidate with the fewest edits from got, at most a third of its length; a candidate that got is a
// whole part of (upper for text/upper) is as near as one edit. Equal candidates: the first.
func nearest(got string, known []string) string {
	if len(got) > 200 {
		return ""
	}
	best, bestCost := "", len(got)/3+1
	for _, k := range known {
		if cost := min(distance(got, k), partCost(got, k)); cost < bestCost || (cost == bestCost && best == "") {
			best, bestCost = k, cost
		}
	}
	return best
}

func partCost(got, k string) int {
	if got != "" && (strings.HasSuffix(k, "/"+got) || strings.HasPrefix(k, got+"/")) {
		return 1
	}
	return len(got) + len(k)
}

// distance counts insertions, deletions, changes and swaps of neighbours (optimal string alignment).
func distance(a, b string) int {
	if d := len(a) - len(b); d > 8 || d < -8 {
		return len(a) + len(b)
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, up, up2 := rows[i%3], rows[(i+2)%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(up[j]+1, row[j-1]+1, up[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], up2[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
