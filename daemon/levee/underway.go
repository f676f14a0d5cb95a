package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// underway is what goes on among a workflow's own nodes.
type underway struct {
	mu   sync.Mutex
	work map[string]*work // guarded by mu; by id
}

// work is a node that is being worked at; done and total are as it says, 0 when it does not.
type work struct {
	since       time.Time
	done, total int64
	group       bool
}

// working is called when an invocation goes to the engine, from many goroutines.
func (u *underway) working(_, path string) {
	if id, rest := split(path); rest == "" {
		u.begun(id, false)
	}
}

func (u *underway) begun(id string, group bool) {
	u.mu.Lock()
	if u.work == nil {
		u.work = make(map[string]*work)
	}
	u.work[id] = &work{since: time.Now(), group: group}
	u.mu.Unlock()
}

func (u *underway) progress(id string, done, total int64) {
	u.mu.Lock()
	if w := u.work[id]; w != nil {
		w.done, w.total = done, total
	}
	u.mu.Unlock()
}

func (u *underway) ended(id string) {
	u.mu.Lock()
	delete(u.work, id)
	u.mu.Unlock()
}

// worthSaying is how long a node must have been under way to be shown.
const worthSaying = 300 * time.Millisecond

// status says in a line what has been going on for a while, the longest first.
func (u *underway) status(now time.Time) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	type item struct {
		text string
		took time.Duration
	}
	var items []item
	for id, w := range u.work {
		since := now.Sub(w.since)
		if since < worthSaying {
			continue
		}
		text := fmt.Sprintf("%s %.1f s", id, since.Seconds())
		switch {
		case w.group && w.total > 0:
			text += fmt.Sprintf(" (%d of %d)", w.done, w.total)
		case w.total > 0:
			text += fmt.Sprintf(" (%d%%)", 100*min(w.done, w.total)/w.total)
		}
		items = append(items, item{text, since})
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Or(cmp.Compare(b.took, a.took), cmp.Compare(a.text, b.text)) })
	texts := make([]string, len(items))
	for i := range items {
		texts[i] = items[i].text
	}
	return listText(texts, 3)
}
