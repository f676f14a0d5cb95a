//go:build linux

package runtime

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"levee/runtime/wasm"
)

// A deterministic part of WASI preview 1: what compilers emit for programs that compute. No files, no environment, a
// clock that counts its readings, randomness from the call's seed. Guests see errno where there is nothing.
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md

const (
	errnoSuccess = 0
	errnoBadf    = 8
	errnoFault   = 21
	errnoInval   = 28
	errnoNosys   = 52
	errnoNotsup  = 58
	errnoSpipe   = 70

	// clockStart is the first reading of the clock, 2020-01-01 UTC: old enough for certificates and file formats to
	// take it, new enough for programs that refuse 1970.
	clockStart = int64(1577836800) * int64(time.Second)
	clockStep  = int64(time.Millisecond)

	// maxRandom bounds one random_get, maxVectors one fd_write or fd_read, maxPolls one poll_oneoff.
	maxRandom  = 1 << 20
	maxVectors = 1024
	maxPolls   = 1024
)

type wasiFunc = func(g *guest, mem api.Memory, s []uint64) uint32

// wasi makes a host function of one that returns an errno.
func wasi(params string, f wasiFunc) hostFunc {
	return hostFunc{wasm.Func(params, "i32"), 0, func(g *guest, mem api.Memory, s []uint64) {
		s[0] = uint64(f(g, mem, s))
	}}
}

func errno(e uint32) wasiFunc {
	return func(*guest, api.Memory, []uint64) uint32 { return e }
}

var wasiFuncs = map[string]hostFunc{
	"args_get":            wasi("i32 i32", argsGet),
	"args_sizes_get":      wasi("i32 i32", argsSizesGet),
	"environ_get":         wasi("i32 i32", errno(errnoSuccess)),
	"environ_sizes_get":   wasi("i32 i32", environSizesGet),
	"clock_res_get":       wasi("i32 i32", clockResGet),
	"clock_time_get":      wasi("i32 i64 i32", clockTimeGet),
	"random_get":          wasi("i32 i32", randomGet),
	"fd_write":            wasi("i32 i32 i32 i32", fdWrite),
	"fd_read":             wasi("i32 i32 i32 i32", fdRead),
	"fd_close":            wasi("i32", fdClose),
	"fd_seek":             wasi("i32 i64 i32 i32", fdSeek),
	"fd_tell":             wasi("i32 i32", fdSeek),
	"fd_fdstat_get":       wasi("i32 i32", fdFdstatGet),
	"fd_fdstat_set_flags": wasi("i32 i32", fdFdstatSetFlags),
	"fd_filestat_get":     wasi("i32 i32", fdFilestatGet),
	"fd_prestat_get":      wasi("i32 i32", errno(errnoBadf)),
	"fd_prestat_dir_name": wasi("i32 i32 i32", errno(errnoBadf)),
	"poll_oneoff":         wasi("i32 i32 i32 i32", pollOneoff),
	"sched_yield":         wasi("", errno(errnoSuccess)),
	"proc_exit":           {wasm.Func("i32", ""), 0, procExit},
	"proc_raise":          wasi("i32", errno(errnoNosys)),

	// There are no files. Compilers link these into programs that never call them.
	"fd_advise":               wasi("i32 i64 i64 i32", errno(errnoBadf)),
	"fd_allocate":             wasi("i32 i64 i64", errno(errnoBadf)),
	"fd_datasync":             wasi("i32", errno(errnoBadf)),
	"fd_fdstat_set_rights":    wasi("i32 i64 i64", errno(errnoBadf)),
	"fd_filestat_set_size":    wasi("i32 i64", errno(errnoBadf)),
	"fd_filestat_set_times":   wasi("i32 i64 i64 i32", errno(errnoBadf)),
	"fd_pread":                wasi("i32 i32 i32 i64 i32", errno(errnoBadf)),
	"fd_pwrite":               wasi("i32 i32 i32 i64 i32", errno(errnoBadf)),
	"fd_readdir":              wasi("i32 i32 i32 i64 i32", errno(errnoBadf)),
	"fd_renumber":             wasi("i32 i32", errno(errnoBadf)),
	"fd_sync":                 wasi("i32", errno(errnoBadf)),
	"path_create_directory":   wasi("i32 i32 i32", errno(errnoBadf)),
	"path_filestat_get":       wasi("i32 i32 i32 i32 i32", errno(errnoBadf)),
	"path_filestat_set_times": wasi("i32 i32 i32 i32 i64 i64 i32", errno(errnoBadf)),
	"path_link":               wasi("i32 i32 i32 i32 i32 i32 i32", errno(errnoBadf)),
	"path_open":               wasi("i32 i32 i32 i32 i32 i64 i64 i32 i32", errno(errnoBadf)),
	"path_readlink":           wasi("i32 i32 i32 i32 i32 i32", errno(errnoBadf)),
	"path_remove_directory":   wasi("i32 i32 i32", errno(errnoBadf)),
	"path_rename":             wasi("i32 i32 i32 i32 i32 i32", errno(errnoBadf)),
	"path_symlink":            wasi("i32 i32 i32 i32 i32", errno(errnoBadf)),
	"path_unlink_file":        wasi("i32 i32 i32", errno(errnoBadf)),
}

