package cuda

/*
#include "driver.h"

#cgo noescape levee_event_record
#cgo nocallback levee_event_record
#cgo noescape levee_event_query
#cgo nocallback levee_event_query
#cgo noescape levee_event_await
#cgo nocallback levee_event_await
#cgo noescape levee_event_elapsed
#cgo nocallback levee_event_elapsed
*/
import "C"

import "time"

// Stream is work that the device does in order. The zero Stream waits for all others: it is for tests.
type Stream uintptr

// Event is a place in a stream.
type Event uintptr

// NewStream makes a stream that waits for no other.
func (c *Context) NewStream() (Stream, error) {
	var s C.uintptr_t
	err := c.result("cuStreamCreate", C.levee_stream(c.cu, c.ctx, &s))
	return Stream(s), err
}

// FreeStream lets go of a stream; what is in it is still done.
func (c *Context) FreeStream(s Stream) error {
	return c.result("cuStreamDestroy", C.levee_stream_free(c.cu, c.ctx, C.uintptr_t(s)))
}

// WaitStream waits until the stream is empty.
func (c *Context) WaitStream(s Stream) error {
	return c.result("cuStreamSynchronize", C.levee_stream_synchronize(c.cu, c.ctx, C.uintptr_t(s)))
}

// NewEvent makes an event. Only timed ones can be given to Elapsed; they cost more.
func (c *Context) NewEvent(timed bool) (Event, error) {
	const blockingSync, disableTiming = 1, 2
	flags := C.uint(blockingSync)
	if !timed {
		flags |= disableTiming
	}
	var e C.uintptr_t
	err := c.result("cuEventCreate", C.levee_event(c.cu, c.ctx, flags, &e))
	return Event(e), err
}

// FreeEvent lets go of an event.
func (c *Context) FreeEvent(e Event) error {
	return c.result("cuEventDestroy", C.levee_event_free(c.cu, c.ctx, C.uintptr_t(e)))
}

// Record puts the event at the end of the stream.
func (c *Context) Record(e Event, s Stream) error {
	return c.result("cuEventRecord", C.levee_event_record(c.cu, c.ctx, C.uintptr_t(e), C.uintptr_t(s)))
}

// Reached says whether the stream has got to the event. An error may be one of anything that the context did before.
func (c *Context) Reached(e Event) (bool, error) {
	rc := C.levee_event_query(c.cu, c.ctx, C.uintptr_t(e))
	if rc == notReady {
		return false, nil
	}
	return rc == 0, c.result("cuEventQuery", rc)
}

// Await waits until the stream has got to the event, at most so long, and says whether it has. It asks the driver again and again, finely:
// the runtime's timers are too coarse for it, and to block in the driver has no end.
func (c *Context) Await(e Event, most time.Duration) (bool, error) {
	rc := C.levee_event_await(c.cu, c.ctx, C.uintptr_t(e), C.int64_t(most))
	if rc == notReady {
		return false, nil
	}
	return rc == 0, c.result("cuEventQuery", rc)
}

// WaitEvent waits until the stream has got to the event.
func (c *Context) WaitEvent(e Event) error {
	return c.result("cuEventSynchronize", C.levee_event_synchronize(c.cu, c.ctx, C.uintptr_t(e)))
}

// Elapsed is the device's time between two timed events that were both reached.
func (c *Context) Elapsed(from, to Event) (time.Duration, error) {
	var ms C.float
	err := c.result("cuEventElapsedTime", C.levee_event_elapsed(c.cu, c.ctx, C.uintptr_t(from), C.uintptr_t(to), &ms))
	return time.Duration(float64(ms) * float64(time.Millisecond)), err
}
