// Package suite is the one set of tests that every executor passes, on whatever it runs: the same graphs, and the same bits as the
// definitions of the ops give, computed here in the plainest way, or as the executor on the processors gives.
package suite

import (
	_ "embed"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// Executor is what is tested: gpu.Executor.
type Executor interface {
	Info() op.Info
	Alloc(d op.Desc) (op.Handle, error)
	Desc(h op.Handle) (op.Desc, error)
	Free(h op.Handle) error
	Upload(h op.Handle, off int64, p []byte) error
	Download(h op.Handle, off int64, p []byte) error
	Kernel(module []byte, export string) (op.Handle, error)
	Submit(graph []byte) (uint64, error)
	Wait(fence uint64, most time.Duration) error
	Estimate(graph []byte) (op.Cost, error)
	Class() op.Class
	Close() error
}

// Kernels is the node's module of all sessions of the suite.
//
//go:embed testdata/kernels.wasm
var Kernels []byte

// Late is a module that no session was made for, with the functions twice (x, y) -> x * 2 + y of f32 and quotient (x, y) -> x / y of i32.
var Late = []byte("\x00asm\x01\x00\x00\x00" + "\x01\x0d\x02\x60\x02\x7d\x7d\x01\x7d\x60\x02\x7f\x7f\x01\x7f" + "\x03\x03\x02\x00\x01" +
	"\x07\x14\x02\x05twice\x00\x00\x08quotient\x00\x01" +
	"\x0a\x17\x02\x0d\x00\x20\x00\x43\x00\x00\x00\x40\x94\x20\x01\x92\x0b" + "\x07\x00\x20\x00\x20\x01\x6d\x0b")

// Short is a module with the function k (x) -> x * 2 + 1 of f32.
var Short = []byte("\x00asm\x01\x00\x00\x00\x01\x06\x01\x60\x01\x7d\x01\x7d\x03\x02\x01\x00\x07\x05\x01\x01k\x00\x00\x0a\x12\x01\x10\x00" +
	"\x20\x00\x43\x00\x00\x00\x40\x94\x43\x00\x00\x80\x3f\x92\x0b")

// Quota is what a session of the suite may hold; BigQuota is that of one for Big.
const (
	Quota    = 64 << 20
	BigQuota = 1 << 30
)

// Run tests an executor. open gives a fresh session of Quota bytes whose module is Kernels, and ends it with the test.
func Run(t *testing.T, open func(t *testing.T) Executor) {
	t.Run("Session", func(t *testing.T) { testSession(t, open) })
	t.Run("Refusals", func(t *testing.T) { testRefusals(t, open) })
	t.Run("Traps", func(t *testing.T) { testTraps(t, open) })
	t.Run("Fusion", func(t *testing.T) { testFusion(t, open) })
	runCases(t, open, cases())
}

// RunOps tests only some ops.
func RunOps(t *testing.T, open func(t *testing.T) Executor, codes ...op.Code) {
	runCases(t, open, slices.DeleteFunc(cases(), func(c Case) bool { return !slices.Contains(codes, c.Code) }))
}

// cases are all those of the usual sizes.
func cases() []Case {
	r := rand.New(rand.NewPCG(1, 4))
	var list []Case
	for _, group := range []func(*rand.Rand) []Case{
		elementCases, castCases, stridedCases, reduceCases, shapeCases, rowCases, mapCases,
		gemmCases, convCases, sortCases, pictureCases, fftCases,
	} {
		list = append(list, group(r)...)
	}
	return list
}

func runCases(t *testing.T, open func(t *testing.T) Executor, cases []Case) {
	byOp := map[op.Code][]Case{}
	var codes []op.Code
	for _, c := range cases {
		if byOp[c.Code] == nil {
			codes = append(codes, c.Code)
		}
		byOp[c.Code] = append(byOp[c.Code], c)
	}
	for _, code := range codes {
		t.Run(code.String(), func(t *testing.T) {
			ex := open(t)
			var reference Executor
			compared := int64(0)
			for _, c := range byOp[code] {
				got, err := c.run(ex)
				require.NoError(t, err, c.Name)
				var want [][]byte
				if c.Want != nil {
					want = c.Want(c.In, c.Out)
				} else {
					if reference == nil {
						reference = Processors(t, ex.Info().Memory)
					}
					want, err = c.run(reference)
					require.NoError(t, err, c.Name)
				}
				for i := range want {
					require.NoError(t, c.compare(c.Out[i], got[i], want[i]), "%s, output %d", c.Name, i)
					compared += c.Out[i].Elems()
				}
			}
			t.Logf("%d cases, %d results compared", len(byOp[code]), compared)
		})
	}
}
