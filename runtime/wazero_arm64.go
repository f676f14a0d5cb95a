package runtime

import "levee/runtime/wasm"

const wazeroMends = "fix2516"

// wazero v1.12.0, the newest there is, miscompiles remainders and i64x2.bitmask on arm64: where registers are short, what the first of their
// instructions leaves for the next is read from where it was never written. Results are silently wrong, such as the minutes of a date
// (https://github.com/wazero/wazero/issues/2516). Its compiler is given modules without these.
func mended(code []byte) ([]byte, error) { return wasm.MendARM64(code) }
