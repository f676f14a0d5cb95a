package gpu

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/op"
)

// begin asks for a session at the other end of a socket. What becomes of it comes later: nil, or why there is none.
func (w *process) begin(memory int64, socket int) (begun <-chan error, ended <-chan struct{}, number uint64, err error) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	switch {
	case w.refused != nil:
		return nil, nil, 0, w.refused
	case w.gone || w.doomed:
		return nil, nil, 0, errGone
	}
	w.number++
	if err := sendControl(w.control, control{Session: &sessionMsg{Number: w.number, Memory: memory}}, socket); err != nil {
		w.deaf(err)
		return nil, nil, 0, errGone
	}
	one := make(chan error, 1)
	w.begins[w.number], w.ends[w.number] = one, make(chan struct{})
	w.watch()
	return one, w.ends[w.number], w.number, nil
}

// forget waits for a session no more.
func (w *process) forget(number uint64) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	delete(w.begins, number)
}

// endsAll tells those who wait for a session, or for its end, that the worker is gone, or as good as. Called with the lock held.
func (w *process) endsAll() {
	for _, begun := range w.begins {
		begun <- errGone
	}
	for _, ended := range w.ends {
		close(ended)
	}
	clear(w.begins)
	clear(w.ends)
}

// refusal is the error of a session that has not begun.
func (m *control) refusal() error {
	switch {
	case m.Refused == "":
		return nil
	case m.Fault == op.Lost: // the worker is about to end
		return errGone
	}
	return op.Errorf(m.fault(), "%s", m.Refused)
}

// fault is the class of a refusal; a worker may say what it likes.
func (m *control) fault() op.Fault {
	if m.Fault == op.OverQuota {
		return op.OverQuota
	}
	return op.Unavailable
}

// watch asks a worker now and then whether it is still there, while it has sessions. Called with the lock held.
func (w *process) watch() {
	if !w.watched {
		w.watched = true
		time.AfterFunc(w.pool.cfg.stuck/2, w.look)
	}
}

func (w *process) look() {
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case w.gone || w.leases == 0:
		w.watched = false
		return
	case w.ping != w.pong:
		go w.kill("it does not answer any more")
		return
	}
	w.ping++
	_ = sendControl(w.control, control{Ping: w.ping}, -1)
	time.AfterFunc(p.cfg.stuck/2, w.look)
}

// settling marks the pings of Settle.
const settling = 1 << 63

// Settle waits until it is known what the worker said before now, and gives why it is lost: "" while it goes on. Whoever has lost a session
// calls it before it asks for another one: the worker says that it dies before it ends its sessions, but that is heard on another way.
func (l *Lease) Settle(ctx context.Context) (lost string) {
	p, w := l.pool, l.on
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.gone && !w.doomed {
		w.asked++
		n := w.asked
		if err := sendControl(w.control, control{Ping: settling | n}, -1); err != nil {
			w.deaf(err)
		}
		for w.told < n && !w.gone && !w.doomed {
			if w.await(ctx, 0) != nil {
				return ""
			}
		}
	}
	// One that said nothing has ended, or is about to: how, its end tells. What does not end has been killed by then.
	for until := time.Now().Add(6 * p.cfg.dying); w.doomed && w.lost == "" && time.Now().Before(until); {
		if w.await(ctx, time.Until(until)) != nil {
			break
		}
	}
	return w.lost
}

// await waits for a change in the pool, at most so long. Called with the lock held, which it lets go meanwhile.
func (w *process) await(ctx context.Context, most time.Duration) error {
	wait := pause{after: most, change: w.pool.change}
	w.pool.mu.Unlock()
	defer w.pool.mu.Lock()
	return wait.over(ctx)
}

// deaf takes note of a worker that could not be sent a message: it has ended, which we are about to hear, or it does not listen. Called with
// the lock held.
func (w *process) deaf(err error) {
	w.doomed = true
	reason := ""
	if err == unix.EAGAIN {
		reason = "it does not listen"
	}
	go w.kill(reason)
}
