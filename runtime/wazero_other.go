//go:build !amd64 && !arm64

package runtime

const wazeroMends = "fix0"

func mended(code []byte) ([]byte, error) { return code, nil }
