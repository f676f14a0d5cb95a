package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Messages are what programs see of a run: events as flat JSON objects, the same while they happen and when they are read
// again. docs/messages.md describes them, and its JSON Schema says what each type has.

const atFormat = "2006-01-02T15:04:05.000000Z07:00"

// messageTime is a time as all messages write it.
type messageTime time.Time

func (t messageTime) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, `"`+atFormat+`"`), nil
}

// MarshalJSON is the event as a message.
func (e Event) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(struct {
		Type     string      `json:"type"`
		Run      string      `json:"job_id"`
		Seq      int64       `json:"seq"`
		At       messageTime `json:"at"`
		Workflow string      `json:"workflow_id,omitempty"`
		Node     string      `json:"node_id,omitempty"`
	}{e.Type, e.Run, e.Seq, messageTime(e.At), e.Workflow, e.Node})
	if err == nil && len(e.Data) > len(`{}`) {
		b = append(append(b[:len(b)-1], ','), e.Data[1:]...)
	}
	return b, err
}

// several reports whether the event is a list of messages.
func (e *Event) several() bool { return len(e.Data) > 0 && e.Data[0] == '[' }

// messages is how many messages the event is.
func (e *Event) messages() int64 { return int64(len(e.Messages())) }

// Messages are the event one by one: the last has its number.
func (e *Event) Messages() []Event {
	if !e.several() {
		return []Event{*e}
	}
	var parts []json.RawMessage
	if json.Unmarshal(e.Data, &parts) != nil {
		return nil
	}
	list := make([]Event, len(parts))
	for i, data := range parts {
		list[i] = *e
		list[i].Data, list[i].Seq = data, e.Seq-int64(len(parts)-1-i)
	}
	return list
}

// endData is what the message of an invocation's end says.
type endData struct {
	Name      string                     `json:"node_name"`
	Type      string                     `json:"node_type"`
	Attempt   int                        `json:"attempt"`
	Status    string                     `json:"status"`
	Props     json.RawMessage            `json:"properties,omitempty"`
	Cached    bool                       `json:"cached,omitempty"`
	Result    map[string]json.RawMessage `json:"result,omitempty"`
	Error     string                     `json:"error,omitempty"`
	Code      string                     `json:"error_code,omitempty"`
	Cause     string                     `json:"cause,omitempty"`
	Started   messageTime                `json:"started_at"`
	Completed *messageTime               `json:"completed_at,omitempty"`
	Compile   int64                      `json:"compile_us,omitempty"`
	Peak      int64                      `json:"peak,omitempty"`
}

// messageStatus gives the ends of nodes the words of the messages.
var messageStatus = map[InvocationStatus]string{
	Ran: "completed", Cached: "completed", Skipped: "skipped", FailedNode: "error", CancelledNode: "cancelled",
}

func (i *Invocation) data(status string) endData {
	name := i.Name
	if name == "" {
		name = i.Site[strings.LastIndexByte(i.Site, '.')+1:]
	}
	return endData{Name: name, Type: i.Type, Attempt: i.Attempt, Status: status, Started: messageTime(i.Started)}
}

func (i *Invocation) event(at time.Time, kind string, data any) Event {
	raw, _ := json.Marshal(data) // of strings, numbers, bools and JSON: cannot fail
	return Event{Run: i.Run, Seq: i.Seq, At: at, Type: kind, Node: i.Path, Data: raw}
}

// end is the message that the invocation has ended.
func (i *Invocation) end() Event {
	status, known := messageStatus[i.Status]
	if !known {
		status = string(i.Status)
	}
	d := i.data(status)
	d.Cached, d.Error, d.Code, d.Cause = i.Status == Cached, i.Error, i.Code, i.Cause
	d.Compile, d.Peak = i.Compile.Microseconds(), i.Peak
	ended := messageTime(i.Ended)
	d.Completed = &ended
	if len(i.Outputs) > 0 {
		d.Result = make(map[string]json.RawMessage, len(i.Outputs))
		for _, o := range i.Outputs {
			d.Result[o.Name] = ForMessage(o.Value, inlineResult)
		}
	}
	e := i.event(i.Ended, "node_update", d)
	e.Again = i.Kept
	return e
}

// Beginning is the message that the invocation runs.
func (i *Invocation) Beginning() Event {
	d := i.data("running")
	d.Props = i.Properties
	return i.event(i.Started, "node_update", d)
}

// messages is how many messages the row of an invocation's end is.
func (i *Invocation) messages() int64 {
	n := 1 + int64(len(i.said()))
	if i.Began {
		n++
	}
	return n
}

// Messages are the beginning, if its row is this one, the log and the end. The last has the invocation's number.
func (i *Invocation) Messages() []Event {
	end := i.end()
	if i.Kept {
		return []Event{end}
	}
	var list []Event
	if i.Began {
		list = append(list, i.Beginning())
	}
	for _, line := range i.said() {
		list = append(list, i.event(i.Ended, "log_update", line))
	}
	list = append(list, end)
	for n := range list {
		list[n].Seq = i.Seq - int64(len(list)-1-n)
	}
	return list
}

// MostSaid bounds the lines of an invocation's log that become messages; the log itself has them all.
const MostSaid = 100

type logLine struct {
	Name     string `json:"node_name"`
	Content  string `json:"content"`
	Severity string `json:"severity"`
	Stream   string `json:"stream,omitempty"`
}

// said is the log as messages. A cached result says nothing: its log was told when it ran.
func (i *Invocation) said() (list []logLine) {
	if len(i.Log) == 0 || i.Status == Cached || i.Status == Started {
		return nil
	}
	name := i.data("").Name
	last := logLine{Name: name, Severity: "info"}
	for text := range bytes.Lines(i.Log) {
		line := last
		line.Content = strings.ToValidUTF8(string(bytes.TrimRight(text, "\r\n")), "\uFFFD")
		if what, rest, ok := strings.Cut(line.Content, ": "); ok {
			switch what {
			case "debug", "info", "warning", "error":
				line.Severity, line.Stream, line.Content = what, "", rest
			case "stdout", "stderr":
				line.Severity, line.Stream, line.Content = "info", what, rest
			}
		}
		last = line
		if len(list) < MostSaid {
			list = append(list, line)
		}
	}
	if total := bytes.Count(i.Log, []byte("\n")); total > MostSaid {
		list = append(list, logLine{Name: name, Content: fmt.Sprintf("%d more lines: levee logs shows them", total-MostSaid), Severity: "info"})
	}
	return list
}
