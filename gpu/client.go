package gpu

import (
	"encoding/json"
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"levee/gpu/op"
)

// half is the part of the staging memory that is filled while the worker takes in the other.
const half = stagingSize / 2

// client is the executor of a session whose tensors a GPU worker holds: its end of the session's socket. It knows what every handle is,
// so that it refuses what can be refused without asking; the worker believes none of it and checks again. What has no result is sent
// and not waited for.
type client struct {
	fd int
	reader
	mem     []byte // staging
	info    op.Info
	tensors map[op.Handle]op.Desc
	kernels map[op.Handle]op.Signature
	limits  op.Limits // of a graph; Temp is what tensors leave of the quota
	class   op.Class
	fence   uint64
	failed  error // what ended the session: nothing can be asked any more
	side    int   // the half of the staging memory that is being filled
	used    int   // bytes of it
	owed    int   // replies that are still to come: one for each half of the staging memory that the worker may not have taken in
	out     [requestSize]byte
	in      [replyHead]byte
}

// Dial begins a session on a socket that leads to a GPU worker. The socket stays the caller's.
func Dial(fd int) (Executor, error) {
	c := &client{fd: fd, tensors: map[op.Handle]op.Desc{}, kernels: map[op.Handle]op.Signature{}}
	staging, err := c.greet()
	if err != nil {
		return nil, c.lost(err)
	}
	if c.mem, err = takeStaging(staging); err != nil {
		return nil, c.lost(err)
	}
	r, err := c.ask(&request{verb: doInfo})
	var told about
	if err == nil {
		if err = json.Unmarshal([]byte(r.text), &told); err != nil {
			err = c.lost(err)
		}
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	c.info = op.Info{Kind: "cuda", Name: told.Name, Memory: told.Memory}
	c.limits = op.Limits{Temp: told.Memory, Work: told.Work}
	return c, nil
}

// greet takes the one byte and the descriptor with which a worker begins.
func (c *client) greet() (staging int, err error) {
	var b [1]byte
	oob := make([]byte, unix.CmsgSpace(4))
	var n, oobn int
	for {
		n, oobn, _, _, err = unix.Recvmsg(c.fd, b[:], oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR { // a socket that waits for so long only is not read on by itself
			break
		}
	}
	if err != nil {
		return -1, err
	}
	if n == 0 {
		return -1, io.EOF
	}
	if staging, err = oneDescriptor(oob[:oobn]); err == nil && staging < 0 {
		err = errors.New("a greeting without staging memory")
	}
	return staging, err
}

// lost ends the session: the worker is gone, or speaks nonsense.
func (c *client) lost(err error) error {
	if c.failed == nil {
		text := err.Error()
		if errors.Is(err, io.EOF) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
			text = "the process that held the tensors has ended"
		} else if errors.Is(err, unix.EAGAIN) {
			text = "the process that holds the tensors does not answer"
		}
		c.failed = op.Errorf(op.Lost, "%s", text)
	}
	return c.failed
}

// send sends a request.
func (c *client) send(r *request) error {
	if c.failed != nil {
		return c.failed
	}
	for b := r.append(c.out[:0]); len(b) > 0; {
		n, err := unix.SendmsgN(c.fd, b, nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			for gone := err == unix.EPIPE || err == unix.ECONNRESET; gone && c.failed == nil; { // what it said last says more
				_, _ = c.receive()
			}
			return c.lost(err)
		}
		b = b[n:]
	}
	return nil
}

// receive takes the next reply. An error is of the connection, not of the request.
func (c *client) receive() (reply, error) {
	if err := c.readFull(c.in[:]); err != nil {
		return reply{}, c.lost(err)
	}
	r, n, err := readReply(&c.in)
	if err != nil {
		return reply{}, c.lost(err)
	}
	if n > 0 {
		text := make([]byte, n)
		if err := c.readFull(text); err != nil {
			return reply{}, c.lost(err)
		}
		r.text = string(text)
	}
	c.class = max(c.class, r.class)
	if r.ended && r.fault != 0 {
		c.failed = &op.Error{Fault: r.fault, Detail: r.text}
	}
	return r, nil
}

func (c *client) readFull(b []byte) error {
	for len(b) > 0 {
		n, err := c.read(c.fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		default:
			b = b[n:]
		}
	}
	return nil
}

// ask sends a request and waits for its reply, which comes behind those that are owed; then nothing is under way any more.
func (c *client) ask(r *request) (reply, error) {
	if err := c.send(r); err != nil {
		return reply{}, err
	}
	return c.answer()
}

// sendWith sends a request with bytes that belong to it; askWith waits for its reply too.
func (c *client) sendWith(v verb, a uint64, p []byte) error {
	b, at, err := c.stage(len(p))
	if err != nil {
		return err
	}
	copy(b, p)
	return c.send(&request{verb: v, a: a, at: at, size: uint32(len(p))})
}

func (c *client) askWith(v verb, a uint64, p []byte) (reply, error) {
	if err := c.sendWith(v, a, p); err != nil {
		return reply{}, err
	}
	return c.answer()
}

// answer waits for the reply to what was sent last.
func (c *client) answer() (reply, error) {
	for ; c.owed > 0; c.owed-- {
		if _, err := c.receive(); err != nil {
			return reply{}, err
		}
	}
	got, err := c.receive()
	if err != nil {
		return got, err
	}
	c.used = 0
	if got.fault != 0 {
		return got, &op.Error{Fault: got.fault, Detail: got.text}
	}
	return got, nil
}

// stage gives n bytes of the staging memory, n being at most half of it. The worker may still be busy with the other half.
func (c *client) stage(n int) (b []byte, at uint32, err error) {
	if c.failed != nil {
		return nil, 0, c.failed
	}
	if c.used+n > half {
		if err := c.turn(); err != nil {
			return nil, 0, err
		}
	}
	at = uint32(c.side*half + c.used)
	c.used += n
	return c.mem[at:][:n:n], at, nil
}

// turn goes on in the other half, once the worker has taken in what was there. What went wrong meanwhile every later reply tells too.
func (c *client) turn() error {
	if err := c.send(&request{verb: doSync}); err != nil {
		return err
	}
	if c.owed++; c.owed > 1 {
		if _, err := c.receive(); err != nil {
			return err
		}
		c.owed--
	}
	c.side, c.used = 1-c.side, 0
	return nil
}
