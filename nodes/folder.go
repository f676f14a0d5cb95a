package nodes

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// folder is a set of registered modules: the *.wasm files of one directory, looked at again at every call so that a module
// that was put there a moment ago is found. Of an unchanged file the first look is kept.
type folder struct {
	label string // for messages
	fsys  fs.FS
	// fixed folders never change and name each file after its manifest: the embedded core pack. Their modules are read when
	// they are asked for, once, because reading all manifests would cost every start of the program milliseconds.
	fixed bool

	mu    sync.Mutex
	files map[string]*entry
}

// entry is what is known of one file as long as its size and time stay: what it is called, not its bytes.
type entry struct {
	file    string
	size    int64
	time    time.Time
	name    string // the manifest's; "" when err is set
	version version
	err     error
	hash    *[32]byte   // once it was needed
	module  *ModuleFile // kept of fixed folders only
}

// entries returns the folder's modules, sorted by file name; of a fixed folder only those named pack, unless pack is "". The
// entries are the caller's own copies.
func (d *folder) entries(pack string) ([]entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.fixed || d.files == nil {
		if err := d.refresh(); err != nil {
			return nil, err
		}
	}
	out := make([]entry, 0, len(d.files))
	for _, e := range d.files {
		if d.fixed {
			if pack != "" && e.file != pack+".wasm" {
				continue
			}
			d.keep(e)
		}
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.file, b.file) })
	return out, nil
}

// keep reads a module of a fixed folder whole, the first time.
func (d *folder) keep(e *entry) {
	if e.module != nil || e.err != nil {
		return
	}
	if e.module, e.err = d.read(e.file); e.err != nil {
		return
	}
	e.name, e.hash = e.module.Name, &e.module.Hash
	e.version, _ = parseVersion(e.module.Version)
}

func (d *folder) refresh() error {
	list, err := fs.ReadDir(d.fsys, ".")
	if err != nil {
		return fmt.Errorf("modules of %s: %v", d.label, err)
	}
	files := make(map[string]*entry, len(list))
	for _, de := range list {
		if !strings.HasSuffix(de.Name(), ".wasm") {
			continue
		}
		info, err := fs.Stat(d.fsys, de.Name())
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		old := d.files[de.Name()]
		if d.fixed {
			old = &entry{file: de.Name()}
		} else if old == nil || old.size != info.Size() || !old.time.Equal(info.ModTime()) {
			old = d.look(de.Name(), info)
		}
		files[de.Name()] = old
	}
	d.files = files
	return nil
}

// look reads a file's manifest by seeking over its sections. Only a module without one is read whole.
func (d *folder) look(file string, info fs.FileInfo) *entry {
	e := &entry{file: file, size: info.Size(), time: info.ModTime()}
	m, err := d.manifest(file, info.Size())
	if err != nil {
		e.err = fmt.Errorf("%s: %v", d.name(file), err)
		return e
	}
	e.name = m.Name
	e.version, _ = parseVersion(m.Version)
	return e
}

func (d *folder) manifest(file string, size int64) (*Manifest, error) {
	f, err := d.fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if r, ok := f.(io.ReaderAt); ok {
		if m, err := readManifest(r, size); m != nil || err != nil {
			return m, err
		}
	}
	wasm, err := readAll(f)
	if err != nil {
		return nil, err
	}
	return readModuleManifest(file, wasm)
}

func (d *folder) name(file string) string {
	if d.fixed {
		return d.label + ": " + file
	}
	return path.Join(d.label, file)
}

// load reads a module whole. What its bytes say now is what counts, whatever the entry remembers.
func (d *folder) load(e entry) (*ModuleFile, error) {
	if e.module != nil {
		return e.module, nil
	}
	m, err := d.read(e.file)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if kept := d.files[e.file]; kept != nil && kept.size == e.size && kept.time.Equal(e.time) {
		kept.hash = &m.Hash
	}
	return m, nil
}

func (d *folder) read(file string) (*ModuleFile, error) {
	wasm, err := readFile(d.fsys, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", d.name(file), err)
	}
	sidecar, err := readFile(d.fsys, file+".json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s.json: %v", d.name(file), err)
	}
	return ReadModule(d.name(file), wasm, sidecar)
}

// withHash returns the module whose bytes have that hash, nil when there is none here.
func (d *folder) withHash(hash [32]byte) (*ModuleFile, error) {
	list, err := d.entries("")
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.hash != nil && *e.hash != hash {
			continue
		}
		wasm, err := readFile(d.fsys, e.file)
		if err != nil || sha256.Sum256(wasm) != hash {
			continue
		}
		return d.load(e)
	}
	return nil, nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

func readAll(f io.Reader) ([]byte, error) {
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(io.LimitReader(f, maxModule+1)); err != nil {
		return nil, err
	}
	if buf.Len() > maxModule {
		return nil, fmt.Errorf("more than %d bytes", maxModule)
	}
	return buf.Bytes(), nil
}
