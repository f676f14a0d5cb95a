//go:build linux

package runtime

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCompileOnce(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := run(t, e, m, "silent")
			require.NoError(t, err)
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), e.Stats().Compiled)
}

// slowModule takes the compiler longer than anybody waits: nested loops over many locals.
func slowModule(t testing.TB, depth int) *Module {
	t.Helper()
	leb := func(n int) []byte {
		var b []byte
		for {
			c := byte(n & 0x7f)
			n >>= 7
			if n == 0 {
				return append(b, c)
			}
			b = append(b, c|0x80)
		}
	}
	var body []byte
	body = append(body, 1)
	body = append(append(body, leb(depth)...), 0x7f)
	for range depth {
		body = append(body, 0x03, 0x40)
	}
	for i := range depth {
		body = append(append(body, 0x20), leb(i)...)
		body = append(body, 0x41, 1, 0x6a, 0x22)
		body = append(body, leb(i)...)
		body = append(body, 0x0d, 0, 0x0b)
	}
	body = append(body, 0x0b)
	code := append(append([]byte{1}, leb(len(body))...), body...)
	b := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a")
	b = append(append(b, leb(len(code))...), code...)
	m, err := NewModule("slow", b, nil)
	require.NoError(t, err)
	return m
}

func TestCompileTimeout(t *testing.T) {
	e := newEngine(t, func(c *Config) { c.CompileTime = 300 * time.Millisecond })
	e.busy = 1000
	slow := slowModule(t, 500)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			_, err := run(t, e, slow, "f")
			var ge *Error
			require.ErrorAs(t, err, &ge)
			require.Equal(t, CodeCompileTimeout, ge.Code)
			require.Equal(t, "compile time 300ms", ge.Limit)
			require.Equal(t, "n", ge.Node)
		})
	}
	_, err := run(t, e, guestModule(t), "silent")
	require.NoError(t, err, "another module is not held up")
	wg.Wait()
}

func TestLargeModulesMayCompileLonger(t *testing.T) {
	e := &Engine{cfg: Config{CompileTime: 10 * time.Second}}
	for size, want := range map[int]time.Duration{300: 10 * time.Second, 3_422_875: 18200 * time.Millisecond, 4 << 20: 20 * time.Second, 32 << 20: 90 * time.Second} {
		require.Equal(t, want, e.compileTime(size), size)
	}
}

// What cannot be compiled costs all that compiling may cost: once, and not for each call.
func TestFailureToCompileIsRemembered(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, func(c *Config) { c.CompileTime, c.Dir = 300*time.Millisecond, dir })
	e.busy = 1000
	slow := slowModule(t, 500)
	invalid, err := NewModule("invalid", []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x05\x01\x03\x00\x6a\x0b"), nil) // adds what is not there
	require.NoError(t, err)
	codes := map[*Module]string{slow: CodeCompileTimeout, invalid: CodeCompile}
	for m, code := range codes {
		_, err := run(t, e, m, "f")
		var ge *Error
		require.ErrorAs(t, err, &ge)
		require.Equal(t, code, ge.Code, ge.Detail)
	}
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(filepath.Join(dir, "staging"))
		return err == nil && len(left) == 0
	}, patience, time.Millisecond, "what they left behind")
	require.NoError(t, os.Remove(filepath.Join(dir, "staging")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "staging"), nil, 0o600)) // another attempt would end otherwise
	for m, code := range codes {
		_, err := run(t, e, m, "f")
		var ge *Error
		require.ErrorAs(t, err, &ge)
		require.Equal(t, code, ge.Code, ge.Detail)
	}
}

// The engine's folder lies in a cache, which people delete.
func TestFolderIsDeletedWhileInUse(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, func(c *Config) { c.Dir = dir })
	require.NoError(t, os.RemoveAll(dir))
	_, err := run(t, e, guestModule(t), "silent")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return e.native.has(guestModule(t).Hash) }, patience, time.Millisecond)
}

func TestNativeCodeIsBounded(t *testing.T) {
	s, err := openNative(t.TempDir())
	require.NoError(t, err)
	put := func(n byte) [32]byte {
		staging, err := s.stage()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(staging, "code"), make([]byte, 1000), 0o600))
		require.NoError(t, s.adopt([32]byte{n}, staging))
		at := time.Unix(int64(n), 0)
		require.NoError(t, os.Chtimes(s.place([32]byte{n}), at, at))
		return [32]byte{n}
	}
	a, b, c := put(1), put(2), put(3)
	s.used(a)
	left, err := os.MkdirTemp(s.path("native"), "new-*")
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(left, time.Unix(0, 0), time.Unix(0, 0)))
	require.NoError(t, s.trim(2500, c))
	require.Equal(t, []bool{true, false, true}, []bool{s.has(a), s.has(b), s.has(c)})
	require.NoDirExists(t, left)
	require.NoError(t, s.trim(0, c))
	require.Equal(t, []bool{false, true}, []bool{s.has(a), s.has(c)})
	require.NoError(t, s.verify(c))
}

