package graph

import (
	"slices"
	"time"
)

// Where clocks are changed, a local time may not exist, or come twice. An expression for every hour (* in the hour's field)
// goes by the hours as they pass: one that comes twice counts twice, one that is left out does not count. All others
// name times of the day: one that is left out counts at the moment at which the clock jumps over it, one that comes twice counts
// the first time only.

// maxDays is how far a search goes: the 29th of February on one weekday comes every 28 years, every 40 around the year 2100.
const maxDays = 41 * 366

// Next is the first moment after t that the expression names; t's location is the zone.
func (c *Cron) Next(t time.Time) time.Time {
	return c.search(t, 1, func(at []time.Time) int {
		return slices.IndexFunc(at, func(x time.Time) bool { return x.After(t) })
	}, time.Time.Before)
}

// Prev is the last moment, t itself included, that the expression names; t's location is the zone.
func (c *Cron) Prev(t time.Time) time.Time {
	return c.search(t, -1, func(at []time.Time) int {
		for i := len(at) - 1; i >= 0; i-- {
			if !at[i].After(t) {
				return i
			}
		}
		return -1
	}, time.Time.After)
}

// search goes from day to day until one has a moment that fits; the day behind it is looked at too, because clocks that are set
// back over midnight bring the end of a day behind the beginning of the next.
func (c *Cron) search(t time.Time, by int, pick func([]time.Time) int, nearer func(a, b time.Time) bool) (best time.Time) {
	y, m, d := t.Date()
	for i := -1; i < maxDays; i++ {
		day := time.Date(y, m, d+by*i, 0, 0, 0, 0, time.UTC)
		found := !best.IsZero()
		if c.named(day) {
			at := c.moments(day, t.Location())
			if k := pick(at); k >= 0 && (!found || nearer(at[k], best)) {
				best = at[k]
			}
		}
		if found {
			return best
		}
	}
	return best // of a checked expression: never zero
}

// named reports whether the expression names a day. Of day and weekday, where both are narrowed one is enough.
func (c *Cron) named(day time.Time) bool {
	inMonth, inWeek := c.days>>day.Day()&1 == 1, c.weekdays>>int(day.Weekday())&1 == 1
	if c.anyDay || c.anyWeekday {
		return c.months>>int(day.Month())&1 == 1 && inMonth && inWeek
	}
	return c.months>>int(day.Month())&1 == 1 && (inMonth || inWeek)
}

const everyHour = 1<<24 - 1

// moments are the times of a day, in order.
func (c *Cron) moments(day time.Time, zone *time.Location) (list []time.Time) {
	noon := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, zone)
	_, offset := noon.Zone()
	steady := sameClock(noon)
	for hour := range 24 {
		if c.hours>>hour&1 == 0 {
			continue
		}
		for minute := range 60 {
			if c.minutes>>minute&1 == 0 {
				continue
			}
			if steady {
				list = append(list, time.Unix(day.Unix()+int64(hour*3600+minute*60-offset), 0).In(zone))
				continue
			}
			at, exists := instants(day.Add(time.Duration(hour)*time.Hour+time.Duration(minute)*time.Minute), zone)
			if c.hours != everyHour {
				at = at[:1]
			} else if !exists {
				continue
			}
			list = append(list, at...)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return slices.CompactFunc(list, time.Time.Equal)
}

// sameClock reports whether clocks are not changed anywhere near the day around a noon, as on nearly all days.
func sameClock(noon time.Time) bool {
	const near = 48 * time.Hour
	start, end := noon.ZoneBounds()
	return (start.IsZero() || noon.Sub(start) > near) && (end.IsZero() || end.Sub(noon) > near)
}

// instants are the moments at which clocks of a zone show a time (given as if it were UTC), or, when none ever does, the one at which
// they jump over it.
func instants(wall time.Time, zone *time.Location) (list []time.Time, exists bool) {
	near := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	start, end := near.ZoneBounds()
	for _, side := range []time.Time{start.Add(-1), near, end} {
		_, offset := side.Zone()
		at := time.Unix(wall.Unix()-int64(offset), 0).In(zone)
		if shown(at).Equal(wall) && !slices.ContainsFunc(list, at.Equal) {
			list = append(list, at)
		}
	}
	switch {
	case len(list) > 0:
		slices.SortFunc(list, time.Time.Compare)
		return list, true
	case shown(near).After(wall):
		return []time.Time{start}, false // near lies behind the jump
	}
	return []time.Time{end}, false
}

// shown is what a clock shows, as if it were UTC.
func shown(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}
