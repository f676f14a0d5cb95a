package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
)

func mustCron(t *testing.T, text string) *Cron {
	t.Helper()
	c, _, err := parseCron(text)
	require.NoError(t, err, text)
	return c
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func TestCronNamesItsTimes(t *testing.T) {
	from := time.Date(2026, 11, 26, 7, 30, 0, 0, time.UTC) // a Thursday
	for text, want := range map[string]string{
		"0 6 * * *":          "2026-11-27 06:00",
		"30 7 * * *":         "2026-11-27 07:30", // the moment itself is not after it
		"*/10 * * * *":       "2026-11-26 07:40",
		"31-33 7 * * *":      "2026-11-26 07:31",
		"0 0 1 * *":          "2026-12-01 00:00",
		"0 0 29 feb *":       "2028-02-29 00:00",
		"0 12 * * MON":       "2026-11-30 12:00",
		"0 12 * * 7":         "2026-11-29 12:00",
		"0 12 * * 5-7":       "2026-11-27 12:00",
		"0 12 * jan,mar sun": "2027-01-03 12:00",
		"0 12 13 * 5":        "2026-11-27 12:00", // a 13th or a Friday
		"0 12 */2 * mon":     "2026-12-07 12:00", // a Monday with an odd number
		"5/20 8 * * *":       "2026-11-26 08:05",
		"0 0 31 4,12 *":      "2026-12-31 00:00",
		"0 0 29 2 */7":       "2032-02-29 00:00",
	} {
		require.Equal(t, want, mustCron(t, text).Next(from).Format("2006-01-02 15:04"), text)
	}
	require.Equal(t, from, mustCron(t, "30 7 * * *").Prev(from), "the moment itself has come")
	require.Equal(t, "2026-11-25 07:31", mustCron(t, "31 7 * * *").Prev(from).Format("2006-01-02 15:04"))
	require.Equal(t, "2024-02-29 00:00", mustCron(t, "0 0 29 2 *").Prev(from).Format("2006-01-02 15:04"))
	// The longest way there is: a leap day on a Sunday over the year 2100, which is no leap year.
	require.Equal(t, "2112-02-28 00:00", mustCron(t, "0 0 28 2 */7").Next(time.Date(2106, 3, 1, 0, 0, 0, 0, time.UTC)).Format("2006-01-02 15:04"))
	require.Equal(t, "2120-02-29 00:00", mustCron(t, "0 0 29 2 */4").Next(time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC)).Format("2006-01-02 15:04"))
}

func TestCronOverChangedClocks(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	times := func(text string, from time.Time, n int) (list []string) {
		c := mustCron(t, text)
		for range n {
			from = c.Next(from)
			list = append(list, from.Format("02T15:04Z07"))
		}
		return list
	}
	spring := time.Date(2026, 3, 28, 12, 0, 0, 0, berlin) // on the 29th, 02:00 becomes 03:00
	require.Equal(t, []string{"29T03:00+02", "30T02:30+02"}, times("30 2 * * *", spring, 2), "a time that does not exist")
	require.Equal(t, []string{"29T03:00+02", "30T02:00+02"}, times("0,15,30 2 * * *", spring, 2), "three of them are one")
	autumn := time.Date(2026, 10, 24, 12, 0, 0, 0, berlin) // on the 25th, 03:00 becomes 02:00
	require.Equal(t, []string{"25T02:30+02", "26T02:30+01"}, times("30 2 * * *", autumn, 2), "a time that comes twice")
	require.Equal(t, []string{"25T01:30+02", "25T02:30+02", "25T02:30+01", "25T03:30+01"}, times("30 * * * *", autumn.Add(12*time.Hour+45*time.Minute), 4), "every hour goes by the hours")
	require.Equal(t, []string{"29T01:30+01", "29T03:30+02"}, times("30 * * * *", spring.Add(13*time.Hour), 2))
	// A zone that is set forward at midnight, and one that left out a whole day.
	require.Equal(t, []string{"29T01:00+03"}, times("0 0 * * *", time.Date(2020, 3, 28, 12, 0, 0, 0, zone(t, "Asia/Beirut")), 1))
	apia := zone(t, "Pacific/Apia")
	require.Equal(t, []string{"29T06:00-10", "31T00:00+14", "31T06:00+14"}, times("0 6 * * *", time.Date(2011, 12, 29, 0, 0, 0, 0, apia), 3))
}