// args are what the program sees as its command line: its name, then the call's.
func (c *callState) args() []string {
	if c.msg.abi != Stdio {
		return nil
	}
	return append([]string{"node"}, c.msg.args...)
}

func put32(mem api.Memory, ptr uint64, v uint32) uint32 {
	if !mem.WriteUint32Le(u32(ptr), v) {
		return errnoFault
	}
	return errnoSuccess
}

func argsSizesGet(g *guest, mem api.Memory, s []uint64) uint32 {
	args, size := g.call.args(), 0
	for _, a := range args {
		size += len(a) + 1
	}
	return put32(mem, s[0], uint32(len(args))) | put32(mem, s[1], uint32(size))
}

func argsGet(g *guest, mem api.Memory, s []uint64) uint32 {
	table, at := uint64(u32(s[0])), uint64(u32(s[1]))
	for i, a := range g.call.args() {
		if put32(mem, table+4*uint64(i), uint32(at)) != errnoSuccess || !mem.WriteString(uint32(at), a+"\x00") {
			return errnoFault
		}
		at += uint64(len(a)) + 1
	}
	return errnoSuccess
}

func environSizesGet(_ *guest, mem api.Memory, s []uint64) uint32 {
	return put32(mem, s[0], 0) | put32(mem, s[1], 0)
}

func clockResGet(_ *guest, mem api.Memory, s []uint64) uint32 {
	if u32(s[0]) > 3 {
		return errnoInval
	}
	if !mem.WriteUint64Le(u32(s[1]), uint64(clockStep)) {
		return errnoFault
	}
	return errnoSuccess
}

// clockTimeGet gives every clock the same reading: a fixed start and a millisecond more at each reading.
func clockTimeGet(g *guest, mem api.Memory, s []uint64) uint32 {
	if u32(s[0]) > 3 {
		return errnoInval
	}
	g.call.clock += clockStep
	if !mem.WriteUint64Le(u32(s[2]), uint64(clockStart+g.call.clock)) {
		return errnoFault
	}
	return errnoSuccess
}

func randomGet(g *guest, mem api.Memory, s []uint64) uint32 {
	n := u32(s[1])
	if n > maxRandom {
		return errnoInval
	}
	b, ok := mem.Read(u32(s[0]), n)
	if !ok {
		return errnoFault
	}
	if g.call.random == nil {
		g.call.random = rand.NewChaCha8(g.call.msg.seed)
	}
	_, _ = g.call.random.Read(b)
	return errnoSuccess
}

// vectors calls f with each part of memory that a list of (pointer, length) names.
func vectors(mem api.Memory, ptr, n uint64, f func([]byte) bool) uint32 {
	if u32(n) > maxVectors {
		return errnoInval
	}
	list, ok := mem.Read(u32(ptr), 8*u32(n))
	if !ok {
		return errnoFault
	}
	for ; len(list) > 0; list = list[8:] {
		b, ok := mem.Read(binary.LittleEndian.Uint32(list), binary.LittleEndian.Uint32(list[4:]))
		if !ok {
			return errnoFault
		}
		if !f(b) {
			break
		}
	}
	return errnoSuccess
}

