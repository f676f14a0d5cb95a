package cpu

import "levee/gpu/op"

// mapKernel is a function that Map runs for each element.
type mapKernel struct {
	sig op.Signature
}

type kernels struct{}

func (k *kernels) init(m Machine, module []byte) error { return nil }

func (k *kernels) get(module []byte, export string) (*mapKernel, error) {
	return nil, op.Errorf(op.Unavailable, "there are no kernels yet")
}

func mapOp(r *run) error { return op.Errorf(op.Unavailable, "there are no kernels yet") }
