package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"levee/cache"
	"levee/graph/value"
	"levee/runtime"
)

// maxFile bounds a file that a run reads: what a 32-bit guest could ever look at.
const maxFile = 4 << 30

// input hands a value to the engine: small ones as bytes, large ones as a descriptor of bytes that nobody can change.
func (r *Run) input(ctx context.Context, v value.Value) (runtime.Input, error) {
	if v.IsZero() {
		return runtime.Input{Absent: true}, nil
	}
	if enc, ok := v.Inline(); ok {
		return runtime.Input{Type: string(v.Type), Bytes: enc, Size: v.Size, Digest: v.Digest}, nil
	}
	f, err := r.open(ctx, v)
	return runtime.Input{Type: string(v.Type), File: f, Size: v.Size, Digest: v.Digest}, err
}

// open returns the verified bytes of a value that is not inline. The caller closes the file.
func (r *Run) open(ctx context.Context, v value.Value) (*os.File, error) {
	if one := r.pubs.known(v.Digest); one != nil {
		if err := one.wait(ctx); err != nil {
			return nil, err
		}
		if f := one.open(); f != nil { // there was no room for it in the cache
			return f, nil
		}
	}
	f, err := r.daemon.cache.Open(ctx, v)
	if err == nil || !errors.Is(err, cache.ErrLost) {
		return f, err
	}
	path, ok := r.files[v.Digest]
	if up := r.req.parent; !ok && up != nil {
		return up.open(ctx, v)
	}
	if !ok {
		return nil, fmt.Errorf("value %s: %w", v.Digest.Short(), err)
	}
	f, size, digest, err := r.seal(ctx, path, func(int64) error { return nil })
	if err != nil {
		return nil, err
	}
	if digest != v.Digest || size != v.Size {
		f.Close()
		return nil, fmt.Errorf("%s changed while the run was using it", path)
	}
	return f, nil
}

// seal copies a file below the workflow's folder into sealed memory, so that the bytes that were hashed are the bytes that a
// node reads, whatever happens to the file meanwhile. room is asked before the copy is made.
func (r *Run) seal(ctx context.Context, path string, room func(size int64) error) (*os.File, int64, value.Digest, error) {
	src, info, err := r.dir.Open(path, maxFile)
	if err == nil {
		defer src.Close()
		err = room(info.Size())
	}
	if err != nil {
		return nil, 0, value.Digest{}, err
	}
	return sealCopy(whileWanted{ctx, src}, info.Size())
}

// sealCopy copies a file that has size bytes, and may be growing.
func sealCopy(src io.Reader, size int64) (*os.File, int64, value.Digest, error) {
	fd, err := unix.MemfdCreate("levee-file", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, 0, value.Digest{}, fmt.Errorf("memfd: %v", err)
	}
	f := os.NewFile(uintptr(fd), "levee-file")
	var h value.Hasher
	n, err := io.CopyBuffer(io.MultiWriter(f, &h), io.LimitReader(src, size+1), make([]byte, 256<<10))
	if err == nil && n != size {
		err = errUnsettled
	}
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, 0, value.Digest{}, err
	}
	return f, size, h.Sum(), nil
}

// load returns the whole encoding of a value, for the graph: lists to be split, conditions, conversions.
func (r *Run) load(ctx context.Context, v value.Value) ([]byte, error) {
	if enc, ok := v.Inline(); ok {
		return enc, nil
	}
	f, err := r.open(ctx, v)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	enc := make([]byte, v.Size)
	_, err = io.ReadFull(io.NewSectionReader(f, 0, v.Size), enc)
	return enc, err
}

// output turns what a node wrote into a value: checked, canonical, named; kept in the cache's files when it is large.
func (r *Run) output(ctx context.Context, t value.Type, out runtime.Output) (value.Value, error) {
	if out.File == nil {
		return r.keep(ctx, t, out.Bytes)
	}
	v, err := r.daemon.cache.PutFile(ctx, t, out.File)
	if !errors.Is(err, cache.ErrFull) {
		return v, err
	}
	if none := r.unstored.take(out.Size); none != nil {
		return value.Value{}, fmt.Errorf("%w; %w", err, none)
	}
	enc := make([]byte, out.Size)
	if _, err := io.ReadFull(io.NewSectionReader(out.File, 0, out.Size), enc); err != nil {
		return value.Value{}, err
	}
	return value.New(ctx, t, enc)
}

// keep makes a value of bytes in memory. On a full disk the run goes on with the value in memory.
func (r *Run) keep(ctx context.Context, t value.Type, enc []byte) (value.Value, error) {
	v, err := r.daemon.cache.PutValue(ctx, t, enc)
	if !errors.Is(err, cache.ErrFull) {
		return v, err
	}
	if none := r.unstored.take(int64(len(enc))); none != nil {
		return value.Value{}, fmt.Errorf("%w; %w", err, none)
	}
	return value.New(ctx, t, enc)
}

// hold counts values that are in memory, for which a run that has ended had counted so much.
func (r *Run) hold(list []value.Value, counted int64) error {
	var size int64
	for _, v := range list {
		if _, inline := v.Inline(); inline && v.Size > value.InlineMax {
			size += v.Size
		}
	}
	if size = min(size, counted); size == 0 {
		return nil
	}
	if none := r.unstored.take(size); none != nil {
		return fmt.Errorf("%w; %w", cache.ErrFull, none)
	}
	return nil
}

// save builds a value of a prefix and the encodings of others, without holding them all in memory unless the disk is full.
func (r *Run) save(ctx context.Context, t value.Type, prefix []byte, parts []value.Value) (value.Value, error) {
	pr, pw := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { pw.CloseWithError(r.write(ctx, pw, prefix, parts)) })
	// The parts are checked values and the prefix is ours, so the whole needs no check: it is stored as bytes of type t.
	v, err := r.daemon.cache.PutReader(ctx, pr)
	pr.Close()
	wg.Wait()
	if v.Type = t; !errors.Is(err, cache.ErrFull) {
		return v, err
	}
	size := int64(len(prefix))
	for _, p := range parts {
		size += p.Size
	}
	if none := r.unstored.take(size); none != nil {
		return value.Value{}, fmt.Errorf("%w; %w", err, none)
	}
	enc := bytes.NewBuffer(make([]byte, 0, size))
	err = r.write(ctx, enc, prefix, parts)
	return value.Loaded(t, value.Sum(enc.Bytes()), enc.Bytes()), err
}

// write writes a prefix and the encodings of values.
func (r *Run) write(ctx context.Context, w io.Writer, prefix []byte, parts []value.Value) error {
	_, err := w.Write(prefix)
	for _, p := range parts {
		if err != nil {
			break
		}
		err = r.copyTo(ctx, w, p)
	}
	return err
}

func (r *Run) copyTo(ctx context.Context, w io.Writer, v value.Value) error {
	src, err := r.reader(ctx, v)
	if err != nil {
		return err
	}
	defer src.Close()
	_, err = io.Copy(w, io.NewSectionReader(src, 0, v.Size))
	return err
}

type readAtCloser interface {
	io.ReaderAt
	io.Closer
}

type inlineBytes struct{ *bytes.Reader }

func (inlineBytes) Close() error { return nil }

// reader opens a value's encoding for reading at any place.
func (r *Run) reader(ctx context.Context, v value.Value) (readAtCloser, error) {
	if enc, ok := v.Inline(); ok {
		return inlineBytes{bytes.NewReader(enc)}, nil
	}
	return r.open(ctx, v)
}
