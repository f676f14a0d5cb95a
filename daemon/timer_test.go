package daemon_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

const daily = `levee: 1
trigger: { cron: "0 6 * * *", zone: Europe/Berlin }
nodes:
  note: { uses: text/format, with: { template: "at {a}" }, in: { a: trigger.time } }
outputs: { text: note.text }
`

const often = `levee: 1
trigger: { every: 10m }
nodes:
  note: { uses: text/format, with: { template: "at {a}" }, in: { a: trigger.time } }
outputs: { text: note.text }
`

// at is a moment of the day on which the tests play, in the winter of Berlin.
func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, "2026-11-26T"+text+"+01:00")
	if err != nil {
		panic(err)
	}
	return t
}

// clocked serves a box by a clock of its own.
func (b *box) clocked(now time.Time, opts ...func(*daemon.ServeOptions)) (*server, *daemon.Clock) {
	o := b.open()
	c := o.UseClock(now)
	return o.serve(opts...), c
}

// waitAlarm waits until the daemon waits for a time: what it does before is done then.
func (s *server) waitAlarm(c *daemon.Clock, want time.Time) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		list := c.Alarms()
		return len(list) == 1 && list[0].Equal(want)
	}, deadline, time.Millisecond, "alarm at %v, not %v\n%s", want, c.Alarms(), s.story())
}