func fdWrite(g *guest, mem api.Memory, s []uint64) uint32 {
	c, total := &g.call, uint64(0)
	fd := u32(s[0])
	if fd != 1 && fd != 2 {
		return errnoBadf
	}
	e := vectors(mem, s[1], s[2], func(b []byte) bool {
		total += uint64(len(b))
		switch {
		case fd == 2:
			c.streams.addTo(&c.streams.stderr, b, c.msg.limits.Log)
		case c.msg.abi == Stdio && len(c.outputs) > 0:
			c.write(0, b)
		default:
			c.streams.addTo(&c.streams.stdout, b, c.msg.limits.Log)
		}
		return true
	})
	g.board.note(&c.streams)
	if e != errnoSuccess {
		return e
	}
	return put32(mem, s[3], uint32(min(total, math.MaxUint32)))
}

func fdRead(g *guest, mem api.Memory, s []uint64) uint32 {
	c, total := &g.call, 0
	if u32(s[0]) != 0 {
		return errnoBadf
	}
	e := vectors(mem, s[1], s[2], func(b []byte) bool {
		if c.msg.abi != Stdio || len(c.inputs) == 0 || c.inputs[0].how == valueAbsent {
			return false
		}
		n := c.inputs[0].readAt(b, uint64(c.stdin))
		c.stdin += int64(n)
		total += n
		return n == len(b)
	})
	if e != errnoSuccess {
		return e
	}
	return put32(mem, s[3], uint32(total))
}

func fdClose(_ *guest, _ api.Memory, s []uint64) uint32 {
	if u32(s[0]) > 2 {
		return errnoBadf
	}
	return errnoSuccess
}

func fdSeek(_ *guest, _ api.Memory, s []uint64) uint32 {
	if u32(s[0]) > 2 {
		return errnoBadf
	}
	return errnoSpipe
}

// fdFdstatGet says that the three streams are character devices, which makes C libraries buffer by lines and not seek.
func fdFdstatGet(_ *guest, mem api.Memory, s []uint64) uint32 {
	if u32(s[0]) > 2 {
		return errnoBadf
	}
	b, ok := mem.Read(u32(s[1]), 24)
	if !ok {
		return errnoFault
	}
	clear(b)
	b[0] = 2 // character device
	rights := uint64(1<<1 | 1<<6 | 1<<21)
	binary.LittleEndian.PutUint64(b[8:], rights) // fd_read, fd_write, fd_filestat_get
	return errnoSuccess
}

func fdFilestatGet(_ *guest, mem api.Memory, s []uint64) uint32 {
	if u32(s[0]) > 2 {
		return errnoBadf
	}
	b, ok := mem.Read(u32(s[1]), 64)
	if !ok {
		return errnoFault
	}
	clear(b)
	b[16] = 2
	return errnoSuccess
}

func fdFdstatSetFlags(_ *guest, _ api.Memory, s []uint64) uint32 {
	if u32(s[0]) > 2 {
		return errnoBadf
	}
	return errnoSuccess
}

// pollOneoff reports every subscription as ready at once: sleeping would only spend the call's time, and the clock
// goes on by as much as was asked, so that programs which wait for a time reach it.
func pollOneoff(g *guest, mem api.Memory, s []uint64) uint32 {
	n := u32(s[2])
	if n == 0 || n > maxPolls {
		return errnoInval
	}
	in, ok1 := mem.Read(u32(s[0]), 48*n)
	out, ok2 := mem.Read(u32(s[1]), 32*n)
	if !ok1 || !ok2 {
		return errnoFault
	}
	for i := range int(n) {
		sub, event := in[48*i:][:48], out[32*i:][:32]
		user, kind := binary.LittleEndian.Uint64(sub), sub[8]
		e := uint16(errnoSuccess)
		switch {
		case kind == 0: // clock: id at 16, timeout at 24, flags at 40
			timeout := binary.LittleEndian.Uint64(sub[24:])
			if binary.LittleEndian.Uint16(sub[40:])&1 != 0 {
				g.call.clock = max(g.call.clock, int64(min(timeout, 1<<62))-clockStart)
			} else {
				g.call.clock += int64(min(timeout, 1<<40))
			}
		case kind > 2:
			return errnoInval
		case binary.LittleEndian.Uint32(sub[16:]) > 2:
			e = errnoBadf
		}
		clear(event)
		binary.LittleEndian.PutUint64(event, user)
		binary.LittleEndian.PutUint16(event[8:], e)
		event[10] = kind
	}
	return put32(mem, s[3], n)
}

// procExit ends the call; wazero takes an ExitError for exactly that.
func procExit(_ *guest, _ api.Memory, s []uint64) { panic(sys.NewExitError(u32(s[0]))) }
