// Levee runs workflows that people drop into a folder; every node is a sandboxed WebAssembly module.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

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
				startDrain(interrupted(s))
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
	err := cmd.ExecuteContext(drain)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		a.json = false // of the command line that is being typed: shells read the last line
	}
	code := a.end(cause(drain, err))
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
func interrupted(s os.Signal) error {
	if s == syscall.SIGTERM {
		return failure{daemon.ExitTerminated, errors.New("terminated")}
	}
	return failure{daemon.ExitInterrupted, errors.New("interrupted")}
}

// failure is an error with the exit code that it asks for.
type failure struct {
	code int
	error
}

func (f failure) Unwrap() error { return f.error }

// usagef is a mistake in the command line.
func usagef(format string, args ...any) error {
	return failure{daemon.ExitUsage, fmt.Errorf(format, args...)}
}

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
	var own failure
	switch {
	case errors.As(err, &told):
		return int(told)
	case errors.As(err, &own):
		return own.code
	}
	return daemon.ExitCode(err)
}
