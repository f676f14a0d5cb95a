package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"levee/daemon/journal"
)

// timetable is what a served workflow that runs by time has to do.
type timetable struct {
	journal.Schedule
	due   time.Time // the next time; zero: it is not to run
	why   string    // the workflow was loaded
	at    time.Time // of the run that is under way
	later timeRun   // the newest time that came while another run was under way
}

// timeRun is a time that wants its run.
type timeRun struct {
	at      time.Time
	trigger string
	why     string
}

// A time that came longer ago than this was missed. No clock is older than this program's first year.
const missedAfter = time.Minute

var firstYear = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// keepTimes takes up the times of a workflow that was loaded.
func (f *folder) keepTimes(ctx context.Context, s *served, why string) {
	now, t, flow := f.d.now(), s.good.Graph.Trigger, s.good
	had, known, err := f.d.journal.Schedule(ctx, flow.Path)
	if err != nil {
		f.trouble(fmt.Errorf("%s: %v", s.path, err))
		return
	}
	under := s.times.at
	s.times = timetable{at: under, why: why, due: now, Schedule: journal.Schedule{Workflow: flow.Path, Spec: timesText(t), Version: flow.ID, Dealt: had.Dealt}}
	begins, edited := !known || had.Spec != s.times.Spec, known && had.Version != flow.ID
	if begins {
		s.times.Dealt = now
	}
	last := flow.lastTime(now)
	byDay := t.Cron != nil
	switch {
	case !byDay && begins && !t.NoCatchUp: // at once, and then at its times
		s.times.Dealt = last.Add(-1)
	case !byDay && edited && !t.NoCatchUp:
		s.times.Dealt = now
		f.atTime(ctx, s, timeRun{at: last, trigger: timeOfVersion(flow, last), why: why})
	case byDay && edited && !begins && !under.IsZero() && s.running > 0:
		// The run of this time is ended because of the edit: the new version makes it.
		s.times.Dealt = under
		f.atTime(ctx, s, timeRun{at: under, trigger: timeOfVersion(flow, under), why: why})
	case t.NoCatchUp && last.Before(now.Add(-missedAfter)):
		s.times.Dealt = now
	}
	if known := s.times.Schedule; begins || edited {
		if err := f.d.keepTrying(ctx, func() error { return f.d.journal.PutSchedule(ctx, known) }); err != nil {
			f.trouble(fmt.Errorf("%s: %v", s.path, err))
		}
	}
}

// tick starts what is due, and sets the alarm to the next time. Where the clock may have been set all times are looked at.
func (f *folder) tick(ctx context.Context, all bool) {
	now := f.d.now()
	if now.Before(firstYear) { // the clock was not set yet: that will be noticed
		f.setAlarm(firstYear)
		return
	}
	var first time.Time
	for _, p := range slices.Sorted(maps.Keys(f.flows)) {
		s := f.flows[p]
		if s.good == nil || s.times.due.IsZero() {
			continue
		}
		if all || !s.times.due.After(now) {
			f.look(ctx, s, now)
		}
		if first.IsZero() || s.times.due.Before(first) {
			first = s.times.due
		}
	}
	f.setAlarm(first)
}

// look starts a run for the newest time that has come, if it had none.
func (f *folder) look(ctx context.Context, s *served, now time.Time) {
	t, flow := &s.times, s.good
	loaded := t.why
	t.why = ""
	if t.Dealt.After(now) { // the clock was set back; a time that comes again is known by its run
		t.Dealt = now
	}
	last := flow.lastTime(now)
	t.due = flow.NextTime(now)
	if !last.After(t.Dealt) {
		return
	}
	t.Dealt = last
	why := "at " + flow.TimeText(last)
	if last.Before(now.Add(-missedAfter)) {
		if flow.Graph.Trigger.NoCatchUp {
			return
		}
		if why = "missed at " + flow.TimeText(last); flow.Graph.Trigger.Every > 0 && loaded != "" {
			why = loaded + ", for " + flow.TimeText(last)
		}
	}
	f.atTime(ctx, s, timeRun{at: last, trigger: timeOf(flow, last), why: why})
}

// timeOf names a time of a workflow, which starts at most one run, by whichever process and however often.
func timeOf(flow *Workflow, at time.Time) string {
	return fmt.Sprintf("%x@%s", sha256.Sum256([]byte(flow.Path)), at.UTC().Format(time.RFC3339Nano))
}

// timeOfVersion names what an edit starts for a time that had its run.
func timeOfVersion(flow *Workflow, at time.Time) string {
	return identity(flow, &Request{}) + "@" + at.UTC().Format(time.RFC3339Nano)
}

// atTime starts the run of a time. While one is under way the newest time is remembered, and no more than that one.
func (f *folder) atTime(ctx context.Context, s *served, r timeRun) {
	if s.running > 0 {
		s.times.later = r
		return
	}
	if ctx.Err() != nil {
		return
	}
	flow, known := s.good, s.times.Schedule
	known.Dealt = r.at
	s.times.at = r.at
	req := Request{Why: r.why, Trigger: r.trigger, Time: r.at.Format(time.RFC3339Nano), Observer: f.show(s)}
	f.launch(s, func(ctx context.Context, t *ticket) (*Run, error) {
		run, err := f.accept(ctx, flow, req, t)
		var dup *journal.DuplicateError
		if err == nil || errors.As(err, &dup) {
			// Behind its acceptance: were levee killed in between, the time would only be found to have a run.
			kept := context.WithoutCancel(ctx)
			if e := f.d.keepTrying(kept, func() error { return f.d.journal.Deal(kept, known) }); e != nil {
				f.trouble(fmt.Errorf("%s: %v", s.path, e))
			}
		}
		return run, err
	})
}

// timeEnded lets the time that waited for the end of a run have its own.
func (f *folder) timeEnded(ctx context.Context, s *served) {
	if s.running > 0 {
		return
	}
	r := s.times.later
	s.times.at, s.times.later = time.Time{}, timeRun{}
	if !r.at.IsZero() && s.good != nil {
		f.atTime(ctx, s, r)
	}
}

// setAlarm sees to it that the loop ticks at a time; the zero time: not at all.
func (f *folder) setAlarm(at time.Time) {
	if at.Equal(f.alarmAt) {
		return
	}
	if f.stopAlarm != nil {
		f.stopAlarm()
		f.stopAlarm = nil
	}
	if f.alarmAt = at; !at.IsZero() {
		f.stopAlarm = f.d.ring(at, func() {
			select {
			case f.alarm <- struct{}{}:
			default:
			}
		})
	}
}
