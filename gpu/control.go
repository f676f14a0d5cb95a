package gpu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/op"
)

// control is one message between the daemon and a GPU worker, on a socket that keeps messages apart: JSON of at most maxControl bytes.
// The daemon names the device first, then opens sessions; the worker says once that it is ready, or why it is of no use, and of each session
// whether it has begun.
type control struct {
	Device  *deviceMsg  `json:"device,omitempty"`
	Session *sessionMsg `json:"session,omitempty"` // its socket comes with it
	Ping    uint64      `json:"ping,omitempty"`    // answered by the same
	Ready   bool        `json:"ready,omitempty"`
	Opened  uint64      `json:"opened,omitempty"`  // the session of this number has begun, or is refused
	Ended   uint64      `json:"ended,omitempty"`   // nothing of the session of this number is left
	Refused string      `json:"refused,omitempty"` // why, or why there is no device
	Fault   op.Fault    `json:"fault,omitempty"`   // with it
	Lost    string      `json:"lost,omitempty"`    // the context is of no use any more: the last message
	Slow    string      `json:"slow,omitempty"`    // with it: the code for which it was given up
}

// deviceMsg is which device a worker is for. The environment shows it no other, where the device has an identity of its own.
type deviceMsg struct {
	Library string               `json:"library"`
	Index   int                  `json:"index"`
	Stuck   int64                `json:"stuck"`          // milliseconds that a call of the driver may take
	Compile int64                `json:"compile"`        // see device.Compiler
	Slow    map[string]time.Time `json:"slow,omitempty"` // likewise: its Until
}

// sessionMsg begins a session.
type sessionMsg struct {
	Number uint64 `json:"number"` // not 0
	Memory int64  `json:"memory"` // bytes that it may hold
}

const maxControl = 4 << 10

// sendControl sends a message. It never blocks: who does not read is not worth waiting for.
func sendControl(fd int, m control, handed int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > maxControl {
		return fmt.Errorf("a control message of %d bytes", len(b))
	}
	var oob []byte
	if handed >= 0 {
		oob = unix.UnixRights(handed)
	}
	for {
		err := unix.Sendmsg(fd, b, oob, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return err
		}
	}
}

// receiveControl waits for a message; handed is the descriptor that came with it, or -1.
func receiveControl(fd int) (m control, handed int, err error) {
	b, oob := make([]byte, maxControl+1), make([]byte, unix.CmsgSpace(4*4))
	var n, oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(fd, b, oob, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return m, -1, err
	}
	handed, err = oneDescriptor(oob[:oobn])
	switch {
	case err != nil:
	case n == 0:
		err = io.EOF
	case n > maxControl || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = errors.New("a control message that is too long")
	default:
		err = json.Unmarshal(b[:n], &m)
	}
	if err != nil && handed >= 0 {
		_ = unix.Close(handed)
		handed = -1
	}
	return m, handed, err
}

// oneDescriptor takes the descriptor out of a message's ancillary data; -1 when it has none.
func oneDescriptor(oob []byte) (int, error) {
	if len(oob) == 0 {
		return -1, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return -1, err
	}
	var all []int
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return -1, err
		}
		all = append(all, fds...)
	}
	if len(all) == 1 {
		return all[0], nil
	}
	for _, fd := range all {
		_ = unix.Close(fd)
	}
	return -1, fmt.Errorf("%d descriptors in one message", len(all))
}
