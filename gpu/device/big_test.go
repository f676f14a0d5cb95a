package device

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/gpu/builtin"
	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
	"levee/gpu/suite"
	"levee/graph/value"
)

const (
	bigInputs = 100_000_000 // random ones that are to go through each kernel of the exact class
	bigChunk  = 1 << 20     // of them in a tensor
)

// unexact are kernels beside them: those of conv only get matrices of 16-bit floats ready, divided what cuFFT gives.
var unexact = strings.Fields("windows widen to_f32 divided")

// exactKernels are all of that class.
func exactKernels(t testing.TB) (names []string) {
	for _, file := range builtin.Files() {
		if strings.HasPrefix(file, "gemm_") {
			continue
		}
		text, ok := builtin.PTX(file)
		require.True(t, ok)
		for _, found := range regexp.MustCompile(`\.visible \.entry (\w+)\(`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(unexact, found[1]) {
				names = append(names, found[1])
			}
		}
	}
	return names
}

// TestSuiteBig gives random inputs to all kernels of the exact class. LEVEE_TEST_BIG says how many to each; bigInputs take a GPU some
// minutes, and LEVEE_TEST_BIG_SECONDS bounds these.
func TestSuiteBig(t *testing.T) {
	driver, err := cuda.Load(cuda.Library)
	if err == nil {
		suiteBig(t, driver, bigChunk, 1_000_000, min(goruntime.GOMAXPROCS(0), 16))
		return
	}
	if _, none := exec.LookPath("gcc"); none != nil {
		t.Skipf("no GPU here: %v; and the fake driver is built with gcc", err)
	}
	c := fake.NewCUDA(t)
	driver, err = cuda.Load(c.Library())
	require.NoError(t, err)
	c.Traffic()
	suiteBig(t, driver, 1<<9, 1<<9, 2)
	t.Run("traffic", func(t *testing.T) { checkTraffic(t, c.Traffic()) })
}

func suiteBig(t *testing.T, driver *cuda.Driver, chunk, inputs int64, seats int) {
	d, err := Open(driver, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	b := &suite.Big{Chunk: chunk, Inputs: inputs}
	if n, err := strconv.ParseInt(os.Getenv("LEVEE_TEST_BIG"), 10, 64); err == nil {
		b.Inputs = n
	}
	if n, err := strconv.Atoi(os.Getenv("LEVEE_TEST_BIG_SECONDS")); err == nil {
		b.Until = time.Now().Add(time.Duration(n) * time.Second)
	}
	var sessions []*Session
	for range seats {
		s, err := d.Session(suite.BigQuota, 1<<62)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		var launched [][2]string
		s.launching = func(file, kernel string) { launched = append(launched, [2]string{file, kernel}) }
		room, err := unix.Mmap(-1, 0, int(256*chunk), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		require.NoError(t, err)
		require.NoError(t, d.Pin(room))
		b.Seats = append(b.Seats, suite.Seat{On: s, Room: room, Launched: func() [][2]string {
			list := launched
			launched = nil
			return list
		}})
		sessions = append(sessions, s)
	}
	b.Run(t)
	t.Run("hash", func(t *testing.T) { bigHashes(t, sessions[0], b) })
	if chunk >= bigChunk { // else some kernels are not reached
		t.Run("every kernel", func(t *testing.T) { b.Report(t, exactKernels(t)) })
	}
}

// bigHashes hashes tensors, whose inputs are words.
func bigHashes(t *testing.T, s *Session, b *suite.Big) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	n := max(b.Chunk, residentMin)
	elements := make([]byte, 4*n)
	for done := int64(0); done < b.Inputs; done += n {
		for i := 0; i < len(elements); i += 8 {
			binary.LittleEndian.PutUint64(elements[i:], r.Uint64())
		}
		h, err := s.Alloc(op.Desc{DType: op.I32, Shape: []int64{n}})
		require.NoError(t, err)
		require.NoError(t, s.Upload(h, 0, elements))
		at, err := s.tensor(h)
		require.NoError(t, err)
		head := bytes.Repeat([]byte{byte(r.Uint32())}, 4*r.IntN(20))
		got, err := s.digest(at, head)
		require.NoError(t, err)
		require.Equal(t, value.Sum(append(head, elements...)), value.Digest(got))
		require.NoError(t, s.Free(h))
		b.Named["hash_leaves"] += n
	}
}

// TestEveryKernelIsInTheSuite counts what TestSuiteBig would put through the kernels of an H200, without running anything.
func TestEveryKernelIsInTheSuite(t *testing.T) {
	s := fakeSession(t, suite.BigQuota)
	s.dev.sms = 132
	var launched [][2]string
	s.launching = func(file, kernel string) { launched = append(launched, [2]string{file, kernel}) }
	b := &suite.Big{Chunk: bigChunk, Inputs: bigInputs}
	require.NoError(t, b.Plan(func(g *op.Graph, tensors []op.Desc) ([][2]string, error) {
		launched = nil
		plan, err := op.Check(g, func(h op.Handle) (op.Desc, bool) { return tensors[h-1], true }, nil, op.Limits{Temp: 1 << 40, Work: 1 << 62})
		if err != nil {
			return nil, err
		}
		require.Equal(t, op.Exact, plan.Class)
		l := &lower{s: s, dev: s.dev, plan: plan}
		for i := range tensors {
			l.at = append(l.at, cuda.Ptr(i+1)<<40)
		}
		err = l.graph()
		return launched, err
	}))
	b.Named["hash_leaves"] = b.Inputs // that one is no op's
	b.Report(t, exactKernels(t))
}
