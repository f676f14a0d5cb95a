package fake

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sys/unix"

	"levee/gpu/ptx"
)

// What a process asks for, with the numbers of c/cuda.c.
const (
	askLoad = iota + 1
	askUnload
	askFunction
	askLaunch
)

const maxRequest = 64 << 20

// process is one that has opened the library: its memory and its modules.
type process struct {
	c          *CUDA
	pid        int
	base       uint64
	data       []byte
	descending bool
	races      bool
	mem        *ptx.Memory
	mapped     map[uint64]uint64 // allocations that mem has: address to size
	modules    map[uint64]*ptx.Module
	functions  []entry
}

type entry struct {
	module uint64
	name   string
}

// serve answers a process until it goes.
func (c *CUDA) serve(conn *net.UnixConn) {
	defer c.forget(conn)
	p, err := c.hello(conn)
	if err != nil {
		return // it ended before it began
	}
	defer func() { _ = unix.Munmap(p.data) }()
	for {
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		n := binary.LittleEndian.Uint32(head[4:])
		if n > maxRequest {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		code, answer := p.answer(binary.LittleEndian.Uint32(head[:]), body)
		binary.LittleEndian.PutUint32(head[:], uint32(code))
		binary.LittleEndian.PutUint32(head[4:], uint32(len(answer)))
		if _, err := conn.Write(append(head[:], answer...)); err != nil {
			return
		}
	}
}

func (c *CUDA) forget(conn *net.UnixConn) {
	_ = conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, conn)
}

// hello takes the process's memory.
func (c *CUDA) hello(conn *net.UnixConn) (*process, error) {
	body, oob := make([]byte, 24), make([]byte, 64)
	n, k, _, _, err := conn.ReadMsgUnix(body, oob)
	if err != nil || n != len(body) {
		return nil, fmt.Errorf("no beginning: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:k])
	if err != nil || len(messages) != 1 {
		return nil, errors.New("no memory")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.New("no memory")
	}
	defer func() { _ = unix.Close(fds[0]) }()
	pid, err := peer(conn)
	if err != nil {
		return nil, err
	}
	data, err := unix.Mmap(fds[0], 0, int(binary.LittleEndian.Uint64(body[8:])), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	return &process{
		c: c, pid: pid, base: binary.LittleEndian.Uint64(body), data: data, descending: body[16]&1 != 0, races: body[16]&2 != 0,
		mem: ptx.NewMemory(), mapped: map[uint64]uint64{}, modules: map[uint64]*ptx.Module{},
	}, nil
}

// peer is the process at the other end.
func peer(conn *net.UnixConn) (pid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	if err := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}

// answer does what is asked for; the code is the driver's.
func (p *process) answer(what uint32, body []byte) (code int, answer []byte) {
	switch {
	case what == askLoad:
		m, err := ptx.Parse(string(body))
		if err != nil {
			return badPTX, []byte(err.Error())
		}
		id := uint64(len(p.modules) + 1)
		for p.modules[id] != nil {
			id++
		}
		p.modules[id] = m
		return 0, binary.LittleEndian.AppendUint64(nil, id)
	case what == askUnload && len(body) == 8:
		id := binary.LittleEndian.Uint64(body)
		if p.modules[id] == nil {
			return badHandle, nil
		}
		delete(p.modules, id)
		return 0, nil
	case what == askFunction && len(body) > 8:
		return p.function(binary.LittleEndian.Uint64(body), string(body[8:]))
	case what == askLaunch && len(body) >= 48:
		return p.launch(body)
	}
	return invalid, nil
}

// function gives an entry a number and says what it takes.
func (p *process) function(module uint64, name string) (code int, answer []byte) {
	m := p.modules[module]
	if m == nil {
		return badHandle, nil
	}
	use, err := m.Use(name)
	if f := (*ptx.Finding)(nil); errors.As(err, &f) && f.Kind == ptx.BadLaunch {
		return notFound, nil
	} else if errors.As(err, &f) {
		p.c.found(f)
		return codeOf(f), nil
	}
	p.functions = append(p.functions, entry{module, name})
	answer = binary.LittleEndian.AppendUint64(nil, uint64(len(p.functions)))
	for _, n := range []int{use.Threads, use.Shared, use.Local, 0} {
		answer = binary.LittleEndian.AppendUint32(answer, uint32(n))
	}
	return 0, answer
}

// launch runs a kernel on the allocations that there are.
func (p *process) launch(body []byte) (code int, answer []byte) {
	id := binary.LittleEndian.Uint64(body)
	var word [10]uint32
	for i := range word {
		word[i] = binary.LittleEndian.Uint32(body[8+4*i:])
	}
	n, count := uint64(word[7]), uint64(word[8])
	if uint64(len(body)) != 48+n+16*count {
		return invalid, nil
	}
	if id == 0 || id > uint64(len(p.functions)) || p.modules[p.functions[id-1].module] == nil {
		return badHandle, nil
	}
	if err := p.remap(body[48+n:]); err != nil {
		return invalid, []byte(err.Error())
	}
	f := p.functions[id-1]
	if code := p.c.faultOf(p.pid, f.name); code != 0 {
		return code, nil
	}
	traffic, done := p.c.counter(f.name)
	defer done()
	err := p.modules[f.module].Launch(p.mem, ptx.Launch{
		Kernel: f.name, Grid: ptx.Dim{X: word[0], Y: word[1], Z: word[2]}, Block: ptx.Dim{X: word[3], Y: word[4], Z: word[5]}, Shared: int(word[6]),
		Params: body[48 : 48+n : 48+n], Descending: p.descending, Races: p.races, Traffic: traffic,
	})
	if found := (*ptx.Finding)(nil); errors.As(err, &found) {
		p.c.found(found)
		return codeOf(found), []byte(found.Error())
	}
	return 0, nil
}

// remap makes the interpreter's memory have the allocations that the process has.
func (p *process) remap(list []byte) error {
	now := map[uint64]uint64{}
	for ; len(list) > 0; list = list[16:] {
		now[binary.LittleEndian.Uint64(list)] = binary.LittleEndian.Uint64(list[8:])
	}
	for at, size := range p.mapped {
		if now[at] != size {
			delete(p.mapped, at)
			if err := p.mem.Free(at); err != nil {
				return err
			}
		}
	}
	for at, size := range now {
		if _, ok := p.mapped[at]; ok {
			continue
		}
		off := at - p.base
		if off > uint64(len(p.data)) || size > uint64(len(p.data))-off {
			return fmt.Errorf("%d bytes at %#x are not the device's", size, at)
		}
		if err := p.mem.Map(at, p.data[off:][:size:size]); err != nil {
			return err
		}
		p.mapped[at] = size
	}
	return nil
}
