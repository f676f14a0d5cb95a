package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"levee/daemon"
	"levee/graph/value"
)

// widest is the most that one cell makes its column wide: a longer one, such as a name of 200 letters, pushes only its own row.
const widest = 48

// writeColumns writes rows with their cells under each other, two spaces apart and without spaces at the ends of lines. Columns for
// which right holds are set to the right.
func writeColumns(w io.Writer, rows [][]string, right func(col int) bool) {
	var wide []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			if n := utf8.RuneCountInString(cell); n <= widest {
				wide[i] = max(wide[i], n)
			}
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", max(0, wide[i]-utf8.RuneCountInString(cell)))
			if i > 0 {
				b.WriteString("  ")
			}
			if right != nil && right(i) {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		io.WriteString(w, strings.TrimRight(b.String(), " ")+"\n")
	}
}

const shownRows = 10

// showTable writes the first rows of a table in columns, numbers to the right.
func showTable(enc []byte) (string, error) {
	cols, rows, err := value.DecodeTable(enc)
	if err != nil {
		return "", err
	}
	lines := make([][]string, 1+min(rows, shownRows))
	for i := range cols {
		lines[0] = append(lines[0], daemon.Printable(cols[i].Name))
		for r := range min(rows, shownRows) {
			lines[1+r] = append(lines[1+r], showCell(cols[i].Cell(r)))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table of %s\n", daemon.CountText(rows, "row"))
	writeColumns(&b, lines, func(col int) bool { return cols[col].Kind == value.Int || cols[col].Kind == value.Float })
	text := strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\n", "\n  ")
	if rows > shownRows {
		text += fmt.Sprintf("\n  and %d more", rows-shownRows)
	}
	return text, nil
}

// showCell writes a cell; of floats with many digits only the first seven.
func showCell(cell any) string {
	switch x := cell.(type) {
	case nil:
		return ""
	case float64:
		format := byte('f')
		if size := math.Abs(x); size != 0 && (size < 1e-4 || size >= 1e15) {
			format = 'g'
		}
		text := strconv.FormatFloat(x, format, -1, 64)
		if len(text) > 10 && (format == 'g' || math.Abs(x) < 1e6) {
			text = strconv.FormatFloat(x, 'g', 7, 64)
		}
		return text
	}
	return daemon.Printable(fmt.Sprint(cell))
}
