//go:build linux

package inventory

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/gpu/fake"
)

// Probes are this test binary, started again.
func TestMain(m *testing.M) {
	if ProbeMain() {
		return
	}
	os.Exit(m.Run())
}

// machine is a Prober that sees the fake library in dir and no file of the real machine.
func machine(t *testing.T, dir string, deadline time.Duration) *Prober {
	t.Helper()
	t.Setenv("LD_LIBRARY_PATH", dir)
	p := New(t.TempDir())
	p.deadline = deadline
	return p
}

func TestWithoutADriverNothingIsStarted(t *testing.T) {
	p := machine(t, t.TempDir(), time.Minute)
	p.executable = "/no/such/program"
	r := p.Report(t.Context())
	require.Equal(t, None, r.Outcome)
	require.Equal(t, "no NVIDIA driver was found (there is no /dev/nvidiactl, and no libnvidia-ml.so.1)", r.Reason)
}

func TestSignsWithoutALibrary(t *testing.T) {
	if p := New("/"); glance("/", "") == "" {
		t.Skipf("this machine has a driver of its own: %v", p.Report(t.Context()).Outcome)
	}
	p := machine(t, "", time.Minute)
	require.NoError(t, os.MkdirAll(filepath.Join(p.root, "dev"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(p.root, "dev", "nvidiactl"), nil, 0o600))
	r := p.Report(t.Context())
	require.Equal(t, None, r.Outcome)
	require.Contains(t, r.Reason, "libnvidia-ml.so.1 was not found")
}

func TestOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		macros  []string
		outcome Outcome
		reason  string // part of it
		names   []string
	}{
		"one GPU":                 {nil, Present, "", []string{"GPU 0 (Fake GPU)"}},
		"three GPUs":              {[]string{"COUNT=3"}, Present, "", []string{"GPU 0 (Fake GPU)", "GPU 1 (Fake GPU)", "GPU 2 (Fake GPU)"}},
		"driver not loaded":       {[]string{"INIT=9"}, None, "the NVIDIA driver is not loaded (NVML error 9)", nil},
		"no permission":           {[]string{"INIT=4"}, Unhealthy, "this user may not use the GPU (NVML error 4)", nil},
		"versions differ":         {[]string{"INIT=18"}, Unhealthy, "start the machine again (NVML error 18)", nil},
		"unknown error":           {[]string{"INIT=999"}, Unhealthy, "an error (NVML error 999)", nil},
		"no GPU":                  {[]string{"COUNT=0"}, None, "NVML reports no GPU", nil},
		"only what is needed":     {[]string{"BARE"}, Present, "", []string{"GPU 0 (Fake GPU)"}},
		"old":                     {[]string{"OLD"}, Present, "", []string{"GPU 0 (Fake GPU)"}},
		"old and bare":            {[]string{"OLD", "BARE"}, Present, "", []string{"GPU 0 (Fake GPU)"}},
		"another library":         {[]string{"NOINIT"}, Unhealthy, "lacks nvmlInit_v2", nil},
		"aborts":                  {[]string{"ABORT"}, Unhealthy, "ended the process that asked it: exit status 2 (driver: out of its mind)", nil},
		"prohibited":              {[]string{"PROHIBITED"}, None, "GPU 0 (Fake GPU): its compute mode is prohibited", nil},
		"one of two prohibited":   {[]string{"PROHIBITED", "COUNT=2"}, Present, "", []string{"GPU 1 (Fake GPU)"}},
		"failing memory":          {[]string{"ROWS=2"}, Unhealthy, "its memory is failing", nil},
		"old GPU":                 {[]string{"CC=61"}, None, "its compute capability is 6.1, and 7.0 is needed", nil},
		"new GPU":                 {[]string{"CC=120"}, Present, "", []string{"GPU 0 (Fake GPU)"}},
		"no CUDA":                 {[]string{"NOCUDA"}, None, "the driver gives no computing here: libcuda.so.1: cannot open", []string{"GPU 0 (Fake GPU)"}},
		"no name":                 {[]string{"NONAME"}, Present, "", []string{"GPU 0 (unknown)"}},
		"lost":                    {[]string{"LOST"}, Unhealthy, "GPU 0 (unknown): the GPU is lost", nil},
		"one of two lost":         {[]string{"LOST", "COUNT=2"}, Present, "", []string{"GPU 1 (Fake GPU)"}},
		"divided":                 {[]string{"MIG=2", "COUNT=2"}, Present, "", []string{"GPU 0.0 (Fake GPU 1g)", "GPU 0.2 (Fake GPU 1g)", "GPU 1 (Fake GPU)"}},
		"MIG without an instance": {[]string{"MIG=0"}, None, "it is in MIG mode and has no instance", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains(c.macros, "NOCUDA") && glance("/", "") == "" {
				t.Skip("this machine may have a CUDA of its own")
			}
			r := machine(t, fake.NVML(t, c.macros...), time.Minute).Report(t.Context())
			require.Equal(t, c.outcome, r.Outcome, r.Reason)
			require.Contains(t, r.Reason, c.reason)
			var names []string
			for _, d := range r.Usable() {
				names = append(names, d.Label())
			}
			require.Equal(t, c.names, names)
		})
	}
}

