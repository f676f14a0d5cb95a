package daemon_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/testdata/guests"
)

// referring drops a workflow of the same nodes as references under a name.
func referring(b *box, name string) {
	b.drop("make.wasm", string(guests.MakeTensor()))
	b.drop("look.wasm", string(guests.ReadTensor(false)))
	b.drop("peek.wasm", string(guests.ReadTensor(true)))
	b.drop(name, references)
}

func requireReferences(t *testing.T, r *daemon.Result) {
	t.Helper()
	for _, name := range []string{"look", "peek", "other"} {
		require.Equal(t, "4711", output(t, r, name), name)
	}
}

// begin runs a workflow in the background, and says when a node beside its first one begins.
func (o *opened) begin(ctx context.Context, name string) (end chan *daemon.Result, second chan struct{}) {
	o.box.t.Helper()
	flow, err := o.LoadFile(o.box.path(name))
	require.NoError(o.box.t, err)
	var once sync.Once
	end, second = make(chan *daemon.Result, 1), make(chan struct{})
	go func() {
		res, err := o.Run(ctx, flow, daemon.Request{Observer: daemon.Observer{Working: func(_, path string) {
			if path != "make" {
				once.Do(func() { close(second) })
			}
		}}})
		if err != nil {
			res = &daemon.Result{Err: err}
		}
		end <- res
	}()
	return end, second
}

// A GPU worker that is killed with values that are nowhere else costs no result: they are made again.
func TestAGPUWorkerIsKilledBeforeItsValuesAreStored(t *testing.T) {
	c := withGPU(t)
	pids := make(chan int, 100)
	c.OnLaunch(func(pid int, _ string) int {
		pids <- pid
		return 0
	})
	b := newBox(t)
	referring(b, "w.flow.yaml")
	d := b.open()
	release := d.HoldPublishing()
	end, reading := d.begin(t.Context(), "w.flow.yaml")
	<-reading
	require.NoError(t, unix.Kill(<-pids, unix.SIGKILL))
	release()
	requireReferences(t, <-end)
	require.Contains(t, b.log.String(), "a GPU worker died")
	require.Equal(t, journal.Counts{Cached: 4}, d.run("w.flow.yaml").Counts, "it is all on disk in the end")
}

// doomedEnv makes a process of this binary a daemon that is killed: it runs a workflow of a box, and tells of the nodes that begin.
const doomedEnv = "LEVEE_TEST_DOOMED"

func doomed(root string) int {
	ctx := context.Background()
	d, err := daemon.Open(ctx, daemon.Config{StateDir: filepath.Join(root, "state"), CacheDir: filepath.Join(root, "cache")})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	d.HoldPublishing()
	flow, err := d.LoadFile(filepath.Join(root, "served", "w.flow.yaml"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, err = d.Run(ctx, flow, daemon.Request{Observer: daemon.Observer{Working: func(_, path string) { fmt.Println("working:", path) }}})
	fmt.Println("it should not have ended:", err)
	return 1
}

// Of a run whose daemon was killed with values on a GPU only nothing is recorded that depends on them; it is taken up, and makes them again.
func TestLeveeIsKilledBeforeItsValuesAreStored(t *testing.T) {
	withGPU(t)
	b := newBox(t)
	referring(b, "w.flow.yaml")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), doomedEnv+"="+filepath.Dir(b.dir))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := bufio.NewScanner(out)
	for said.Scan() && said.Text() != "working: look" && said.Text() != "working: peek" {
		require.True(t, strings.HasPrefix(said.Text(), "working: "), said.Text())
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	runs := b.runs()
	require.Len(t, runs, 1)
	require.Equal(t, journal.Running, runs[0].Status)
	for _, inv := range b.invocations(runs[0].ID) {
		require.Equal(t, journal.Started, inv.Status, inv.Path)
		require.Empty(t, inv.Outputs)
	}
	s := b.serve(once)
	requireReferences(t, s.ended("w.flow.yaml").Result)
	s.finish()
	require.Equal(t, journal.Completed, b.runs()[len(b.runs())-1].Status)
}

// Equal nodes of two runs on a GPU run once, also when the run that began the work ends before it is done.
func TestEqualWorkOnAGPUIsJoined(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		c := withGPU(t)
		begun, goOn := launchesWait(c)
		b := newBox(t)
		referring(b, "a.flow.yaml")
		referring(b, "b.flow.yaml")
		d := b.open()
		ctx, leave := context.WithCancelCause(t.Context())
		first, _ := d.begin(ctx, "a.flow.yaml")
		<-begun
		second, _ := d.begin(t.Context(), "b.flow.yaml")
		require.Eventually(t, func() bool {
			_, cached := d.Counters()
			return cached.Joined > 0
		}, deadline, 1e6)
		if leaves {
			leave(daemon.ErrSuperseded)
			require.Equal(t, journal.Cancelled, (<-first).Status)
		}
		close(goOn)
		res := <-second
		requireReferences(t, res)
		if !leaves {
			other := <-first
			requireReferences(t, other)
			require.Equal(t, journal.Ran, b.states(other.ID)["make"])
			require.Equal(t, journal.Cached, b.states(res.ID)["make"])
		}
		require.Equal(t, journal.Counts{Cached: 4}, d.run("a.flow.yaml").Counts)
		d.shut()
		leave(nil)
	}
}

// A value on a GPU for which the disk has no room when it is read back stays in memory for the rest of the run.
func TestFullDiskWhileAValueComesFromAGPU(t *testing.T) {
	withGPU(t)
	b := newBox(t)
	disk := smallDisk(t, "300m")
	copyTree(t, b.cfg.CacheDir, filepath.Join(disk, "cache"))
	b.cfg.CacheDir = filepath.Join(disk, "cache")
	referring(b, "w.flow.yaml")
	d := b.open()
	d.run("w.flow.yaml") // what is compiled for the first time needs room on the disk
	b.drop("w.flow.yaml", replace(t, b.read("w.flow.yaml"), "4711", "4712"))

	release := d.HoldPublishing()
	end, reading := d.begin(t.Context(), "w.flow.yaml")
	<-reading
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	release()
	got := <-end
	for _, name := range []string{"look", "peek", "other"} {
		require.Equal(t, "4712", output(t, got, name), name)
	}
	require.Contains(t, b.log.String(), "a value stays in memory")
	enc, ok := got.Outputs[slices.IndexFunc(got.Outputs, func(o journal.Named) bool { return o.Name == "data" })].Value.Inline()
	require.True(t, ok)
	require.Len(t, enc, 12+guests.TensorBytes)
	require.Equal(t, binary.LittleEndian.AppendUint64(nil, 4712), enc[12:20])
	require.NoError(t, os.Remove(filler))
	again := d.run("w.flow.yaml")
	require.Equal(t, "4712", output(t, again.Result, "peek"))
	require.Contains(t, again.with(journal.Ran), "make", "it was not stored")
}
