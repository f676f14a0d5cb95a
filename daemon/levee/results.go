package main

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph/value"
)

// shownBytes is how long a value may be that is printed in full.
const shownBytes = 2 << 10

// printOutputs writes the results to stdout: small values as they are, large ones by what they are and where they went.
func (a *app) printOutputs(flow *daemon.Workflow, prefix string, outputs []journal.Named) {
	for _, o := range outputs {
		fmt.Fprintf(a.out, "%s%s: %s\n", prefix, o.Name, showOutput(flow, o))
	}
}

// showOutput shows an output; one that went into a file, and is too long or no text, by that file.
func showOutput(flow *daemon.Workflow, o journal.Named) string {
	file := ""
	for i := range flow.Graph.Outputs {
		if out := &flow.Graph.Outputs[i]; out.Name == o.Name {
			file = out.File
		}
	}
	if file == "" {
		return showValue(o.Value)
	}
	if text, ok := showSmall(o.Value); ok && o.Value.Type != value.Bytes {
		return text
	}
	text := fmt.Sprintf("%s, %s, in %s", o.Value.Type, daemon.SizeText(o.Value.Size), file)
	if enc, ok := o.Value.Inline(); ok && o.Value.Type.Base() == "list" {
		if items, err := value.Items(enc); err == nil {
			text = fmt.Sprintf("%s, %s, in %s", daemon.CountText(len(items), "file"), daemon.SizeText(o.Value.Size), file)
		}
	}
	return daemon.Printable(text)
}

// showValue shows a value of which nothing more is known.
func showValue(v value.Value) string {
	if text, ok := showSmall(v); ok {
		return text
	}
	if enc, ok := v.Inline(); ok && v.Type == value.Image {
		if info, _, err := value.DecodeImage(enc); err == nil {
			return fmt.Sprintf("image of %d x %d, %s (%s)", info.Width, info.Height, daemon.SizeText(v.Size), v.Digest.Short())
		}
	}
	return fmt.Sprintf("%s, %s (%s)", v.Type, daemon.SizeText(v.Size), v.Digest.Short())
}

// showSmall writes a value that is short enough to be read. Bytes that are a text are shown as one.
func showSmall(v value.Value) (text string, ok bool) {
	enc, ok := v.Inline()
	switch {
	case !ok, v.Type == value.Image:
		return "", false
	case v.Type == value.Table:
		text, err := showTable(enc)
		return text, err == nil
	case v.Type == value.String, v.Type == value.Bytes:
		if v.Size > shownBytes || v.Type == value.Bytes && !isText(enc) {
			return "", false
		}
		return showText(string(enc)), true
	}
	js, err := value.ToJSON(v.Type, enc, shownRows)
	return daemon.Printable(string(js)), err == nil && len(js) <= shownBytes
}

// showText begins a text of several lines on a line of its own.
func showText(text string) string {
	text = daemon.PrintableLines(strings.TrimRight(text, "\n"))
	if strings.Contains(text, "\n") {
		return "\n" + text
	}
	return text
}

func isText(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	}) < 0
}
