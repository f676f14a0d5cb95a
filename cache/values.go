package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"levee/cache/sqlite"
	"levee/graph/value"
)

// ErrFull says that there is no room for what was to be stored. The run can go on with the value in memory.
var ErrFull = errors.New("cache: the disk, quota or size limit is full")

// ErrLost says that the bytes of a value are not there any more: removed by trimming or by hand, or damaged (then they
// were removed now). Entries that need them are misses from now on, so running the node again makes them anew.
var ErrLost = errors.New("cache: the bytes of the value are gone")

// EncodingError says that bytes are no encoding of the type they were given as: the node that wrote them is wrong.
type EncodingError struct {
	Type value.Type
	Err  error
}

func (e *EncodingError) Error() string {
	return fmt.Sprintf("not a value of type %s: %v", e.Type, e.Err)
}

func (e *EncodingError) Unwrap() error { return e.Err }

// PutValue checks an encoding, makes it canonical and names it. Up to value.InlineMax the value carries its bytes and
// nothing is written; a larger one is on disk when PutValue returns. With ErrFull the returned value is named, but not
// stored. enc must not be changed afterwards. The check of a large encoding ends soon after ctx did.
func (c *Cache) PutValue(ctx context.Context, t value.Type, enc []byte) (value.Value, error) {
	v, err := value.New(ctx, t, enc)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return value.Value{}, ctx.Err()
	default:
		return value.Value{}, &EncodingError{Type: t, Err: err}
	}
	if v.Size <= value.InlineMax {
		return v, nil
	}
	canon, _ := v.Inline()
	stored := value.Stored(t, v.Digest, v.Size)
	return stored, c.storeBytes(ctx, v.Digest, canon)
}

// PutFile is PutValue for the content of a sealed memory file, which is read in place, never copied to the heap. Another
// file is streamed when t is bytes, and refused otherwise, because it could change between check and copy.
func (c *Cache) PutFile(ctx context.Context, t value.Type, f *os.File) (v value.Value, err error) {
	info, err := f.Stat()
	if err != nil {
		return value.Value{}, fmt.Errorf("cache: %w", err)
	}
	switch size := info.Size(); {
	case size <= value.InlineMax:
		enc, err := io.ReadAll(io.NewSectionReader(f, 0, value.InlineMax+1))
		if err != nil {
			return value.Value{}, fmt.Errorf("cache: %w", err)
		}
		return c.PutValue(ctx, t, enc)
	case sealed(f):
		err = mapped(f, size, func(enc []byte) error {
			var err error
			v, err = c.PutValue(ctx, t, enc)
			// A canonical form can be smaller than what was written (JSON), and so a part of the mapping that ends here.
			if small, ok := v.Inline(); ok {
				v = value.Loaded(v.Type, v.Digest, append([]byte(nil), small...))
			}
			return err
		})
		return v, err
	case t == value.Bytes:
		return c.PutReader(ctx, io.NewSectionReader(f, 0, size))
	}
	return value.Value{}, fmt.Errorf("cache: a %s over %d bytes must come as bytes or as a sealed memory file", t, value.InlineMax)
}

// PutReader is PutValue for a value of type bytes of unknown size, which is never held in memory as a whole.
func (c *Cache) PutReader(ctx context.Context, r io.Reader) (value.Value, error) {
	head, err := io.ReadAll(io.LimitReader(r, value.InlineMax+1))
	if err != nil {
		return value.Value{}, fmt.Errorf("cache: %w", err)
	}
	if len(head) <= value.InlineMax {
		return c.PutValue(ctx, value.Bytes, head)
	}
	d, size, err := c.files.put(ctx, func(w io.Writer) (value.Digest, int64, error) {
		var h value.Hasher
		both := io.MultiWriter(w, &h)
		if _, err := both.Write(head); err != nil {
			return value.Digest{}, 0, err
		}
		_, err := io.CopyBuffer(both, &ctxReader{ctx, r}, make([]byte, copyBuffer))
		return h.Sum(), h.Size(), err
	})
	if err != nil {
		return value.Value{}, c.putFailed(err)
	}
	c.grown(size)
	return value.Stored(value.Bytes, d, size), nil
}

// storeBytes writes a value file unless it is there.
func (c *Cache) storeBytes(ctx context.Context, d value.Digest, enc []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.files.whole(ctx, d, int64(len(enc))) {
		return nil
	}
	write := func(w io.Writer) (value.Digest, int64, error) {
		_, err := w.Write(enc)
		return d, int64(len(enc)), err
	}
	_, _, err := c.files.put(ctx, write)
	if errors.Is(err, os.ErrNotExist) { // the directory was removed just then
		_, _, err = c.files.put(ctx, write)
	}
	if err != nil {
		return c.putFailed(err)
	}
	c.grown(int64(len(enc)))
	return nil
}

// putFailed turns the error of a write into ErrFull where it is one, and has room made for the next.
func (c *Cache) putFailed(err error) error {
	if !sqlite.IsFull(err) {
		return fmt.Errorf("cache: %w", err)
	}
	c.count.full.Add(1)
	c.keep.trimTo(makeRoom)
	return fmt.Errorf("%w (%v)", ErrFull, err)
}

// Open returns a read-only descriptor, at offset 0, of the bytes of a value over value.InlineMax. They were hashed and
// are those that the digest names. The caller closes it. The error is ErrLost when there are none.
func (c *Cache) Open(ctx context.Context, v value.Value) (*os.File, error) {
	f, err := c.files.open(ctx, v.Digest, v.Size)
	switch {
	case err == nil:
		return f, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, errDamaged):
		c.count.damaged.Add(1)
		c.log.Warn("a value file was damaged and has been removed", "digest", v.Digest.Short(), "why", err)
	case errors.Is(err, os.ErrNotExist):
	default:
		return nil, fmt.Errorf("cache: %w", err) // too many open files, say: the value itself may be fine
	}
	return nil, fmt.Errorf("%w: %s %s", ErrLost, v.Type, v.Digest.Short())
}

// Bytes returns the encoding of any value, in memory: for outputs and for people, not for passing large values on.
func (c *Cache) Bytes(ctx context.Context, v value.Value) ([]byte, error) {
	if enc, ok := v.Inline(); ok {
		return enc, nil
	}
	f, err := c.Open(ctx, v)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	enc := make([]byte, v.Size)
	if _, err := io.ReadFull(f, enc); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return enc, nil
}

// ctxReader ends a copy when its context does.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
