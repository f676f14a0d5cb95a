package value

// Nearest returns the one of known that name was probably meant to be, "" when none is near: at most a third of its letters
// differ, three at most, where two swapped neighbours count as one.
func Nearest(name string, known []string) string {
	best, most := "", min(3, (len(name)+2)/3)
	if len(name) > nearBytes {
		return ""
	}
	for _, k := range known {
		if len(k) > nearBytes || k == name || len(k)-len(name) > most || len(name)-len(k) > most {
			continue
		}
		if d := distance(name, k, most); d <= most && d < max(len(name), len(k)) {
			if best, most = k, d-1; most < 1 {
				break
			}
		}
	}
	return best
}

// nearBytes is how long a name may be that is compared.
const nearBytes = 64

// distance counts inserted, left out and changed bytes and swapped neighbours (optimal string alignment); it may stop
// counting beyond most. Both texts have at most nearBytes.
func distance(a, b string, most int) int {
	var rows [3][nearBytes + 1]int
	prev2, prev, cur := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, prev2[j-2]+1)
			}
			cur[j] = d
			least = min(least, d)
		}
		if least > most {
			return least
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
