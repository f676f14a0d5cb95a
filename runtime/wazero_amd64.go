package runtime

import _ "unsafe" // for go:linkname

// wazero v1.12.0, the newest there is, miscompiles select on floats and vectors: its table of what an instruction uses says that
// xmmCMov does not read its destination, so that the value for a false condition may be kept elsewhere. Results are silently
// wrong (https://github.com/wazero/wazero/issues/2534, mended after the release). The entry is set right here, in the worker,
// before anything is compiled; the values around it say that this is the table of v1.12.0, and a test says that go.mod is.
//
//go:linkname wazeroUseKinds github.com/tetratelabs/wazero/internal/engine/wazevo/backend/isa/amd64.useKinds
var wazeroUseKinds [59]byte

const (
	wazeroCMov, wazeroXMMCMov        = 20, 51 // instruction kinds of v1.12.0
	wazeroUseKindOp1, wazeroUseKind2 = 2, 3   // reads operand 1; reads operand 1 and the destination
)

func init() {
	if wazeroUseKinds[wazeroXMMCMov] == wazeroUseKindOp1 && wazeroUseKinds[wazeroCMov] == wazeroUseKind2 {
		wazeroUseKinds[wazeroXMMCMov] = wazeroUseKind2
	}
}
