package value

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Tables as people write them: JSON as table/from_json takes it, and CSV as table/read_csv reads it when nothing else is said. A
// test of the daemon holds both against these nodes.

// maxTableText bounds a table that is written as text: its cells take some ten times as much memory.
const maxTableText = 64 << 20

// parseTable reads what a person gave for a table: JSON when it begins like that, else CSV.
func parseTable(text string) (Value, error) {
	if len(text) > maxTableText {
		return Value{}, fmt.Errorf("a table of %d bytes of text, at most %d: make the input bytes, and read it with table/read_csv", len(text), maxTableText)
	}
	if head := strings.TrimLeft(text, " \t\r\n"); head != "" && (head[0] == '[' || head[0] == '{') {
		return FromJSON(Table, []byte(text))
	}
	if !strings.Contains(text, "\n") {
		return Value{}, &LiteralError{Want: Table, Got: strconv.Quote(text[:min(len(text), 40)]), Hint: "JSON: a list of rows, or columns and rows; or CSV: a line of names, then rows"}
	}
	enc, err := tableOfCSV(text)
	if err != nil {
		return Value{}, err
	}
	return of(Table, enc), nil
}

// sheet is a table that grows by rows.
type sheet struct {
	names []string
	kinds []Type // what a column must be; "" for what its cells are
	index map[string]int
	cells [][]any
	rows  int
}

func (s *sheet) column(name string) int {
	if i, ok := s.index[name]; ok {
		return i
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[name] = len(s.names)
	s.names, s.kinds, s.cells = append(s.names, name), append(s.kinds, ""), append(s.cells, nil)
	return len(s.names) - 1
}

// set puts a cell into the row that is being made; rows without it stay without a value.
func (s *sheet) set(column int, cell any) {
	for len(s.cells[column]) < s.rows {
		s.cells[column] = append(s.cells[column], nil)
	}
	s.cells[column] = append(s.cells[column], cell)
}

func (s *sheet) encode() ([]byte, error) {
	if len(s.names) > maxColumns {
		return nil, fmt.Errorf("a table of %d columns, at most %d", len(s.names), maxColumns)
	}
	if len(s.names) == 0 {
		s.rows = 0
	}
	kinds := make([]Type, len(s.names))
	for i := range s.names {
		for len(s.cells[i]) < s.rows {
			s.cells[i] = append(s.cells[i], nil)
		}
		if kinds[i] = s.kinds[i]; kinds[i] == "" {
			kinds[i] = commonKind(s.cells[i])
		}
		for k, cell := range s.cells[i] {
			s.cells[i][k] = cellAs(kinds[i], cell)
		}
	}
	return EncodeTable(s.names, kinds, s.cells)
}

// commonKind is the kind that holds all cells: int and float make float, everything else that differs is text.
func commonKind(cells []any) (kind Type) {
	for _, cell := range cells {
		switch k := kindOf(cell); {
		case k == "" || k == kind:
		case kind == "":
			kind = k
		case (k == Int || k == Float) && (kind == Int || kind == Float):
			kind = Float
		default:
			return String
		}
	}
	if kind == "" {
		return String
	}
	return kind
}

func kindOf(cell any) Type {
	switch cell.(type) {
	case bool:
		return Bool
	case int64:
		return Int
	case float64:
		return Float
	case string:
		return String
	}
	return ""
}

func cellAs(kind Type, cell any) any {
	n, whole := cell.(int64)
	switch {
	case cell == nil || kindOf(cell) == kind:
		return cell
	case kind == Float && whole:
		return float64(n)
	}
	return cellText(cell)
}

// cellText is how a cell is written among texts.
func cellText(cell any) string {
	switch cell := cell.(type) {
	case string:
		return cell
	case float64:
		switch {
		case math.IsNaN(cell):
			return "NaN"
		case math.IsInf(cell, 0):
			return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(cell, 'g', -1, 64)), "+")
		}
	}
	return string(appendJSON(nil, cell))
}

