package runtime

import goruntime "runtime"

const (
	wazeroVersion = "v1.12.0"
	// nativeFormat changes when native code of an earlier version must not be used any more.
	nativeFormat = "3"
)

// EngineVersion names everything of the engine that results may depend on. It is part of action keys.
func EngineVersion() string {
	return "wazero-" + wazeroVersion + "-abi1-" + wazeroMends + "-" + goruntime.GOARCH
}

func engineName() string { return "wazero " + wazeroVersion + " compiler, " + goruntime.GOARCH }
