//go:build !amd64 && !arm64

package runtime

const wazeroMends = "fix0"

// mended gives what is compiled in place of a module.
func mended(code []byte) ([]byte, error) { return code, nil }