// A worker that was taken over while it compiled leaves what it likes.
func TestForeignNativeCodeIsBounded(t *testing.T) {
	s, err := openNative(t.TempDir())
	require.NoError(t, err)
	for _, leave := range []func(name string) error{
		func(name string) error { return os.WriteFile(name, nil, 0o600) },
		func(name string) error { return os.Mkdir(name, 0o700) },
	} {
		staging, err := s.stage()
		require.NoError(t, err)
		for i := range maxNativeFile + 1 {
			require.NoError(t, leave(filepath.Join(staging, strconv.Itoa(i))))
		}
		require.ErrorContains(t, s.adopt([32]byte{1}, staging), "too many")
		require.NoDirExists(t, staging)
		require.False(t, s.has([32]byte{1}))
	}
}

// afterARun looks at an engine of its own, whose folder is dir, once a module has run in it.
func afterARun(t *testing.T, dir string, m *Module, look func(e *Engine)) {
	t.Helper()
	e, err := New(Config{Dir: dir})
	require.NoError(t, err)
	defer e.Close()
	_, err = run(t, e, m, "silent")
	require.NoError(t, err)
	look(e)
}

func TestChangedNativeCode(t *testing.T) {
	dir, m := t.TempDir(), guestModule(t)
	in := func(f func(e *Engine)) { afterARun(t, dir, m, f) }
	code := func() string {
		names, err := filepath.Glob(dir + "/native/*/*/*")
		require.NoError(t, err)
		require.Len(t, names, 1)
		return names[0]
	}
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Eventually(t, func() bool { return e.native.has(m.Hash) }, patience, time.Millisecond)
	})
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Loaded)
		require.Zero(t, e.Stats().Compiled)
	})
	st, err := os.Stat(code())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), st.Mode().Perm())

	b, err := os.ReadFile(code())
	require.NoError(t, err)
	b[len(b)/2] ^= 1
	require.NoError(t, os.Chmod(code(), 0o600))
	require.NoError(t, os.WriteFile(code(), b, 0o600))
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled, "changed code is not run")
		require.Eventually(t, func() bool { return e.native.verify(m.Hash) == nil }, patience, time.Millisecond)
	})

	// A hard link is somebody else's handle on the file.
	require.NoError(t, os.Link(code(), dir+"/link"))
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Eventually(t, func() bool { return e.native.verify(m.Hash) == nil }, patience, time.Millisecond)
	})

	// Another key vouches for nothing.
	require.NoError(t, os.Chmod(dir+"/"+keyName, 0o644))
	in(func(e *Engine) { require.Equal(t, int64(1), e.Stats().Compiled) })
}

func TestForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err := New(Config{Dir: dir})
	require.ErrorContains(t, err, "written by others")
	_, err = New(Config{})
	require.Error(t, err)
	_, err = New(Config{Dir: t.TempDir(), Isolation: "none"})
	require.Error(t, err)
	_, err = New(Config{Dir: t.TempDir(), Executable: "/bin/true"})
	require.ErrorContains(t, err, "runtime.WorkerMain")
}

func TestTwoEnginesShareADirectory(t *testing.T) {
	dir, m := t.TempDir(), guestModule(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			e, err := New(Config{Dir: dir})
			require.NoError(t, err)
			defer e.Close()
			for range 3 {
				_, err = run(t, e, m, "silent")
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
}

func TestEngineVersionIsThatOfTheModule(t *testing.T) {
	b, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	require.Contains(t, string(b), "github.com/tetratelabs/wazero "+wazeroVersion)
}

// Native code that is not found with the stub of a module is made again: the stub alone would be a module that traps.
func TestStubWithoutItsNativeCode(t *testing.T) {
	dir, m := t.TempDir(), guestModule(t)
	in := func(f func(e *Engine)) { afterARun(t, dir, m, f) }
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Eventually(t, func() bool { return e.native.has(m.Hash) }, patience, time.Millisecond)
		place := e.native.place(m.Hash)
		names, err := filepath.Glob(place + "/*/*")
		require.NoError(t, err)
		require.Len(t, names, 1)
		require.NoError(t, os.Rename(names[0], names[0]+"0")) // as on a processor of another kind
		sum, err := e.native.mac(m.Hash, place, nil)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(filepath.Join(place, macName), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(place, macName), sum, 0o600))
	})
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Zero(t, e.Stats().Crashed)
		require.Eventually(t, func() bool { return e.native.verify(m.Hash) == nil }, patience, time.Millisecond)
	})
	in(func(e *Engine) { require.Equal(t, int64(1), e.Stats().Loaded) })
}
