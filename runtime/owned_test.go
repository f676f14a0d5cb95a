//go:build linux

package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// An owned worker is what a worker is when its guest broke out of the engine: it says and does what it likes. Here it is this program once
// more, under a name that says what it likes.
const ownedName = "owned-"

// ownedMain never returns if this process is an owned worker.
func ownedMain() {
	exe, err := os.Readlink("/proc/self/exe")
	likes, owned := strings.CutPrefix(filepath.Base(exe), ownedName)
	if err != nil || !owned || os.Getenv(workerEnv) == "" {
		return
	}
	o := &ownedWorker{conn: conn{fd: workerFD}}
	if o.board, err = mapBoard(boardFD); err == nil {
		err = o.serve(ownedLikes[likes])
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

type ownedWorker struct {
	conn  conn
	board *board
	msg   callMsg
}

// serve is an honest worker's part until a call comes.
func (o *ownedWorker) serve(onCall func(*ownedWorker) error) error {
	o.send(frameHello, appendBytes(nil, EngineVersion()))
	for {
		f, fds, err := o.conn.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case frameLoad:
			o.send(frameLoaded, (&loadedMsg{}).append(nil))
		case frameProbe:
			o.send(frameProbed, appendProbes(nil, nil))
		case frameCall:
			if err := o.msg.read(f.payload, fds); err != nil {
				return err
			}
			if err := onCall(o); err != nil {
				return err
			}
		}
	}
}

func (o *ownedWorker) send(kind frameType, payload []byte, fds ...int) {
	b, start := beginFrame(nil, kind)
	_ = o.conn.send(endFrame(append(b, payload...), start, len(fds)), fds)
}

func (o *ownedWorker) answer(m *resultMsg, fds ...int) error {
	m.seq = o.msg.seq
	o.send(frameResult, m.append(nil), fds...)
	closeAll(fds)
	return nil
}

const (
	ownedFiles   = 50
	ownedReports = 20_000
)

// files makes values of one byte each, as an honest worker would hand them over.
func (o *ownedWorker) files() (values []wireValue, fds []int) {
	for range ownedFiles {
		fd, err := sealedCopy([]byte{1})
		if err != nil {
			panic(err)
		}
		values, fds = append(values, wireValue{how: valueFD, size: 1}), append(fds, fd)
	}
	return values, fds
}

var ownedLikes = map[string]func(*ownedWorker) error{
	"fails-with-outputs": func(o *ownedWorker) error {
		values, fds := o.files()
		return o.answer(&resultMsg{code: CodeTrap, detail: "unreachable", outputs: values}, fds...)
	},
	"refers": func(o *ownedWorker) error {
		values, fds := o.files()
		ref := wireValue{how: valueRef, bytes: make([]byte, 32), size: 1}
		return o.answer(&resultMsg{outputs: append([]wireValue{ref}, values...)}, fds...)
	},
	"never-starts": func(o *ownedWorker) error { return nil },
	"claims-others": func(o *ownedWorker) error {
		atomic.StoreUint64(o.board.word(), 1<<40)
		return nil
	},
	"talks": func(o *ownedWorker) error {
		return o.answer(&resultMsg{code: CodeFailed, detail: strings.Repeat("x", 1<<20)})
	},
	"logs": func(o *ownedWorker) error {
		return o.answer(&resultMsg{streams: streams{log: bytes.Repeat([]byte{0, 0}, 500_000)}, outputs: []wireValue{{}}})
	},
	"codes": func(o *ownedWorker) error {
		return o.answer(&resultMsg{code: "E_UNKNOWN_EFFECT\x1b[2J", detail: "x"})
	},
	"reports": func(o *ownedWorker) error {
		for n := range int64(ownedReports) {
			o.send(frameProgress, (&progressMsg{o.msg.seq, n, 1 << 20}).append(nil))
		}
		return o.answer(&resultMsg{outputs: []wireValue{{}}})
	},
	"asks-and-ends": func(o *ownedWorker) error {
		fd, err := sealedCopy([]byte{1})
		if err != nil {
			return err
		}
		o.send(frameAsk, (&askMsg{seq: o.msg.seq, op: askWrite, name: "x", data: wireValue{how: valueFD, size: 1}}).append(nil), fd)
		return o.answer(&resultMsg{outputs: []wireValue{{}}})
	},
	"asks": func(o *ownedWorker) error {
		o.send(frameAsk, (&askMsg{seq: o.msg.seq, op: askRead, name: strings.Repeat("a", 1<<20)}).append(nil))
		if _, err := o.conn.answer(); err != nil {
			return err
		}
		return o.answer(&resultMsg{outputs: []wireValue{{}}})
	},
}

// ownedEngine is an engine all of whose workers are owned.
func ownedEngine(t *testing.T, likes string) *Engine {
	t.Helper()
	require.Contains(t, ownedLikes, likes)
	exe, err := os.Executable()
	require.NoError(t, err)
	own := filepath.Join(t.TempDir(), ownedName+likes)
	if err := os.Link(exe, own); errors.Is(err, unix.EXDEV) {
		b, err := os.ReadFile(exe)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(own, b, 0o700))
	} else {
		require.NoError(t, err)
	}
	return newEngine(t, func(c *Config) { c.Workers, c.Executable = 1, own })
}

