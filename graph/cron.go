package graph

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Cron is a cron expression of five fields: which minutes of which days it names. Which moments these are is a matter of a
// time zone, see Next.
type Cron struct {
	Text string

	minutes, hours, days, months, weekdays uint64 // a bit for each number
	anyDay, anyWeekday                     bool   // the field begins with *: the other one decides
}

// cronField is one of the five fields.
type cronField struct {
	name        string
	least, most int
	names       []string // three letters that stand for least, least+1...
}

var cronFields = [...]cronField{
	{name: "minute", most: 59},
	{name: "hour", most: 23},
	{name: "day", least: 1, most: 31},
	{name: "month", least: 1, most: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "weekday", most: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}, // 7 is Sunday too
}

const maxCron = 256 // bytes

// cronShort are the names that many crons know; we know the expressions only.
var cronShort = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
	"@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// parseCron reads an expression. hint is what was probably meant, "" when nobody can tell.
func parseCron(text string) (c *Cron, hint string, err error) {
	if len(text) > maxCron {
		return nil, "", fmt.Errorf("%d bytes, at most %d", len(text), maxCron)
	}
	if long, known := cronShort[strings.ToLower(text)]; known {
		return nil, long, fmt.Errorf("%s is written out", text)
	}
	parts := strings.Fields(text)
	if len(parts) != len(cronFields) {
		if len(parts) == len(cronFields)+1 { // of six the first one is seconds with many
			hint = strings.Join(parts[1:], " ")
		}
		return nil, hint, fmt.Errorf("it has five fields, minute hour day month weekday; this one has %d", len(parts))
	}
	var sets [len(cronFields)]uint64
	for i := range cronFields {
		if sets[i], err = cronFields[i].set(parts[i]); err != nil {
			return nil, "", err
		}
	}
	c = &Cron{
		Text: strings.Join(parts, " "), minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekdays: (sets[4] | sets[4]>>7) & 0x7f,
		anyDay: parts[2][0] == '*', anyWeekday: parts[4][0] == '*',
	}
	if !c.comes() {
		return nil, "", fmt.Errorf("day %s never comes in month %s", parts[2], parts[3])
	}
	return c, "", nil
}

// set reads a field: *, numbers, names, ranges, steps, and lists of these.
func (f *cronField) set(text string) (set uint64, err error) {
	for _, item := range strings.Split(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		first, last := f.least, f.most
		if span != "*" {
			from, to, ranged := strings.Cut(span, "-")
			if first, err = f.number(from, item); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if last, err = f.number(to, item); err != nil {
					return 0, err
				}
			case !stepped:
				last = first
			}
		}
		if last < first {
			return 0, fmt.Errorf("%s %s goes backwards", f.name, clip(item))
		}
		by := 1
		if stepped {
			if by, err = strconv.Atoi(step); err != nil || by < 1 || by > f.most || !isDigit(step[0]) {
				return 0, fmt.Errorf("%s %s: a step is from 1 to %d", f.name, clip(item), f.most)
			}
		}
		for n := first; n <= last; n += by {
			set |= 1 << n
		}
	}
	return set, nil
}

func (f *cronField) number(text, item string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.least + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.least || n > f.most || !isDigit(text[0]) {
		known := fmt.Sprintf("%d to %d", f.least, f.most)
		if f.names != nil {
			known += ", " + f.names[0] + " to " + f.names[len(f.names)-1]
		}
		return 0, fmt.Errorf("%s %s: it goes from %s", f.name, clip(item), known)
	}
	return n, nil
}

// monthDays are the most days that a month has.
var monthDays = [...]int{1: 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// comes reports whether a day of the calendar is named at all. The 29th of February falls on every weekday in the long run.
func (c *Cron) comes() bool {
	if !c.anyDay && !c.anyWeekday {
		return true // every week has one of the weekdays
	}
	first := bits.TrailingZeros64(c.days)
	for m := 1; m <= 12; m++ {
		if c.months>>m&1 == 1 && first <= monthDays[m] {
			return true
		}
	}
	return false
}
