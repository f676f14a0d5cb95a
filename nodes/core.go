package nodes

import (
	"embed"
	"io/fs"
)

// The core pack's built modules, beside their sources; build.sh makes them.
//
//go:embed core/*.wasm
var coreFiles embed.FS

func coreModules() fs.FS {
	sub, err := fs.Sub(coreFiles, "core")
	if err != nil {
		return coreFiles // cannot be: "core" is a valid path
	}
	return sub
}