// TestCronAgainstTheClock holds the search against a clock that is read minute by minute.
func TestCronAgainstTheClock(t *testing.T) {
	for _, c := range []struct {
		zone string
		from time.Time
	}{
		{"Europe/Berlin", time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC)},
		{"America/St_Johns", time.Date(2010, 11, 5, 0, 0, 0, 0, time.UTC)}, // back over midnight
		{"America/Havana", time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)},    // forward at midnight
		{"Australia/Lord_Howe", time.Date(2026, 4, 3, 0, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)},
		{"Africa/Casablanca", time.Date(2026, 2, 13, 0, 0, 0, 0, time.UTC)},
		{"Asia/Kathmandu", time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)},
	} {
		loc := zone(t, c.zone)
		r := rand.New(rand.NewPCG(1, uint64(c.from.Unix())))
		for range 12 {
			hours := []string{"*", "0", "23", "1", "2", "*/2", "0-3", fmt.Sprint(r.IntN(24))}[r.IntN(8)]
			minutes := []string{"0", "30", "*/17", "1-3", fmt.Sprint(r.IntN(60))}[r.IntN(5)]
			cron := mustCron(t, minutes+" "+hours+" * * "+[]string{"*", "*", "sun", "1-6"}[r.IntN(4)])
			want := byTheClock(cron, c.from, c.from.Add(96*time.Hour), loc)
			var got []time.Time
			for at := c.from.Add(-time.Second); ; got = append(got, at) {
				if at = cron.Next(at.In(loc)); !at.Before(c.from.Add(96 * time.Hour)) {
					break
				}
			}
			require.Equal(t, len(want), len(got), "%s in %s", cron.Text, c.zone)
			for i := range want {
				require.True(t, want[i].Equal(got[i]), "%s in %s: %v, not %v", cron.Text, c.zone, got[i], want[i].In(loc))
			}
			for i := 1; i < len(want); i++ {
				at := cron.Prev(want[i].Add(-time.Second).In(loc))
				require.True(t, want[i-1].Equal(at), "%s in %s: before %v, not %v", cron.Text, c.zone, at, want[i-1].In(loc))
			}
		}
	}
}

// byTheClock watches a clock: each minute of the hand counts the first time that it shows it; what it jumps over counts then. Those
// who go by the hour take every minute that comes.
func byTheClock(c *Cron, from, to time.Time, loc *time.Location) (list []time.Time) {
	names := func(wall time.Time) bool {
		return c.minutes>>wall.Minute()&1 == 1 && c.hours>>wall.Hour()&1 == 1 && c.named(wall.Truncate(24*time.Hour))
	}
	latest := shown(from.Add(-48 * time.Hour).In(loc))
	for at := from.Add(-48 * time.Hour); at.Before(to); at = at.Add(time.Minute) {
		wall := shown(at.In(loc))
		fires := false
		if c.hours == everyHour {
			fires = names(wall)
		} else {
			for w := latest.Add(time.Minute); !w.After(wall); w = w.Add(time.Minute) {
				fires = fires || names(w)
			}
		}
		if wall.After(latest) {
			latest = wall
		}
		if fires && !at.Before(from) {
			list = append(list, at)
		}
	}
	return list
}

func TestWrongCron(t *testing.T) {
	for text, want := range map[string]string{
		"0 25 * * *":              "hour 25: it goes from 0 to 23",
		"60 * * * *":              "minute 60: it goes from 0 to 59",
		"0 0 0 * *":               "day 0: it goes from 1 to 31",
		"0 0 * 13 *":              "month 13: it goes from 1 to 12, jan to dec",
		"0 0 * * 8":               "weekday 8: it goes from 0 to 7, sun to sat",
		"0 0 * * funday":          "weekday funday: it goes from 0 to 7, sun to sat",
		"0 9-6 * * *":             "hour 9-6 goes backwards",
		"*/0 * * * *":             "minute */0: a step is from 1 to 59",
		"*/60 * * * *":            "minute */60: a step is from 1 to 59",
		"*/x * * * *":             "minute */x: a step is from 1 to 59",
		"1, * * * *":              "minute : it goes from 0 to 59",
		"+1 * * * *":              "minute +1: it goes from 0 to 59",
		"0 0 31 2 *":              "day 31 never comes in month 2",
		"0 0 30,31 feb *":         "day 30,31 never comes in month feb",
		"0 0 31 4,6 */2":          "day 31 never comes in month 4,6",
		"0 6 * *":                 "it has five fields, minute hour day month weekday; this one has 4",
		"":                        "it has five fields, minute hour day month weekday; this one has 0",
		"@daily":                  "@daily is written out",
		"0 0 6 * * *":             "it has five fields, minute hour day month weekday; this one has 6",
		string(make([]byte, 300)): "300 bytes, at most 256",
	} {
		_, _, err := parseCron(text)
		require.EqualError(t, err, want, "%q", text)
	}
	_, hint, _ := parseCron("@Daily")
	require.Equal(t, "0 0 * * *", hint)
	_, hint, _ = parseCron("0 0 6 * * *")
	require.Equal(t, "0 6 * * *", hint)
	require.NotNil(t, mustCron(t, "0 0 31 2 1"), "a Monday in February will do")
}

func BenchmarkCronNext(b *testing.B) {
	loc, _ := time.LoadLocation("Europe/Berlin")
	for _, text := range []string{"* * * * *", "0 6 * * *", "0 0 29 2 */7"} {
		b.Run(text, func(b *testing.B) {
			c, _, _ := parseCron(text)
			at := time.Date(2026, 11, 26, 7, 30, 0, 0, loc)
			for b.Loop() {
				c.Next(at)
			}
		})
	}
}
