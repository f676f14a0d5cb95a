package value

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tableOfCSV reads CSV: a header, then rows; each column is the narrowest kind that all its fields have.
func tableOfCSV(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("the CSV is not UTF-8")
	}
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.ReuseRecord, r.LazyQuotes = true, true
	var s sheet
	for first := true; ; first = false {
		record, err := r.Read()
		switch {
		case err == io.EOF && first:
			return nil, errors.New("the table is empty: a table is JSON, or CSV with a line of names")
		case err == io.EOF:
			for i := range s.names {
				inferColumn(s.cells[i])
			}
			return s.encode()
		case err != nil:
			return nil, fmt.Errorf("bad CSV: %w", err)
		case first:
			s.header(record)
			continue
		}
		for i, field := range record {
			s.set(i, strings.Clone(field))
		}
		s.rows++
	}
}

// header names the columns: no name twice, and none without one.
func (s *sheet) header(record []string) {
	for i, field := range record {
		name := strings.TrimSpace(field)
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		unique := strings.Clone(name)
		for n := 2; ; n++ {
			if _, taken := s.index[unique]; !taken {
				break
			}
			unique = fmt.Sprintf("%s_%d", name, n)
		}
		s.column(unique)
	}
}

// inferColumn makes the fields of a column cells of one kind.
func inferColumn(fields []any) {
	for _, kind := range []Type{Bool, Int, Float} {
		cells, present := make([]any, len(fields)), false
		fits := true
		for i, field := range fields {
			text, _ := field.(string)
			var cell any
			if cell, fits = guess(kind, strings.TrimSpace(text)); !fits {
				break
			}
			cells[i], present = cell, present || cell != nil
		}
		if fits && present {
			copy(fields, cells)
			return
		}
		if fits {
			break
		}
	}
	for i, field := range fields {
		if field == "" {
			fields[i] = nil
		}
	}
}

var missingWords = []string{"NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-"}

// guess is a field as a cell of a kind; ok is false when it is none. What people mean as a text stays one: 007 and +49 are no
// numbers, and a whole number of more than 64 bits is an identifier.
func guess(kind Type, field string) (cell any, ok bool) {
	digits := strings.TrimPrefix(field, "-")
	code := len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
	if kind != Bool && (code || strings.HasPrefix(field, "+")) {
		return nil, false
	}
	switch {
	case field == "" || slices.Contains(missingWords, field):
		return nil, true
	case kind == Bool && strings.EqualFold(field, "true"):
		return true, true
	case kind == Bool && strings.EqualFold(field, "false"):
		return false, true
	case kind == Int:
		n, err := strconv.ParseInt(field, 10, 64)
		return n, err == nil
	case kind == Float:
		f, err := strconv.ParseFloat(field, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(field, "_xX") {
			return nil, false
		}
		_, tooLong := strconv.ParseInt(field, 10, 64)
		return f, math.Abs(f) < 9e18 || tooLong == nil || strings.Trim(digits, "0123456789") != ""
	}
	return nil, false
}
