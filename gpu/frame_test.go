package gpu

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/gpu/op"
)

func TestFrames(t *testing.T) {
	r := request{verb: doUpload, a: 1 << 40, b: 7, at: half, size: half}
	got, err := readRequest((*[requestSize]byte)(r.append(nil)))
	require.NoError(t, err)
	require.Equal(t, r, got)
	for _, bad := range []request{{verb: 0}, {verb: verbs}, {verb: doSync, at: 1, size: stagingSize}, {verb: doSync, at: 1<<32 - 1, size: 1<<32 - 1}} {
		_, err := readRequest((*[requestSize]byte)(bad.append(nil)))
		require.Error(t, err)
	}
	p := reply{fault: op.Trapped, class: op.Device, ended: true, value: 1 << 63, text: string(make([]byte, maxText+1))}
	b := p.append(nil)
	again, n, err := readReply((*[replyHead]byte)(b))
	require.NoError(t, err)
	require.Equal(t, maxText, n)
	require.Len(t, b, replyHead+maxText)
	require.Equal(t, reply{fault: op.Trapped, class: op.Device, ended: true, value: 1 << 63}, again)

	d := op.Desc{DType: op.F16, Shape: []int64{3, 1 << 20}}
	have, err := readDesc(appendDesc(nil, d))
	require.NoError(t, err)
	require.Equal(t, d, have)
	for _, bad := range [][]byte{nil, {1, 0, 0, 0}, {1, 7, 0, 0, 0}, {1, 1, 0, 0, 0}, {0, 0, 0, 0, 0}} {
		_, err := readDesc(bad)
		require.Error(t, err)
	}
}

// What a runtime worker that was taken over may send ends its own session only.
func TestForgedFrames(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	good, _ := session(t, p, "a")
	_, l := session(t, p, "a")
	fd := int(l.File.Fd())
	_, err := unix.Write(fd, make([]byte, 3*requestSize))
	require.NoError(t, err)
	n, err := unix.Read(fd, make([]byte, 100))
	require.True(t, n == 0 || errors.Is(err, unix.ECONNRESET), "%d bytes, %v", n, err)

	// Graphs, descriptions and kernels of noise are refused, and so is everything after what could not be told at once.
	e, _ := session(t, p, "a")
	c := e.(*client)
	for _, v := range []verb{doAlloc, doKernel, doDownload} {
		_, err := c.ask(&request{verb: v, a: 5, at: 8, size: 1 << 20})
		var fault *op.Error
		require.ErrorAs(t, err, &fault)
	}
	require.NoError(t, c.send(&request{verb: doSubmit, a: 1, size: 1 << 20}))
	_, err = c.ask(&request{verb: doWait, a: 1})
	requireFault(t, op.BadGraph, err)
	_, err = c.ask(&request{verb: doAlloc})
	requireFault(t, op.BadGraph, err)
	require.NoError(t, sums(t, good))
}

// FuzzSession feeds a session whatever bytes: it must end, having answered what was well formed.
func FuzzSession(f *testing.F) {
	var head []byte
	for _, r := range []request{{verb: doInfo}, {verb: doAlloc, size: 13}, {verb: doSync}, {verb: doWait, a: 1, b: 1}} {
		head = r.append(head)
	}
	f.Add(head, appendDesc(nil, op.Desc{DType: op.F32, Shape: []int64{4}}))
	h := uint64(1<<32 | 1)
	for _, r := range []request{{verb: doUpload, a: h, size: 16}, {verb: doDownload, a: h, at: 4, size: 8}, {verb: doFree, a: h}, {verb: doKernel, size: 64}} {
		head = r.append(head)
	}
	f.Add(head, appendDesc(nil, op.Desc{DType: op.F32, Shape: []int64{4}}))
	f.Add((&request{verb: doSubmit, a: 1, size: 64}).append(nil), sumGraph(op.Handle(h), op.Handle(h+1)))
	f.Add([]byte{1, 2, 3}, []byte{})
	mem := make([]byte, stagingSize)
	f.Fuzz(func(t *testing.T, sent, staged []byte) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		s := &server{fd: pair[1], mem: mem, exec: OnCPU(&testMachine{}, nil, 1<<16), work: 1 << 20, patience: func() time.Duration { return 0 }}
		clear(mem[copy(mem[:1<<16], staged) : 1<<16])
		ended := make(chan error, 1)
		go func() { ended <- s.run(); _ = unix.Close(pair[1]) }()
		go func() {
			_, _ = unix.Write(pair[0], sent[:min(len(sent), 64*requestSize)])
			_ = unix.Shutdown(pair[0], unix.SHUT_WR)
		}()
		readReplies(t, pair[0])
		require.NoError(t, <-ended)
		_ = unix.Close(pair[0])
	})
}

func readReplies(t *testing.T, fd int) {
	c := &client{fd: fd}
	for {
		var head [replyHead]byte
		if err := c.readFull(head[:]); err != nil {
			require.True(t, errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET), "%v", err)
			return
		}
		_, n, err := readReply(&head)
		require.NoError(t, err)
		require.NoError(t, c.readFull(make([]byte, n)))
		require.LessOrEqual(t, binary.LittleEndian.Uint16(head[2:]), uint16(maxText))
	}
}

func TestNobodyWaitsForeverForAValue(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	staging, memfd, err := newStaging()
	require.NoError(t, err)
	defer unix.Munmap(staging)
	require.NoError(t, greet(pair[1], memfd)) // a worker that says nothing from here on
	var fault *op.Error
	require.ErrorAs(t, Retrieve(pair[0], [32]byte{1}, 1, time.Millisecond, io.Discard), &fault)
	require.Equal(t, op.Lost, fault.Fault)
	require.Contains(t, fault.Detail, "does not answer")
}

// A signal, as the end of any child is, must not be taken for the end of a session whose socket has a timeout: such a call is not taken up again.
func TestSignalsEndNoGreeting(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	most := unix.NsecToTimeval(time.Minute.Nanoseconds())
	require.NoError(t, unix.SetsockoptTimeval(pair[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &most))
	thread, greeted := make(chan int), make(chan error)
	go func() {
		goruntime.LockOSThread()
		thread <- unix.Gettid()
		c := &client{fd: pair[0]}
		fd, err := c.greet()
		_ = unix.Close(fd)
		greeted <- err
	}()
	tid := <-thread
	for range 10_000 {
		require.NoError(t, unix.Tgkill(os.Getpid(), tid, unix.SIGURG))
	}
	staging, memfd, err := newStaging()
	require.NoError(t, err)
	require.NoError(t, greet(pair[1], memfd))
	defer unix.Munmap(staging)
	require.NoError(t, <-greeted)
}

// Who reaches no worker keeps none of its memory: a daemon may try often.
func TestFailedSessionsLeaveNothing(t *testing.T) {
	maps := func() int {
		text, err := os.ReadFile("/proc/self/maps")
		require.NoError(t, err)
		return strings.Count(string(text), "levee-staging")
	}
	before := maps()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	staging, memfd, err := newStaging()
	require.NoError(t, err)
	require.NoError(t, greet(pair[1], memfd))
	require.Equal(t, before+1, maps())
	require.NoError(t, unix.Munmap(staging))
	require.NoError(t, unix.Close(pair[1]))
	_, err = Dial(pair[0])
	requireFault(t, op.Lost, err)
	require.NoError(t, unix.Close(pair[0]))
	require.Equal(t, before, maps())
}
