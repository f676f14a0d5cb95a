//go:build linux

package runtime

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMessages(t *testing.T) {
	call := callMsg{seq: 9, abi: Stdio, export: "f", outputs: 2, streams: []int64{1}, limits: Limits{Memory: 1, Output: 2, Log: 3, Companion: 4}, seed: [32]byte{4},
		args: []string{"a", ""}, types: []string{"int", "bytes", "any"},
		inputs: []wireValue{{how: valueInline, bytes: []byte("xy"), size: 2, fd: -1}, {how: valueFD, size: 70, fd: 5}, {how: valueAbsent, fd: -1}}, outputTypes: []string{"image"}, digests: [][32]byte{{1}, {2}}, heads: [][]byte{{}, []byte("h")}, referable: []int64{0}, handed: true, handedFD: 6}
	var got callMsg
	require.NoError(t, got.read(call.append(nil), []int{5, 6}))
	require.Equal(t, call, got)
	require.Error(t, got.read(call.append(nil), []int{5}), "a descriptor is missing")
	require.Error(t, got.read(call.append(nil), []int{5, 6, 7}), "one too many")

	res := resultMsg{seq: 3, exit: 7, elapsed: time.Second, held: time.Minute, peak: 65536, device: true,
		outputs: []wireValue{{how: valueFD, size: 1, fd: 8}}, streams: streams{log: []byte("l"), stdout: []byte{}, stderr: []byte("e"), dropped: 5}}
	r, err := readResult(res.append(nil), []int{8})
	require.NoError(t, err)
	require.Equal(t, res, r)
	failed := resultMsg{seq: 3, code: CodeExit, detail: "d", exit: 7, streams: streams{log: []byte{}, stdout: []byte{}, stderr: []byte{}}}
	r, err = readResult(failed.append(nil), nil)
	require.NoError(t, err)
	require.Equal(t, failed, r)
	for what, bad := range map[string]resultMsg{
		"outputs of a failed call":    {code: CodeTrap, outputs: []wireValue{{}}},
		"a code that is the daemon's": {code: CodeTimeout},
		"a long reason":               {code: CodeFailed, detail: strings.Repeat("x", maxDetail+1)},
		"a long log":                  {streams: streams{stderr: make([]byte, streamMax+1)}},
	} {
		_, err = readResult(bad.append(nil), nil)
		require.ErrorIs(t, err, errFrame, what)
	}
	for _, bad := range []loadedMsg{{code: CodeTrap}, {code: CodeCompile, detail: strings.Repeat("x", maxMessage+1)}} {
		_, err = readLoaded(bad.append(nil))
		require.ErrorIs(t, err, errFrame)
	}

	load := loadMsg{size: 4, dir: "/d", compile: true, weak: true, ahead: true, funcs: [][2]string{{"a", "b"}}}
	l, err := readLoad(load.append(nil))
	require.NoError(t, err)
	require.Equal(t, load, l)

	ask := askMsg{seq: 1, op: askWrite, name: "p", port: 2, data: wireValue{how: valueFD, size: 3, fd: 4}}
	a, err := readAsk(ask.append(nil), []int{4})
	require.NoError(t, err)
	require.Equal(t, ask, a)
	_, err = readAsk((&askMsg{op: askRead, name: strings.Repeat("x", maxName+1)}).append(nil), nil)
	require.ErrorIs(t, err, errFrame, "a long name")

	item := itemMsg{seq: 1, port: 2, wait: true, data: wireValue{how: valueFD, size: 3, fd: 4}}
	i, err := readItem(item.append(nil), []int{4})
	require.NoError(t, err)
	require.Equal(t, item, i)
	_, err = readItem(item.append(nil), []int{4, 5})
	require.Error(t, err, "one too many")

	p, err := readProgress((&progressMsg{1, -2, 3}).append(nil))
	require.NoError(t, err)
	require.Equal(t, progressMsg{1, -2, 3}, p)
}

