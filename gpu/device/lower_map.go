package device

import "levee/gpu/op"

func lowerCopy(l *lower, _ *op.Op) error {
	return l.copy(l.out[0].at, l.in[0].at, l.out[0].Bytes())
}