func TestCronRunsAtItsTimes(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", daily)
	s, c := b.clocked(at("05:00:00"))
	require.True(t, at("06:00:00").Equal(s.until(daemon.Loaded, "w.flow.yaml").Next))
	s.waitAlarm(c, at("06:00:00"))
	require.Empty(t, b.runs(), "what was just dropped has missed nothing")
	c.Pass(at("06:00:00"))
	require.Equal(t, "at 2026-11-26T06:00:00+01:00", output(t, s.ended("w.flow.yaml").Result, "text"))
	require.Equal(t, "at 2026-11-26 06:00 CET", b.runs()[0].Why)
	s.waitAlarm(c, at("06:00:00").AddDate(0, 0, 1))

	// An edit is no time; the clock set back brings none again.
	b.drop("w.flow.yaml", replace(t, daily, "at {a}", "on {a}"))
	s.until(daemon.Loaded, "w.flow.yaml")
	c.Set(at("05:30:00"))
	s.waitAlarm(c, at("06:00:00"))
	c.Pass(at("06:00:00"))
	require.Contains(t, s.until(daemon.Unchanged, "w.flow.yaml").Text, "runs, or ran, the same")
	c.Pass(at("06:00:00").AddDate(0, 0, 1))
	require.Equal(t, "on 2026-11-27T06:00:00+01:00", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.stop()
	require.Len(t, b.runs(), 2)
}

func TestMissedTimesAreMadeUpForOnce(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", daily)
	b.drop("not.flow.yaml", replace(t, daily, "zone: Europe/Berlin", "zone: Europe/Berlin, catch_up: none"))
	s, c := b.clocked(at("05:00:00"))
	s.waitAlarm(c, at("06:00:00"))
	s.stop()

	// Three days later: one run, for the last time, and none again at the next start.
	later := at("07:00:00").AddDate(0, 0, 3)
	for range 2 {
		s, _ = b.clocked(later, once)
		s.finish()
		runs := b.runs()
		require.Len(t, runs, 1)
		require.Equal(t, "missed at 2026-11-29 06:00 CET", runs[0].Why)
		require.Equal(t, journal.Completed, runs[0].Status)
		require.Equal(t, "2026-11-29T06:00:00+01:00", runs[0].How.Time)
	}
	// The machine sleeps over a time.
	s, c = b.clocked(later)
	s.waitAlarm(c, at("06:00:00").AddDate(0, 0, 4))
	c.Pass(at("09:00:00").AddDate(0, 0, 5))
	require.Equal(t, "at 2026-12-01T06:00:00+01:00", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.waitAlarm(c, at("06:00:00").AddDate(0, 0, 6))
	require.Zero(t, s.count(daemon.Ended, "not.flow.yaml"))
	c.Pass(at("06:00:01").AddDate(0, 0, 6))
	s.until(daemon.Ended, "not.flow.yaml")
	s.again()
	s.until(daemon.Ended, "w.flow.yaml")
	s.stop()
}

func TestEveryRunsAtOnceAndThenAtItsTimes(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", often)
	s, c := b.clocked(at("06:03:00"))
	require.Equal(t, "at 2026-11-26T05:00:00Z", output(t, s.ended("w.flow.yaml").Result, "text"))
	require.Equal(t, "at start, for 2026-11-26 05:00 UTC", b.runs()[0].Why)
	s.waitAlarm(c, at("06:10:00"))
	c.Pass(at("06:10:00"))
	require.Equal(t, "at 2026-11-26T05:10:00Z", output(t, s.ended("w.flow.yaml").Result, "text"))

	b.drop("w.flow.yaml", replace(t, often, "at {a}", "on {a}"))
	require.Equal(t, "on 2026-11-26T05:10:00Z", output(t, s.ended("w.flow.yaml").Result, "text"), "an edit shows what it does")
	s.stop()

	// A start within the same ten minutes has nothing to do; one after an edit has.
	s, c = b.clocked(at("06:15:00"))
	s.waitAlarm(c, at("06:20:00"))
	s.stop()
	require.Len(t, b.runs(), 3)
	b.drop("w.flow.yaml", replace(t, often, "at {a}", "past {a}"))
	s, _ = b.clocked(at("06:16:00"), once)
	require.Equal(t, "past 2026-11-26T05:10:00Z", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.finish()
	s, _ = b.clocked(at("06:17:00"), once)
	s.finish()
	require.Len(t, b.runs(), 4)
}

// Two processes serve one folder: a time has one run.
func TestTwoProcessesShareATime(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", daily)
	one, c1 := b.clocked(at("05:00:00"))
	two, c2 := b.clocked(at("05:00:00"))
	one.waitAlarm(c1, at("06:00:00"))
	two.waitAlarm(c2, at("06:00:00"))
	for day := range 3 {
		c1.Pass(at("06:00:00").AddDate(0, 0, day))
		c2.Pass(at("06:00:00").AddDate(0, 0, day))
		one.waitAlarm(c1, at("06:00:00").AddDate(0, 0, day+1))
		two.waitAlarm(c2, at("06:00:00").AddDate(0, 0, day+1))
		for _, s := range []*server{one, two} { // while a run is under way only the newest time is remembered
			s.wait("end of the time", func(n daemon.Notice) bool { return n.Kind == daemon.Ended || n.Kind == daemon.Unchanged })
		}
	}
	one.stop()
	two.stop()
	runs := b.runs()
	require.Len(t, runs, 3)
	for i := range runs {
		require.Equal(t, at("06:00:00").AddDate(0, 0, 2-i).Format(time.RFC3339), runs[i].How.Time)
		require.Equal(t, journal.Completed, runs[i].Status)
	}
}

func TestTimesDoNotPileUp(t *testing.T) {
	b := newBox(t)
	b.drop("gate.wasm", string(guests.Gate()))
	b.drop("w.flow.yaml", replace(t, gated("open"), "levee: 1", "levee: 1\ntrigger: { every: 10m }"))
	s, c := b.clocked(at("06:00:00"))
	s.nodeEnded("w.flow.yaml", "first")
	for n := range 4 {
		s.waitAlarm(c, at("06:10:00").Add(time.Duration(n)*10*time.Minute))
		c.Pass(at("06:10:00").Add(time.Duration(n) * 10 * time.Minute))
	}
	s.waitAlarm(c, at("06:50:00"))
	b.drop("open", "")
	s.ended("w.flow.yaml")
	s.ended("w.flow.yaml")
	s.stop()
	runs := b.runs()
	require.Len(t, runs, 2)
	require.Equal(t, "at 2026-11-26 05:40 UTC", runs[0].Why, "one more, for the newest time")
}

// A run that an edit ends is made by the new version, although its time has passed.
func TestEditDuringTheRunOfATime(t *testing.T) {
	b := newBox(t)
	b.drop("spin.wasm", string(guests.Bare("spin", guests.Spin())))
	b.drop("w.flow.yaml", "levee: 1\ntrigger: { cron: \"0 6 * * *\", zone: Europe/Berlin }\nnodes:\n  n: { uses: ./spin.wasm }\n")
	s, c := b.clocked(at("05:00:00"))
	s.waitAlarm(c, at("06:00:00"))
	c.Pass(at("06:00:00"))
	s.wait("start", func(n daemon.Notice) bool { return n.Kind == daemon.Happened })
	b.drop("w.flow.yaml", daily)
	require.Equal(t, journal.Cancelled, s.ended("w.flow.yaml").Status)
	require.Equal(t, "at 2026-11-26T06:00:00+01:00", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.stop()
}

func TestRunOfATimeIsResumedWithIt(t *testing.T) {
	b := newBox(t)
	b.drop("gate.wasm", string(guests.Gate()))
	flow := replace(t, gated("open"), "levee: 1", "levee: 1\ntrigger: { cron: \"0 6 * * *\", zone: Europe/Berlin }")
	b.drop("w.flow.yaml", replace(t, flow, `"{a}" }, in: { a: wait.n }`, `"{a} {b}" }, in: { a: wait.n, b: trigger.time }`))
	s, c := b.clocked(at("05:00:00"))
	s.waitAlarm(c, at("06:00:00"))
	c.Pass(at("06:00:00"))
	s.nodeEnded("w.flow.yaml", "first")
	s.drain()
	s.cut()
	s.stop()
	b.drop("open", "")
	s, _ = b.clocked(at("08:00:00"), once)
	require.Equal(t, "7 2026-11-26T06:00:00+01:00", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.finish()
	require.Len(t, b.runs(), 1, "the time that was under way is not made up for as well")
}

func TestRunByHandOfATimedWorkflow(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", daily)
	b.drop("m.flow.yaml", replace(t, greeting("hand"), "levee: 1", "levee: 1\ntrigger: manual"))
	d := b.open()
	d.UseClock(at("05:00:00"))
	require.Equal(t, "at 2026-11-25T06:00:00+01:00", output(t, d.run("w.flow.yaml").Result, "text"), "the last time that has come")
	require.Equal(t, journal.Counts{Cached: 1}, d.run("w.flow.yaml").Counts)
	require.Equal(t, "HELLO, HAND!", output(t, d.run("m.flow.yaml").Result, "text"))
	d.shut()
	s, _ := b.clocked(at("05:00:00"), once)
	s.until(daemon.Loaded, "m.flow.yaml")
	s.finish()
	require.Len(t, b.runs(), 3, "manual starts nothing")
}

func TestUnknownZone(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", replace(t, daily, "Europe/Berlin", "Europe/Berlinn"))
	s, _ := b.clocked(at("05:00:00"), once)
	problems := s.until(daemon.Broken, "w.flow.yaml").Problems
	require.Len(t, problems, 1)
	require.Equal(t, [2]int{2, 37}, [2]int{problems[0].Line, problems[0].Col})
	require.Contains(t, problems[0].Message, `no time zone "Europe/Berlinn"`)
	s.finish()
}

func TestClockThatWasNotSet(t *testing.T) {
	b := newBox(t)
	b.drop("w.flow.yaml", often)
	s, c := b.clocked(time.Unix(60, 0))
	s.waitAlarm(c, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Empty(t, b.runs())
	c.Set(at("06:03:00"))
	require.Equal(t, "at 2026-11-26T05:00:00Z", output(t, s.ended("w.flow.yaml").Result, "text"))
	s.stop()
}

func TestManyTimers(t *testing.T) {
	b := newBox(t)
	for i := range 40 {
		b.drop(fmt.Sprintf("w%02d.flow.yaml", i), replace(t, daily, "0 6", fmt.Sprintf("%d 6", i)))
	}
	s, c := b.clocked(at("05:00:00"))
	s.waitAlarm(c, at("06:00:00"))
	c.Pass(at("06:19:00"))
	for range 20 {
		s.wait("end", func(n daemon.Notice) bool { return n.Kind == daemon.Ended })
	}
	s.waitAlarm(c, at("06:20:00"))
	s.stop()
	require.Len(t, b.runs(), 20)
}

// The alarm of the kernel, for real.
func TestAlarm(t *testing.T) {
	rang := make(chan time.Time, 2)
	ring := func() { rang <- time.Now() }
	want := time.Now().Add(50 * time.Millisecond)
	daemon.RingAt(want, ring)
	require.False(t, (<-rang).Before(want.Round(0)))
	daemon.RingAt(time.Now().Add(-time.Hour), ring)
	<-rang
	soon := time.Now().Add(30 * time.Millisecond)
	stop := daemon.RingAt(soon, ring)
	stop()
	stop()
	early := time.Now().Before(soon) // a busy machine may have come too late
	daemon.RingAt(soon.Add(30*time.Millisecond), ring)
	<-rang
	require.True(t, !early || len(rang) == 0, "the alarm that was taken back did not ring")
}