func TestFrames(t *testing.T) {
	b, start := beginFrame(nil, frameCall)
	b = endFrame(append(b, "payload"...), start, 3)
	for n := range len(b) {
		_, used, err := cutFrame(b[:n])
		require.NoError(t, err)
		require.Zero(t, used)
	}
	f, n, err := cutFrame(append(b, 1, 2, 3))
	require.NoError(t, err)
	require.Equal(t, len(b), n)
	require.Equal(t, frame{frameCall, 3, []byte("payload")}, f)
	for _, size := range []uint32{0, 1, maxFrame + 1, 1 << 31, 1<<32 - 1} {
		_, _, err := cutFrame(append(binary.LittleEndian.AppendUint32(nil, size), 1, 0))
		require.ErrorIs(t, err, errFrame, "length %d", size)
	}
	_, _, err = cutFrame([]byte{2, 0, 0, 0, 1, 255})
	require.ErrorIs(t, err, errFrame)
}

// FuzzFrames reads whatever comes as frames, and each frame as every message: no panic, no memory beyond the input's.
func FuzzFrames(f *testing.F) {
	add := func(kind frameType, payload []byte) {
		b, start := beginFrame(nil, kind)
		f.Add(endFrame(append(b, payload...), start, 0))
	}
	add(frameCall, (&callMsg{export: "f", types: []string{"int"}, inputs: []wireValue{{how: valueInline, bytes: []byte("abc")}}}).append(nil))
	add(frameResult, (&resultMsg{outputs: []wireValue{{how: valueInline, bytes: []byte("abc")}}}).append(nil))
	add(frameLoad, (&loadMsg{dir: "/x", funcs: [][2]string{{"a", "b"}}}).append(nil))
	add(frameAsk, (&askMsg{op: askRead, name: "x"}).append(nil))
	add(frameAnswer, (&answerMsg{problem: "p"}).append(nil))
	add(frameItem, (&itemMsg{seq: 1, port: 1, data: wireValue{how: valueInline, bytes: []byte("abc")}}).append(nil))
	add(frameProgress, (&progressMsg{1, 2, 3}).append(nil))
	add(frameProbed, appendProbes(nil, []Probe{{"a", true, "b"}}))
	add(frameLoaded, (&loadedMsg{code: "x"}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			fr, n, err := cutFrame(b)
			if err != nil || n == 0 {
				return
			}
			b = b[n:]
			fds := []int{3, 4}[:min(fr.fds, 2)]
			var call callMsg
			if call.read(fr.payload, fds) == nil {
				var again callMsg
				require.NoError(t, again.read(call.append(nil), fds))
				require.Equal(t, call.inputs, again.inputs)
			}
			if res, err := readResult(fr.payload, fds); err == nil {
				res.streams.lines()
			}
			_, _ = readLoad(fr.payload)
			_, _ = readAsk(fr.payload, fds)
			_, _ = readAnswer(fr.payload, fds)
			_, _ = readItem(fr.payload, fds)
			_, _ = readProgress(fr.payload)
			_, _ = readLoaded(fr.payload)
			_, _ = readProbes(fr.payload)
		}
	})
}

// fakeWorker gives an engine's worker another process: one that the test plays itself.
func fakeWorker(t *testing.T, e *Engine) (*worker, int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	ours := os.NewFile(uintptr(pair[0]), "")
	c, err := net.FileConn(ours)
	require.NoError(t, err)
	require.NoError(t, ours.Close())
	conn := c.(*net.UnixConn)
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	_, b, err := boardFor(t)
	require.NoError(t, err)
	stderr, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	proc, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{})
	require.NoError(t, err)
	w := &worker{eng: e, board: b, stderr: stderr, proc: proc, conn: conn, raw: raw, hello: make(chan error, 1),
		loaded: make(chan loadedMsg, 1), probed: make(chan []Probe, 1), gone: make(chan struct{}), in: newInbox()}
	e.wg.Go(w.read)
	t.Cleanup(func() { _ = unix.Close(pair[1]) })
	return w, pair[1]
}

func boardFor(t *testing.T) (int, *board, error) {
	fd, b, err := newBoard()
	if err == nil {
		t.Cleanup(func() { _ = unix.Close(fd) })
	}
	return fd, b, err
}

