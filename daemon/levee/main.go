// Levee runs workflows that people drop into a folder; every node is a sandboxed WebAssembly module.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"levee/daemon"
)

var version = "devel" // set by the Makefile

func main() {
	if daemon.WorkerMain() {
		return
	}
	os.Exit(run(os.Args[1:]))
}

// run is main with an exit code. The first signal asks to drain, the second one to stop at once.
func run(args []string) int {
	drain, startDrain := context.WithCancelCause(context.Background())
	cut, startCut := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		for s := range signals {
			if drain.Err() == nil {
				startDrain(interrupted{s})
			} else {
				startCut(daemon.ErrStopping)
			}
		}
	}()
	defer close(signals)

	defer survivePipes()()
	stdout, stderr := &stream{file: os.Stdout, end: startDrain}, &stream{file: os.Stderr, end: startDrain}
	a := &app{drain: drain, cut: cut, out: stdout, err: stderr, color: "auto", logFormat: "auto"}
	cmd := a.root()
	cmd.SetArgs(args)
	a.json = slices.Contains(args, "--json") // also where a mistake stands in front of it
	code := a.end(cause(drain, cmd.ExecuteContext(drain)))
	if err := stdout.failed(); code == daemon.ExitOK && err != nil {
		a.printError(err)
		return exitCode(err)
	}
	return code
}

// cause is why a context ended, where an error says no more than that it did.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}

// interrupted is why a context ended: a signal.
type interrupted struct{ os.Signal }

func (i interrupted) Error() string {
	if i.Signal == syscall.SIGTERM {
		return "terminated"
	}
	return "interrupted"
}

// usageError is a mistake in the command line.
type usageError struct{ error }

// limitError is a limit of the command line that was passed.
type limitError struct{ error }

// exitError has been told to the user already, and only carries the exit code.
type exitError int

func (e exitError) Error() string {
	if e == daemon.ExitSuspended {
		return "the run waits for an answer"
	}
	return "what is wrong stands in the lines before"
}

// end prints an error and returns the exit code. With --json the last line always says how it ended.
func (a *app) end(err error) int {
	code := exitCode(err)
	if a.json {
		last := map[string]any{"type": "end", "code": code, "error": nil}
		if err != nil {
			last["error"] = err.Error()
		}
		a.printJSON(last)
		return code
	}
	var told exitError
	if err != nil && !errors.As(err, &told) {
		a.printError(err)
	}
	return code
}

func exitCode(err error) int {
	var told exitError
	var usage usageError
	var limit limitError
	var signal interrupted
	switch {
	case errors.As(err, &told):
		return int(told)
	case errors.As(err, &usage):
		return daemon.ExitUsage
	case errors.As(err, &limit):
		return daemon.ExitLimit
	case errors.Is(err, errUnread):
		return daemon.ExitUnread
	case errors.As(err, &signal):
		if signal.Signal == syscall.SIGTERM {
			return daemon.ExitTerminated
		}
		return daemon.ExitInterrupted
	}
	return daemon.ExitCode(err)
}
