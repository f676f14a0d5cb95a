package nodes

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// sectionName is the custom section that holds a module's manifest.
const sectionName = "levee"

// maxModule is the size in bytes of the largest module file that is looked at; the engine's preflight takes no larger one.
const maxModule = 32 << 20

// maxSections keeps a file of nothing but section headers from costing a read for each two bytes.
const maxSections = 10_000

// maxManifest is the size in bytes of the largest manifest and of the largest sidecar.
const maxManifest = 256 << 10

// The ids of the sections that are looked into; all others are skipped by their size.
const (
	sectionCustom = 0
	sectionImport = 2
	sectionExport = 7
)

var wasmMagic = []byte("\x00asm\x01\x00\x00\x00")

// section is one section of a module: the bytes [start,end) of the file with its header, [body,end) without.
type section struct {
	id               byte
	start, body, end int64
	name             string // of a custom section
}

// sections walks over the headers of a module's sections. It reads a few bytes of each and allocates nothing that a size in
// the file could inflate. Sizes may be padded to 5 bytes of LEB128, as Go's linker does.
func sections(r io.ReaderAt, size int64, visit func(section) error) error {
	if size > maxModule {
		return fmt.Errorf("the module has %d bytes, at most %d are taken", size, maxModule)
	}
	var head [8]byte
	if n, err := r.ReadAt(head[:], 0); n < len(head) {
		return notWasm(err)
	}
	if !bytes.Equal(head[:], wasmMagic) {
		if bytes.Equal(head[:4], wasmMagic[:4]) {
			return errors.New("not a core WebAssembly module, version 1 (components are not supported)")
		}
		return notWasm(nil)
	}
	count := 0
	for at := int64(len(head)); at < size; {
		if count++; count > maxSections {
			return fmt.Errorf("more than %d sections", maxSections)
		}
		s := section{start: at}
		var b [6]byte
		n, err := r.ReadAt(b[:min(int64(len(b)), size-at)], at)
		if n < 2 && err != nil && err != io.EOF {
			return err
		}
		length, width := uleb32(b[min(n, 1):n])
		if s.id = b[0]; width == 0 {
			return fmt.Errorf("section header at byte %d is cut short", at)
		}
		s.body = at + 1 + int64(width)
		if s.end = s.body + int64(length); s.end > size {
			return fmt.Errorf("section %d at byte %d claims %d bytes, %d are left", s.id, at, length, size-s.body)
		}
		if s.id == sectionCustom {
			if s.name, s.body, err = customName(r, s); err != nil {
				return err
			}
		}
		if err := visit(s); err != nil {
			return err
		}
		at = s.end
	}
	return nil
}

func notWasm(err error) error {
	if err != nil && err != io.EOF {
		return err
	}
	return errors.New("not a WebAssembly module")
}

// customName reads a custom section's name. Only a name as long as ours is read: the others are nobody's business.
func customName(r io.ReaderAt, s section) (name string, body int64, err error) {
	var b [5 + len(sectionName)]byte
	n, err := r.ReadAt(b[:min(int64(len(b)), s.end-s.body)], s.body)
	if err != nil && err != io.EOF {
		return "", 0, err
	}
	length, width := uleb32(b[:n])
	body = s.body + int64(width) + int64(length)
	if width == 0 || body > s.end {
		return "", 0, fmt.Errorf("custom section at byte %d has a name that is cut short", s.start)
	}
	if int(length) == len(sectionName) {
		name = string(b[width : width+int(length)])
	}
	return name, body, nil
}

// uleb32 reads an unsigned LEB128 of at most 32 bits; width 0 means there is none. A padded form is as good as the shortest.
func uleb32(b []byte) (v uint32, width int) {
	for i := 0; i < len(b) && i < 5; i++ {
		if i == 4 && b[i] > 0x0f {
			return 0, 0
		}
		v |= uint32(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

func appendULEB(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// readManifestSection returns the body of the section levee, nil when there is none.
func readManifestSection(r io.ReaderAt, size int64) ([]byte, error) {
	var doc []byte
	found := false
	err := sections(r, size, func(s section) error {
		if s.id != sectionCustom || s.name != sectionName {
			return nil
		}
		if found {
			return fmt.Errorf("two sections named %s", sectionName)
		}
		if s.end-s.body > maxManifest {
			return fmt.Errorf("section %s has %d bytes, at most %d", sectionName, s.end-s.body, maxManifest)
		}
		found, doc = true, make([]byte, s.end-s.body)
		_, err := r.ReadAt(doc, s.body)
		if err == io.EOF && s.end == size {
			err = nil
		}
		return err
	})
	return doc, err
}

// Pack returns the module with the manifest as its section levee, replacing one that is there. The manifest is checked, and
// against the module too: what it exports and imports.
func Pack(wasm, manifest []byte) ([]byte, error) {
	m, err := ParseManifest(manifest)
	if err != nil {
		return nil, err
	}
	f, err := readFacts(wasm)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(m.fits(f), m.runs(f)); err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(wasm)+len(manifest)+16), wasmMagic...)
	err = sections(bytes.NewReader(wasm), int64(len(wasm)), func(s section) error {
		if s.id != sectionCustom || s.name != sectionName {
			out = append(out, wasm[s.start:s.end]...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	body := append(appendULEB(nil, uint32(len(sectionName))), sectionName...)
	body = append(body, manifest...)
	out = appendULEB(append(out, sectionCustom), uint32(len(body)))
	if out = append(out, body...); len(out) > maxModule {
		return nil, fmt.Errorf("with its manifest the module has %d bytes, at most %d", len(out), maxModule)
	}
	return out, nil
}
