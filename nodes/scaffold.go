package nodes

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed scaffold/* sdk/c/levee.h
var scaffoldFiles embed.FS

// Scaffold holds what `levee init` puts into a new folder: a workflow, a module beside it with its source, the C SDK that the
// source needs, and a README. All files lie at its root.
func Scaffold() fs.FS {
	sub, err := fs.Sub(scaffoldFiles, "scaffold")
	if err != nil {
		return scaffoldFiles // cannot be: "scaffold" is a valid path
	}
	return scaffold{sub}
}

// scaffold is the folder scaffold with the SDK's header in it, which is kept in one place only.
type scaffold struct{ fs.FS }

const header, headerDir = "levee.h", "sdk/c"

func (s scaffold) Open(name string) (fs.File, error) {
	if name == header {
		return scaffoldFiles.Open(headerDir + "/" + header)
	}
	return s.FS.Open(name)
}

func (s scaffold) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(s.FS, name)
	if err != nil || name != "." {
		return list, err
	}
	more, err := scaffoldFiles.ReadDir(headerDir)
	list = append(list, more...)
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}
