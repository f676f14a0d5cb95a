package main

import (
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"levee/daemon"
)

// screen is a terminal with one line at its bottom that is written over again and again: what is being worked at. All other
// output goes through it, so that the line is out of the way. It is none of the outputs if these are no terminals.
type screen struct {
	mu   sync.Mutex
	term *stream
	live bool // the line stands there
}

// above writes to a file of the same terminal.
type above struct {
	*screen
	io.Writer
}

func (s *screen) Write(p []byte) (int, error) { return above{s, s.term}.Write(p) }

func (w above) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.erase()
	return w.Writer.Write(p)
}

// erase takes the line away. The lock is held.
func (s *screen) erase() {
	if s.live {
		io.WriteString(s.term, "\r\x1b[K")
		s.live = false
	}
}

// show puts a text into the line, cut to the terminal's width; "" takes it away.
func (s *screen) show(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text == "" {
		s.erase()
		return
	}
	text = daemon.Printable(text)
	if width, _, err := term.GetSize(int(s.term.file.Fd())); err == nil && width > 1 && utf8.RuneCountInString(text) >= width {
		text = string([]rune(text)[:width-1])
	}
	io.WriteString(s.term, "\r"+text+"\x1b[K")
	s.live = true
}

const screenEvery = 200 * time.Millisecond

// watch shows, on a terminal, what status says until the function that it returns is called.
func (a *app) watch(status func(now time.Time) string) (end func()) {
	f, ok := a.err.(*stream)
	if !ok || !a.terminal(f) {
		return func() {}
	}
	s := &screen{term: f}
	out := a.out
	a.err = s
	if a.terminal(out) {
		a.out = above{s, out}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(screenEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				s.show("")
				return
			case now := <-tick.C:
				s.show(status(now))
			}
		}
	})
	return func() {
		close(stop)
		wg.Wait()
		a.err, a.out = f, out
	}
}
