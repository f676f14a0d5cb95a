//go:build linux

package runtime

import (
	"os"
	goruntime "runtime"
	"sync"
	"time"
)

// lateThreads is in the environment of workers: a thread that was made before a wall, and for which there was no processor until that
// stood, would have the kernel take note of its restartable sequences, which the wall refuses, and the C library ends the process for that.
const lateThreads = "GLIBC_TUNABLES=glibc.pthread.rseq=0"

// makeThreads has Go's runtime make all the threads that it will ever want, for behind the walls it can make none: one for each of
// GOMAXPROCS, one that watches, one that waits for the daemon, and as many again. It keeps those that have nothing to do.
func makeThreads() {
	const spare = 8
	var there, gone sync.WaitGroup
	there.Add(spare)
	all := make(chan struct{})
	for range spare {
		gone.Go(func() {
			goruntime.LockOSThread()
			defer goruntime.UnlockOSThread()
			there.Done()
			<-all
		})
	}
	there.Wait()
	close(all)
	gone.Wait()
	// One more may be on its way, and would meet the wall: threads that are locked have another one make it.
	for range 10_000 {
		if made() {
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// made says whether there is a thread for all that the runtime knows as one. One of these, for calls that come from C, has none.
func made() bool {
	known, _ := goruntime.ThreadCreateProfile(nil)
	tasks, err := os.ReadDir("/proc/self/task")
	return err != nil || known-1 <= len(tasks)
}
