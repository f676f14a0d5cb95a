package daemon

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"levee/graph"
	"levee/graph/value"
	"levee/watch"
)

// writeOutputs writes the outputs that the workflow wants as files, and returns the paths of those whose content changed
// or was not there.
func (r *Run) writeOutputs(ctx context.Context, outputs []graph.OutputValue) ([]string, error) {
	var written []string
	for _, o := range outputs {
		if o.Output.File == "" || o.Value.IsZero() {
			continue
		}
		files, err := r.outputFiles(ctx, o.Output, o.Value, o.Names)
		if err != nil {
			return written, fmt.Errorf("output %s: %w", o.Output.Name, err)
		}
		for _, f := range files {
			if ctx.Err() != nil {
				return written, context.Cause(ctx)
			}
			changed, err := r.writeOutput(ctx, f)
			if err != nil {
				return written, fmt.Errorf("output %s: %s: %w", o.Output.Name, f.path, err)
			}
			if changed {
				written = append(written, f.path)
			}
		}
	}
	return written, nil
}

// outputFile is a part of a value that belongs into a file.
type outputFile struct {
	path string
	from value.Value
	span value.Span
}

// maxOutputFiles bounds the files of one output: how many elements a list has is up to the node that made it.
const maxOutputFiles = 100_000

// outputFiles says which bytes go where: a list fills one file per item, named by Names or by index.
func (r *Run) outputFiles(ctx context.Context, o *graph.Output, v, names value.Value) ([]outputFile, error) {
	if v.Type.Base() != "list" {
		return []outputFile{{path: o.File, from: v, span: value.Span{Len: v.Size}}}, nil
	}
	src, err := r.reader(ctx, v)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	spans, err := value.ReadSpans(src, v.Size)
	if err != nil {
		return nil, err
	}
	if len(spans) > maxOutputFiles {
		return nil, fmt.Errorf("%d elements, at most %d files are written", len(spans), maxOutputFiles)
	}
	stems, err := r.outputNames(ctx, names, len(spans))
	if err != nil {
		return nil, err
	}
	files, seen := make([]outputFile, len(spans)), make(map[string]int, len(spans))
	for i, s := range spans {
		path := strings.Replace(o.File, "*", stems[i], 1)
		if err := watch.CheckPath(path); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		if first, dup := seen[path]; dup {
			return nil, fmt.Errorf("elements %d and %d are both named %s", first, i, path)
		}
		seen[path] = i
		files[i] = outputFile{path: path, from: v, span: s}
	}
	return files, nil
}

func (r *Run) outputNames(ctx context.Context, v value.Value, n int) ([]string, error) {
	names := make([]string, n)
	if v.IsZero() {
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		return names, nil
	}
	enc, err := r.load(ctx, v)
	if err != nil {
		return nil, err
	}
	items, err := value.Items(enc)
	if err != nil {
		return nil, err
	}
	if len(items) != n {
		return nil, fmt.Errorf("%d names for %d elements", len(items), n)
	}
	for i, it := range items {
		if names[i] = string(it); strings.ContainsAny(names[i], "/\\") {
			return nil, fmt.Errorf("element %d: the name %q has a slash", i, names[i])
		}
	}
	return names, nil
}

// writeOutput reports whether the file had to be written.
func (r *Run) writeOutput(ctx context.Context, f outputFile) (bool, error) {
	if err := r.mayWrite(f.path); err != nil {
		return false, err
	}
	src, err := r.reader(ctx, f.from)
	if err != nil {
		return false, err
	}
	defer src.Close()
	return r.replace(f.path, func() io.Reader { return io.NewSectionReader(src, f.span.Off, f.span.Len) }, f.span.Len)
}

// replace makes a file hold what open gives, and reports whether it did not already.
func (r *Run) replace(name string, open func() io.Reader, size int64) (bool, error) {
	if same, err := r.dir.Same(name, open(), size); err == nil && same {
		return false, nil
	}
	err := r.dir.WriteFile(name, open(), size)
	return err == nil, err
}