// encodeGoTable makes a table of a list of rows, each a map of its cells, or of a map with columns and rows, or columns and data.
// A column is its name, or a map with its name and, under type or data_type, its kind.
func encodeGoTable(x any, path string) ([]byte, error) {
	bad := func(at string, x any, hint string) ([]byte, error) {
		return nil, &LiteralError{Path: path + at, Want: Table, Got: describe(x), Hint: hint}
	}
	var s sheet
	switch x := x.(type) {
	case []any:
		for i, row := range x {
			cells, ok := row.(map[string]any)
			if !ok {
				return bad(fmt.Sprintf("[%d]", i), row, "a row is a map of its cells")
			}
			for _, name := range slices.Sorted(maps.Keys(cells)) {
				cell, err := cellOf(cells[name])
				if err != nil {
					return bad(fmt.Sprintf("[%d].%s", i, name), cells[name], err.Error())
				}
				s.set(s.column(name), cell)
			}
			s.rows++
		}
	case map[string]any:
		if at, wrong, hint := s.grid(x); hint != "" {
			return bad(at, wrong, hint)
		}
	default:
		return bad("", x, "a list of rows, or columns and rows")
	}
	for _, name := range s.names {
		if !utf8.ValidString(name) {
			return bad("", x, "the names of columns are UTF-8")
		}
	}
	enc, err := s.encode()
	if err != nil {
		return bad("", x, err.Error())
	}
	return enc, nil
}

// TableLiteral is a table as the literal that gives the same table, with the kinds of its columns.
func TableLiteral(enc []byte) ([]byte, error) {
	cols, rows, err := DecodeTable(enc)
	if err != nil {
		return nil, err
	}
	columns := []any{}
	for _, c := range cols {
		columns = append(columns, map[string]any{"name": c.Name, "type": string(c.Kind)})
	}
	return appendJSON(nil, map[string]any{"columns": columns, "rows": rowsOf(cols, rows)}), nil
}

// rowsOf lists the first n rows.
func rowsOf(cols []Column, n int) []any {
	list := make([]any, n)
	for i := range list {
		row := make([]any, len(cols))
		for k := range cols {
			row[k] = cols[k].Cell(i)
		}
		list[i] = row
	}
	return list
}

// grid reads columns, and rows or data. It returns what is wrong, where, and why.
func (s *sheet) grid(m map[string]any) (at string, wrong any, hint string) {
	rowsKey := "rows"
	if _, ok := m[rowsKey]; !ok {
		rowsKey = "data"
	}
	columns, ok := m["columns"].([]any)
	rows, also := m[rowsKey].([]any)
	if !ok || !also {
		return "", m, "a list of rows, or columns and rows"
	}
	for i, c := range columns {
		name, kind, ok := columnOf(c)
		if !ok {
			return fmt.Sprintf(".columns[%d]", i), c, "a name, or a map with name and type: bool, int, float or string"
		}
		if s.column(name) != i {
			return fmt.Sprintf(".columns[%d]", i), c, "this name is there twice"
		}
		s.kinds[i] = kind
	}
	for i, row := range rows {
		list, ok := row.([]any)
		if !ok || len(list) != len(columns) {
			return fmt.Sprintf(".%s[%d]", rowsKey, i), row, fmt.Sprintf("a row is a list of %d cells here", len(columns))
		}
		for k := range list {
			cell, err := cellOf(list[k])
			if err == nil && cell != nil && s.kinds[k] != "" && kindOf(cellAs(s.kinds[k], cell)) != s.kinds[k] {
				err = fmt.Errorf("the column is %s", s.kinds[k])
			}
			if err != nil {
				return fmt.Sprintf(".%s[%d][%d]", rowsKey, i, k), list[k], err.Error()
			}
			s.set(k, cell)
		}
		s.rows++
	}
	return "", nil, ""
}

// columnOf reads a column. The kinds object and datetime of other systems are whatever the cells are.
func columnOf(x any) (name string, kind Type, ok bool) {
	switch x := x.(type) {
	case string:
		return x, "", true
	case map[string]any:
		if name, ok = x["name"].(string); !ok {
			return "", "", false
		}
		for _, key := range []string{"type", "data_type"} {
			if text, ok := x[key].(string); ok {
				kind = Type(text)
			}
		}
		switch kind {
		case "", "object", "datetime":
			return name, "", true
		case Bool, Int, Float, String:
			return name, kind, true
		}
	}
	return "", "", false
}

// cellOf is a literal as a cell; lists and maps in it are JSON.
func cellOf(x any) (any, error) {
	switch v := x.(type) {
	case nil, bool, int64, float64:
		return x, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errors.New("it is not UTF-8")
		}
		return v, nil
	case json.Number:
		if n, isNumber := numberOf(v).(json.Number); isNumber {
			f, err := n.Float64()
			return f, err
		}
		return numberOf(v), nil
	}
	tree, err := jsonTree(x)
	if err != nil {
		return nil, err
	}
	return string(appendJSON(nil, tree)), nil
}
