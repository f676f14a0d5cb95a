package runtime

import goruntime "runtime"

const (
	wazeroVersion = "v1.12.0"
	// nativeFormat changes when native code of an earlier version must not be used any more.
	nativeFormat = "3"
)

// wazeroMends names what was set right in the engine, by architecture: by wazero_amd64.go, and by wasm.Mend.
var wazeroMends = map[string]string{"amd64": "fix2534-copysign-u64-mul-zeros-flags", "arm64": "fix2516-flags-ones"}

// EngineVersion names everything of the engine that results may depend on. It is part of action keys.
func EngineVersion() string {
	return "wazero-" + wazeroVersion + "-abi1-" + wazeroMends[goruntime.GOARCH] + "-" + goruntime.GOARCH
}

func engineName() string { return "wazero " + wazeroVersion + " compiler, " + goruntime.GOARCH }
