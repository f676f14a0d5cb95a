package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"levee/daemon"
)

// stream is stdout or stderr. Who reads no more ends the command, as a signal does: nothing that it does would be seen. Any other failure
// to write, a full disk say, is told at the end, when what there was to do is done.
type stream struct {
	file *os.File
	end  context.CancelCauseFunc
	once sync.Once
	err  error // the first failure
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = errUnread
		s.end(err)
	}
	if err != nil {
		s.once.Do(func() { s.err = err })
	}
	return n, err
}

// errUnread is why a command ended whose output nobody reads any more.
var errUnread error = failure{daemon.ExitUnread, errors.New("nobody reads the output")}

// failed is what was written in vain.
func (s *stream) failed() error {
	s.once.Do(func() {})
	return s.err
}

// survivePipes makes writing to a pipe that nobody reads an error, as it is for all other files. The Go runtime ends a process for it unless the
// signal is asked for. Workers do not inherit this, as they would inherit that it is ignored.
func survivePipes() (stop func()) {
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	return func() { signal.Stop(pipes) }
}
