package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pipe gives a file in a terminal's place, and what was written to it so far.
func pipe(t *testing.T) (*stream, func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return &stream{file: w}, func() string {
		require.NoError(t, w.Close())
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		return string(text)
	}
}

func TestScreenLineGoesOutOfTheWay(t *testing.T) {
	w, written := pipe(t)
	s := &screen{term: w}
	s.show("")
	s.show("flights 0.4 s")
	fmt.Fprintln(s, "a line")
	fmt.Fprintln(above{s, w}, "another")
	s.show("flights\x1b[2J 0.6 s")
	s.show("")
	require.Equal(t, "\rflights 0.4 s\x1b[K\r\x1b[Ka line\nanother\n\rflights[2J 0.6 s\x1b[K\r\x1b[K", written())
}

// What is logged is in part what a module said, or a worker that was taken over.
func TestLogMovesNoCursor(t *testing.T) {
	for _, color := range []string{"always", "never"} {
		for _, format := range []string{"auto", "text", "json"} {
			w, written := pipe(t)
			bad := "a\x1b[2J\x1b]0;b\x07\u009b2J\u202e"
			log := (&app{err: &screen{term: w}, color: color, logFormat: format}).logger()
			log.Warn("said "+bad, "node", bad, "why", errors.New(bad))
			text := written()
			for _, raw := range []string{"\x1b[2J", "\x1b]", "\x07", "\u009b", "\u202e"} {
				require.NotContains(t, text, raw, "%s, %s", color, format)
			}
		}
	}
}

func TestJSONMovesNoCursor(t *testing.T) {
	var out strings.Builder
	(&app{out: &out}).printJSON(map[string]string{"said": "a\u009b2J\x7f\u202e<"})
	require.Equal(t, `{"said":"a\u009b2J\u007f\u202e<"}`+"\n", out.String())
}

func TestScreenHammer(t *testing.T) {
	w, written := pipe(t)
	s := &screen{term: w}
	done := make(chan struct{})
	go func() {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					fmt.Fprintln(s, "line")
					s.show("work")
				}
			})
		}
		wg.Wait()
		s.show("")
		close(done)
	}()
	// The pipe holds all of it: 800 lines of some 20 bytes.
	<-done
	text := written()
	require.Equal(t, 800, strings.Count(text, "line\n"))
	require.NotContains(t, text, "workline", "no line stands behind the one that is written over")
}

func TestStatusSaysWhatTakesLong(t *testing.T) {
	now := time.Now()
	c := &underway{work: map[string]*work{
		"quick":  {since: now.Add(-100 * time.Millisecond)},
		"long":   {since: now.Add(-3 * time.Second), done: 1, total: 4},
		"photos": {since: now.Add(-2 * time.Second), done: 3, total: 16, group: true},
		"plain":  {since: now.Add(-time.Second)},
		"late":   {since: now.Add(-time.Second / 2)},
	}}
	require.Equal(t, "long 3.0 s (25%), photos 2.0 s (3 of 16), plain 1.0 s and 1 more", c.status(now))
	c.ended("long")
	c.ended("photos")
	c.ended("plain")
	c.ended("late")
	require.Empty(t, c.status(now))
}
