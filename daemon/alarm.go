package daemon

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ringAt calls ring once, in a goroutine of its own, when the wall clock reaches a time, or when somebody sets the clock: then the
// time may be nearer or farther than it was. stop takes it back. The kernel counts by the wall clock, so a machine that
// slept rings when it wakes, and nothing has to look at the clock now and then.
func ringAt(at time.Time, ring func()) (stop func()) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err == nil {
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(at.UnixNano(), 1))}
		if err = unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &spec, nil); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil { // forbidden here: then by the clock that cannot be set, looking again every minute
		t := time.AfterFunc(max(0, min(time.Until(at.Round(0)), time.Minute)), ring)
		return func() { t.Stop() }
	}
	f := os.NewFile(uintptr(fd), "timer")
	var stopped atomic.Bool
	go func() {
		var ticks [8]byte
		f.Read(ticks[:]) // an error says that the clock was set, or that the timer was stopped
		f.Close()
		if !stopped.Load() {
			ring()
		}
	}()
	return func() {
		stopped.Store(true)
		f.Close()
	}
}
