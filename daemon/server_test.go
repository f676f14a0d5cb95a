package daemon_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/daemon"
)

// server is a served box.
type server struct {
	*opened
	t     *testing.T
	drain context.CancelFunc
	cut   context.CancelFunc
	end   chan error

	mu    sync.Mutex
	seen  []daemon.Notice
	from  int // what wait has not looked at yet
	fresh chan struct{}
}

// serve starts a daemon on the box.
func (b *box) serve(opts ...func(*daemon.ServeOptions)) *server {
	b.t.Helper()
	return b.open().serve(opts...)
}

func (o *opened) serve(opts ...func(*daemon.ServeOptions)) *server {
	drain, stop := context.WithCancel(context.WithoutCancel(o.box.t.Context()))
	cut, cutShort := context.WithCancel(context.Background())
	s := &server{opened: o, t: o.box.t, drain: stop, cut: cutShort, end: make(chan error, 1), fresh: make(chan struct{}, 1)}
	so := daemon.ServeOptions{Settle: 20 * time.Millisecond, Notify: s.notice}
	for _, set := range opts {
		set(&so)
	}
	go func() { s.end <- o.Serve(drain, cut, o.box.dir, so) }()
	s.t.Cleanup(func() { cutShort(); s.stop() })
	return s
}

func once(o *daemon.ServeOptions) { o.Once = true }

func (s *server) notice(n daemon.Notice) {
	s.mu.Lock()
	s.seen = append(s.seen, n)
	s.mu.Unlock()
	select {
	case s.fresh <- struct{}{}:
	default:
	}
}

// stop waits for the end of what runs, and of the daemon.
func (s *server) stop() {
	s.drain()
	if err, open := <-s.end; open {
		require.NoError(s.t, err)
		close(s.end)
	}
	s.shut()
}

// finish waits for a server that serves once.
func (s *server) finish() {
	s.t.Helper()
	require.NoError(s.t, <-s.end)
	close(s.end)
	s.shut()
}

// wait returns the next notice that match takes, and goes on behind it with the next call.
func (s *server) wait(what string, match func(daemon.Notice) bool) daemon.Notice {
	s.t.Helper()
	giveUp := time.NewTimer(deadline)
	defer giveUp.Stop()
	for {
		s.mu.Lock()
		for s.from < len(s.seen) {
			n := s.seen[s.from]
			s.from++
			if match(n) {
				s.mu.Unlock()
				return n
			}
		}
		s.mu.Unlock()
		select {
		case <-s.fresh:
		case <-giveUp.C:
			require.FailNow(s.t, "never came: "+what, "%s\nlog:\n%s", s.story(), s.box.log)
		}
	}
}

// again lets the next wait look from the beginning on.
func (s *server) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = 0
}

// story is what happened, without the events of runs.
func (s *server) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, n := range s.seen {
		switch n.Kind {
		case daemon.Happened:
		case daemon.Ended:
			lines = append(lines, string(n.Kind)+" "+n.Path+" "+string(n.Result.Status))
		case daemon.Broken:
			lines = append(lines, string(n.Kind)+" "+n.Path+" "+n.Problems.Error())
		default:
			lines = append(lines, strings.TrimRight(string(n.Kind)+" "+n.Path+" "+n.Text, " "))
		}
	}
	return strings.Join(lines, "\n")
}

// count is how many notices of a kind came so far about a workflow.
func (s *server) count(kind daemon.NoticeKind, path string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seen := range s.seen {
		if seen.Kind == kind && seen.Path == path {
			n++
		}
	}
	return n
}

func (s *server) until(kind daemon.NoticeKind, path string) daemon.Notice {
	s.t.Helper()
	return s.wait(string(kind)+" "+path, func(n daemon.Notice) bool { return n.Kind == kind && n.Path == path })
}

// ended waits for the end of a run of a workflow.
func (s *server) ended(path string) *outcome {
	s.t.Helper()
	n := s.until(daemon.Ended, path)
	return &outcome{Result: n.Result, state: s.box.states(n.Result.ID)}
}

// nodeEnded waits until a node of a workflow has ended.
func (s *server) nodeEnded(path, node string) {
	s.t.Helper()
	s.wait("end of "+node, func(n daemon.Notice) bool {
		return n.Kind == daemon.Happened && n.Path == path && n.Event.Type == "node_update" && n.Event.Node == node && !bytes.Contains(n.Event.Data, []byte(`"status":"running"`))
	})
}
