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
// or was not there. Where they cannot all be what the workflow says, none is written.
func (r *Run) writeOutputs(ctx context.Context, outputs []graph.OutputValue) ([]string, error) {
	var files []outputFile
	for _, o := range outputs {
		if o.Output.File == "" || o.Value.IsZero() {
			continue
		}
		more, err := r.outputFiles(ctx, o.Output, o.Value, o.Names)
		if files = append(files, more...); err == nil && len(files) > maxOutputFiles {
			err = fmt.Errorf("the outputs have %d files so far, at most %d are written", len(files), maxOutputFiles)
		}
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Output.Name, err)
		}
	}
	if err := apart(files); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := r.mayWrite(f.path); err != nil {
			return nil, fmt.Errorf("output %s: %s: %w", f.output, f.path, err)
		}
	}
	if err := r.claimOutputs(ctx, files); err != nil {
		return nil, err
	}
	var written []string
	for _, f := range files {
		if ctx.Err() != nil {
			return written, context.Cause(ctx)
		}
		changed, err := r.writeOutput(ctx, f)
		if err != nil {
			return written, fmt.Errorf("output %s: %s: %w", f.output, f.path, err)
		}
		if changed {
			written = append(written, f.path)
		}
	}
	return written, nil
}

// outputFile is a part of a value that belongs into a file.
type outputFile struct {
	output  string
	element int // of the output's list
	path    string
	from    value.Value
	span    value.Span
}

// content reads what belongs into the file out of the value's bytes.
func (f *outputFile) content(ctx context.Context, value io.ReaderAt) io.Reader {
	return whileWanted{ctx, io.NewSectionReader(value, f.span.Off, f.span.Len)}
}

// maxOutputFiles bounds the files of a run: how many elements a list has is up to the node that made it.
const maxOutputFiles = 100_000

// apart finds two that would be one file.
func apart(files []outputFile) error {
	taken := make(map[string]int, len(files))
	for i, f := range files {
		first, dup := taken[f.path]
		switch taken[f.path] = i; {
		case dup && files[first].output == f.output:
			return fmt.Errorf("output %s: elements %d and %d are both named %s", f.output, files[first].element, f.element, f.path)
		case dup:
			return fmt.Errorf("outputs %s and %s are both written to %s", files[first].output, f.output, f.path)
		}
	}
	return nil
}

// claimOutputs is for the run of a node, beside which others write. What a run of its own writes comes after all that its nodes wrote.
func (r *Run) claimOutputs(ctx context.Context, files []outputFile) error {
	if r.way == "" {
		return nil
	}
	contents := make([]content, len(files))
	for i, f := range files {
		src, err := r.reader(ctx, f.from)
		if err != nil {
			return err
		}
		digest, _, err := value.SumReader(f.content(ctx, src))
		src.Close()
		if err != nil {
			return err
		}
		contents[i] = content{f.path, digest}
	}
	return r.claim("", contents...)
}

// outputFiles says which bytes go where: a list fills one file per item, named by Names or by index.
func (r *Run) outputFiles(ctx context.Context, o *graph.Output, v, names value.Value) ([]outputFile, error) {
	if v.Type.Base() != "list" {
		return []outputFile{{output: o.Name, path: o.File, from: v, span: value.Span{Len: v.Size}}}, nil
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
	files := make([]outputFile, len(spans))
	for i, s := range spans {
		path := strings.Replace(o.File, "*", stems[i], 1)
		if err := watch.CheckPath(path); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		files[i] = outputFile{output: o.Name, element: i, path: path, from: v, span: s}
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
	src, err := r.reader(ctx, f.from)
	if err != nil {
		return false, err
	}
	defer src.Close()
	return r.replace(f.path, func() io.Reader { return f.content(ctx, src) }, f.span.Len)
}

// replace makes a file hold what open gives, and reports whether it did not already.
func (r *Run) replace(name string, open func() io.Reader, size int64) (bool, error) {
	if same, err := r.dir.Same(name, open(), size); err == nil && same {
		return false, nil
	}
	err := r.dir.WriteFile(name, open(), size)
	return err == nil, err
}