func TestWhatIsKnownOfADevice(t *testing.T) {
	r := machine(t, fake.NVML(t, "ECC=3", "COUNT=2"), time.Minute).Report(t.Context())
	require.Equal(t, "580.95.05", r.Driver)
	require.Equal(t, "13.0", r.CUDA)
	require.Equal(t, Device{
		Index: 1, UUID: "GPU-00000001-0000-0000-0000-000000000000", Name: "Fake GPU", Memory: 16 << 30, Free: 15 << 30, Capability: "9.0", Cores: 4096,
		Note: "3 uncorrected memory errors since the driver was started",
	}, r.Devices[1])
	require.Equal(t, "Fake GPU, compute capability 9.0, 4096 cores, driver 580.95.05", r.Fingerprint(r.Devices[1]))

	dir := fake.NVML(t)
	_, err := fake.BuildBLAS(dir, "")
	require.NoError(t, err)
	with := machine(t, dir, time.Minute).Report(t.Context())
	const fingerprint = "Fake GPU, compute capability 9.0, 4096 cores, driver 580.95.05, cuBLAS 130100"
	require.Equal(t, fingerprint, with.Fingerprint(with.Devices[0]))
	_, err = fake.BuildFFT(dir, "")
	require.NoError(t, err)
	with = machine(t, dir, time.Minute).Report(t.Context())
	require.Equal(t, fingerprint+", cuFFT 12000", with.Fingerprint(with.Devices[0]))

	old := machine(t, fake.NVML(t, "OLD", "ROWS=1", "EXCLUSIVE"), time.Minute).Report(t.Context())
	require.Equal(t, "10.2", old.CUDA)
	require.Equal(t, int64(15<<30), old.Devices[0].Free)
	require.Equal(t, "exclusive", old.Devices[0].Mode)
	require.Contains(t, old.Devices[0].Note, "rows wait to be remapped")

	part := machine(t, fake.NVML(t, "MIG=1"), time.Minute).Report(t.Context()).Devices[0]
	require.Equal(t, "MIG-00000000-0000-0000-0000-000000000001", part.UUID)
	require.Equal(t, int64(2<<30), part.Memory)
	require.Equal(t, "9.0", part.Capability, "of the whole GPU, where the instance does not say")

	bare := machine(t, fake.NVML(t, "BARE"), time.Minute).Report(t.Context())
	require.Equal(t, []Device{{Name: "Fake GPU"}}, bare.Devices)
}

func TestALibraryThatHangs(t *testing.T) {
	p := machine(t, fake.NVML(t, "HANG"), 300*time.Millisecond)
	r := p.Report(t.Context())
	require.Equal(t, Timeout, r.Outcome)
	require.Equal(t, "NVML did not answer within 300ms: the driver hangs", r.Reason)
	require.False(t, p.hangs(), "it could be killed")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.deadline = time.Hour
	require.Equal(t, Timeout, p.Renew(ctx).Outcome, "nobody waits an hour for it")
	known, _ := p.known()
	require.Equal(t, r, known, "what was cut short says nothing")
}

// A library may start processes of its own, which have the probe's descriptors and do not end. The lock is free when they have.
func TestHelpersOfTheDriverAreNotWaitedFor(t *testing.T) {
	for _, c := range []struct {
		macros  []string
		outcome Outcome
		reason  string
	}{{nil, Present, ""}, {[]string{"ABORT"}, Unhealthy, "out of its mind"}} {
		lock := filepath.Join(t.TempDir(), "lock")
		r := machine(t, fake.NVML(t, append(c.macros, "HELPER="+strconv.Quote(lock))...), time.Hour).Report(t.Context())
		require.Equal(t, c.outcome, r.Outcome, r.Reason)
		require.Contains(t, r.Reason, c.reason)
		f, err := os.Open(lock)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	}
}

// A probe gets no memory for what its driver complains of without end.
func TestComplaintsAreBounded(t *testing.T) {
	f, err := memfile("complaints")
	require.NoError(t, err)
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 10_000))
	}
	info, err := f.Stat()
	require.NoError(t, err)
	require.EqualValues(t, maxMemory, info.Size())
}

// A process that sits in the driver cannot be killed. It is left alone, and no other one is sent after it.
func TestAnAbandonedProbe(t *testing.T) {
	p := machine(t, fake.NVML(t), time.Minute)
	gone := make(chan struct{})
	p.stuck = gone
	r := p.Renew(t.Context())
	require.Equal(t, Timeout, r.Outcome)
	require.Contains(t, r.Reason, "has still not ended")
	close(gone)
	require.Equal(t, Present, p.Renew(t.Context()).Outcome)
}

func TestAnswersAreKeptForAWhile(t *testing.T) {
	p := machine(t, fake.NVML(t), time.Minute)
	first := p.Report(t.Context())
	t.Setenv("LD_LIBRARY_PATH", fake.NVML(t, "COUNT=2"))
	require.Equal(t, first, p.Report(t.Context()))
	require.Len(t, p.Renew(t.Context()).Devices, 2)
	require.Len(t, p.Report(t.Context()).Devices, 2)
	p.last.At = p.last.At.Add(-freshFor)
	t.Setenv("LD_LIBRARY_PATH", fake.NVML(t, "COUNT=3"))
	require.Len(t, p.Report(t.Context()).Devices, 3)
}

// The process that is told to be a probe by somebody else than levee asks nothing.
func TestProbesAreStartedByLevee(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{probeEnv + "=1", "LD_LIBRARY_PATH=" + fake.NVML(t, "ABORT")}
	out, err := cmd.CombinedOutput()
	require.ErrorContains(t, err, "exit status 2")
	require.Contains(t, string(out), "only levee starts probes")
	require.NotContains(t, string(out), "out of its mind")
}
