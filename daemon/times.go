package daemon

import (
	"fmt"
	"time"
	_ "time/tzdata" // a box may have no time zones of its own

	"levee/graph"
)

// zoneOf finds the time zone of a trigger.
func zoneOf(t *graph.Trigger) (*time.Location, error) {
	if !t.Timed() || t.Zone == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q: it has a name such as Europe/Berlin or UTC", t.Zone)
	}
	return zone, nil
}

// unknownZone is what is wrong with the time zone of a workflow, if anything is.
func (w *Workflow) unknownZone(file *graph.File, g *graph.Graph) (problems graph.Problems) {
	if g.Trigger == nil {
		return nil
	}
	zone, err := zoneOf(g.Trigger)
	if err != nil {
		return graph.Problems{file.Problem(g.Trigger.ZonePos, "zone", "%v", err)}
	}
	w.zone = zone
	return nil
}

// NextTime is the first time after t at which the workflow starts by itself; zero when no time starts it.
func (w *Workflow) NextTime(t time.Time) time.Time {
	switch trigger := w.Graph.Trigger; {
	case !trigger.Timed():
		return time.Time{}
	case trigger.Cron != nil:
		return trigger.Cron.Next(t.In(w.zone))
	default:
		return w.lastTime(t).Add(trigger.Every)
	}
}

// lastTime is the newest such time that t has reached.
func (w *Workflow) lastTime(t time.Time) time.Time {
	switch trigger := w.Graph.Trigger; {
	case !trigger.Timed():
		return time.Time{}
	case trigger.Cron != nil:
		return trigger.Cron.Prev(t.In(w.zone))
	default:
		past := t.UnixNano() % int64(trigger.Every)
		if past < 0 {
			past += int64(trigger.Every)
		}
		return time.Unix(0, t.UnixNano()-past).UTC()
	}
}

// timesText names the times of a trigger: others have another text.
func timesText(t *graph.Trigger) string {
	if t.Cron != nil {
		return "cron " + t.Cron.Text + " " + t.Zone
	}
	return "every " + t.Every.String()
}

// TimeText writes a time of the workflow for people.
func (w *Workflow) TimeText(t time.Time) string {
	layout := "2006-01-02 15:04 MST"
	if t.Second() != 0 {
		layout = "2006-01-02 15:04:05 MST"
	}
	return t.In(w.zone).Format(layout)
}
