// Package suite is the one set of tests that every executor passes, on whatever it runs: the same graphs, and the same bits as the
// definitions of the ops give, computed here in the plainest way, or as the executor on the processors gives.
package suite

import (
	"bytes"
	_ "embed"
	"fmt"
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

// Tensor is one with its bytes.
type Tensor struct {
	op.Desc
	Data []byte
}

// Case is one op with its inputs. The outputs must have the bits that Want gives, or, without it, those of the executor on the
// processors; Near says whether other ones will do, too.
type Case struct {
	Name   string
	Code   op.Code
	Kernel string // of Map: the function, whose handle becomes the parameter
	Module []byte // that it is of, if not of Kernels
	Params []uint64
	In     []Tensor
	Out    []op.Desc
	Want   func(in []Tensor, out []op.Desc) [][]byte
	Near   func(d op.Desc, got, want []byte) error
}

// Run tests an executor. open gives a fresh session of Quota bytes whose module is Kernels, and ends it with the test.
func Run(t *testing.T, open func(t *testing.T) Executor) {
	t.Run("Session", func(t *testing.T) { testSession(t, open) })
	t.Run("Refusals", func(t *testing.T) { testRefusals(t, open) })
	t.Run("Traps", func(t *testing.T) { testTraps(t, open) })
	t.Run("Fusion", func(t *testing.T) { testFusion(t, open) })
	runCases(t, open, Cases(1))
}

// RunOps tests only some ops.
func RunOps(t *testing.T, open func(t *testing.T) Executor, codes ...op.Code) {
	runCases(t, open, slices.DeleteFunc(Cases(1), func(c Case) bool { return !slices.Contains(codes, c.Code) }))
}

// Cases are all cases of the usual sizes, with random input of a seed.
func Cases(seed uint64) []Case {
	r := rand.New(rand.NewPCG(seed, 4))
	var list []Case
	for _, group := range []func(*rand.Rand) []Case{
		elementCases, castCases, stridedCases, reduceCases, shapeCases, rowCases, mapCases,
		gemmCases, convCases,

		sortCases, pictureCases, fftCases,
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

func (c *Case) compare(d op.Desc, got, want []byte) error {
	if c.Near != nil {
		return c.Near(d, got, want)
	}
	return Same(d, got, want)
}

// Same says at which element two results differ first.
func Same(d op.Desc, got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes, not %d", len(got), len(want))
	}
	size := int(d.DType.Size())
	for i := 0; i < len(got); i += size {
		if string(got[i:i+size]) != string(want[i:i+size]) {
			return fmt.Errorf("element %d of %v is %s, it must be %s", i/size, d, text(d.DType, got[i:]), text(d.DType, want[i:]))
		}
	}
	return nil
}

// run computes a case: outputs hold garbage before, so that every element must be written.
func (c *Case) run(ex Executor) ([][]byte, error) {
	o := op.Op{Code: c.Code, Params: c.Params}
	if c.Kernel != "" {
		module := Kernels
		if c.Module != nil {
			module = c.Module
		}
		k, err := ex.Kernel(module, c.Kernel)
		if err != nil {
			return nil, err
		}
		defer ex.Free(k)
		o.Params = []uint64{uint64(k)}
	}
	var g op.Graph
	var handles []op.Handle
	add := func(d op.Desc, data []byte, list *[]uint16) error {
		h, err := ex.Alloc(d)
		if err != nil {
			return err
		}
		*list = append(*list, uint16(len(handles)))
		handles = append(handles, h)
		g.Tensors = append(g.Tensors, op.Tensor{Handle: h})
		return ex.Upload(h, 0, data)
	}
	for _, in := range c.In {
		if err := add(in.Desc, in.Data, &o.In); err != nil {
			return nil, err
		}
	}
	for _, d := range c.Out {
		garbage := make([]byte, d.Bytes())
		for i := range garbage {
			garbage[i] = byte(0xa5 + i)
		}
		if err := add(d, garbage, &o.Out); err != nil {
			return nil, err
		}
	}
	g.Ops = []op.Op{o}
	fence, err := ex.Submit(g.Append(nil))
	if err != nil {
		return nil, err
	}
	if err := ex.Wait(fence, time.Minute); err != nil {
		return nil, err
	}
	out := make([][]byte, len(c.Out))
	for i, d := range c.Out {
		out[i] = make([]byte, d.Bytes())
		if err := ex.Download(handles[len(c.In)+i], 0, out[i]); err != nil {
			return nil, err
		}
	}
	for i, in := range c.In { // an op writes nothing but its outputs
		data := make([]byte, len(in.Data))
		if err := ex.Download(handles[i], 0, data); err != nil {
			return nil, err
		}
		if err := Same(in.Desc, data, in.Data); err != nil {
			return nil, fmt.Errorf("input %d was changed: %w", i, err)
		}
	}
	for _, h := range handles {
		if err := ex.Free(h); err != nil {
			return nil, err
		}
	}
	return out, nil
}