// Descriptors that come with what is no result are closed.
func TestOwnedWorkerLeavesNoFiles(t *testing.T) {
	for _, likes := range []string{"fails-with-outputs", "refers"} {
		e, m := ownedEngine(t, likes), guestModule(t)
		_, err := run(t, e, m, "silent", func(c *Call) { c.Outputs = ownedFiles })
		require.Error(t, err)
		before := openFiles(t)
		for range 5 {
			_, err := run(t, e, m, "silent", func(c *Call) { c.Outputs = ownedFiles })
			require.Error(t, err)
		}
		require.Less(t, openFiles(t), before+ownedFiles, likes)
	}
}

// A call that its worker does not begin, whatever the board says, ends with its time, and others that wait for that worker too.
func TestOwnedWorkerDoesNotOutliveTheDeadline(t *testing.T) {
	for _, likes := range []string{"never-starts", "claims-others"} {
		t.Run(likes, func(t *testing.T) {
			e, m := ownedEngine(t, likes), guestModule(t)
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					_, err := e.Run(ctx, &Call{Module: m, Export: "silent", Outputs: 1, Limits: Limits{Time: 300 * time.Millisecond}})
					var ge *Error
					if assert.ErrorAs(t, err, &ge) {
						assert.Equal(t, CodeTimeout, ge.Code)
					}
				})
			}
			wg.Wait()
		})
	}
}

// What a worker says is cut by nobody behind the engine: it is kept, and printed.
func TestOwnedWorkerSaysTooMuch(t *testing.T) {
	for _, likes := range []string{"talks", "logs", "codes"} {
		_, err := run(t, ownedEngine(t, likes), guestModule(t), "silent")
		var ge *Error
		require.ErrorAs(t, err, &ge, likes)
		require.Equal(t, CodeCrash, ge.Code)
		require.Contains(t, ge.Detail, "nonsense")
		require.Less(t, len(ge.Detail), 200)
	}
}

func TestOwnedWorkerReportsTooOften(t *testing.T) {
	n := 0
	begin := time.Now()
	res, err := run(t, ownedEngine(t, "reports"), guestModule(t), "silent", func(c *Call) { c.Progress = func(_, _ int64) { n++ } })
	require.NoError(t, err)
	res.Close()
	require.Positive(t, n)
	require.LessOrEqual(t, n, 2+int(time.Since(begin)/(progressEvery/2)), "of %d", ownedReports)
}

// The daemon remembers what a call looked at, by name.
func TestOwnedWorkerAsksForLongNames(t *testing.T) {
	asked := false
	_, err := run(t, ownedEngine(t, "asks"), testModule(t, "files"), "read", func(c *Call) {
		c.Files = folder{}.files(t)
		c.Files.Read = func(context.Context, string) (*os.File, int64, error) { asked = true; return nil, 0, os.ErrNotExist }
	})
	require.ErrorContains(t, err, "nonsense")
	require.False(t, asked)
}

// What a call's functions use is there until they have returned, though the call ended: the folder that they write into, say.
func TestOwnedWorkerEndsItsCallWhileItAsks(t *testing.T) {
	e := ownedEngine(t, "asks-and-ends")
	returned, early := make(chan struct{}), false
	_, err := run(t, e, testModule(t, "files"), "write", func(c *Call) {
		c.Files = folder{}.files(t)
		c.Files.Write = func(ctx context.Context, _ string, _ *os.File, _ int64) error {
			<-ctx.Done() // the call is over
			select {
			case <-returned:
				early = true
			case <-time.After(50 * time.Millisecond):
			}
			return ctx.Err()
		}
	})
	close(returned)
	require.NoError(t, err)
	require.NoError(t, e.Close())
	require.False(t, early)
}