// bind makes the fake worker one that holds m and is idle.
func (w *worker) bind(e *Engine, m *Module) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := &bound{key: boundKey{hash: m.Hash}, mod: m}
	e.pool.bounds[b.key] = b
	e.pool.workers[w] = struct{}{}
	w.run.bound, w.run.ready = b, true
	b.workers = append(b.workers, w)
}

// A worker is not trusted: whatever it sends, the call fails and the daemon goes on.
func TestWorkerSendsNonsense(t *testing.T) {
	unsealed := func(t *testing.T) int {
		fd, err := unix.MemfdCreate("x", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		require.NoError(t, err)
		require.NoError(t, unix.Ftruncate(fd, 100))
		return fd
	}
	frameOf := func(kind frameType, payload []byte, fds int) []byte {
		b, start := beginFrame(nil, kind)
		return endFrame(append(b, payload...), start, fds)
	}
	valueOf := func(v wireValue) []byte { return (&resultMsg{seq: 1, outputs: []wireValue{v}}).append(nil) }
	for name, tc := range map[string]struct {
		frame []byte
		fd    func(t *testing.T) int
	}{
		"garbage":            {frame: bytes.Repeat([]byte{0xa5}, 100)},
		"4 GiB frame":        {frame: []byte{0xff, 0xff, 0xff, 0xff, byte(frameResult), 0}},
		"unknown type":       {frame: frameOf(99, nil, 0)},
		"answer to nothing":  {frame: frameOf(frameHello, appendBytes(nil, EngineVersion()), 0)},
		"truncated result":   {frame: frameOf(frameResult, []byte{1, 200}, 0)},
		"another call's":     {frame: frameOf(frameResult, (&resultMsg{seq: 77, outputs: make([]wireValue, 1)}).append(nil), 0)},
		"too many outputs":   {frame: frameOf(frameResult, (&resultMsg{seq: 1, outputs: make([]wireValue, 2)}).append(nil), 0)},
		"too much output":    {frame: frameOf(frameResult, valueOf(wireValue{how: valueInline, bytes: make([]byte, 2000)}), 0)},
		"missing descriptor": {frame: frameOf(frameResult, valueOf(wireValue{how: valueFD, size: 100}), 1)},
		"unsealed value":     {frame: frameOf(frameResult, valueOf(wireValue{how: valueFD, size: 100}), 1), fd: unsealed},
		"value that is a file": {frame: frameOf(frameResult, valueOf(wireValue{how: valueFD, size: 100}), 1), fd: func(t *testing.T) int {
			fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			require.NoError(t, err)
			return fd
		}},
		"lie about the size": {frame: frameOf(frameResult, valueOf(wireValue{how: valueFD, size: 100}), 1), fd: func(t *testing.T) int {
			fd, err := sealedCopy(make([]byte, 10))
			require.NoError(t, err)
			return fd
		}},
		"item of no stream":  {frame: frameOf(frameItem, (&itemMsg{seq: 1, data: wireValue{how: valueInline}}).append(nil), 0)},
		"unasked descriptor": {frame: frameOf(frameProgress, (&progressMsg{seq: 1}).append(nil), 1), fd: unsealed},
	} {
		t.Run(name, func(t *testing.T) {
			e, m := newEngine(t, func(c *Config) { c.Workers = 1 }), guestModule(t)
			w, theirs := fakeWorker(t, e)
			w.bind(e, m)
			done := make(chan error, 1)
			go func() {
				_, err := run(t, e, m, "silent", func(c *Call) { c.Limits.Output = 1000; c.Limits.Time = patience })
				done <- err
			}()
			_, err := unix.Read(theirs, make([]byte, 4096))
			require.NoError(t, err)
			var oob []byte
			if tc.fd != nil {
				fd := tc.fd(t)
				defer unix.Close(fd)
				oob = unix.UnixRights(fd)
			}
			_, err = unix.SendmsgN(theirs, tc.frame, oob, nil, unix.MSG_NOSIGNAL)
			require.NoError(t, err)
			err = <-done
			var ge *Error
			require.ErrorAs(t, err, &ge)
			require.Equal(t, CodeCrash, ge.Code)
			require.Contains(t, ge.Detail, "nonsense")
			<-w.gone
			_, err = run(t, e, m, "silent")
			require.NoError(t, err)
		})
	}
}
