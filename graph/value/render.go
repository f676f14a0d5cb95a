package value

import "encoding/base64"

// ToJSON renders an encoding for people and machines. Types that JSON has no form for become an object that says what they
// are: {"type":"image","width":..}; tables become {"columns":[..],"rows":[[..]]} with at most maxRows rows (all if negative).
func ToJSON(t Type, enc []byte, maxRows int) ([]byte, error) {
	return appendValue(nil, t, enc, maxRows)
}

func appendValue(b []byte, t Type, enc []byte, maxRows int) ([]byte, error) {
	switch t {
	case Bool, Int, Float:
		if err := checkPlain(t, enc); err != nil {
			return nil, err
		}
		switch t {
		case Bool:
			return appendJSON(b, DecodeBool(enc)), nil
		case Int:
			return appendJSON(b, DecodeInt(enc)), nil
		}
		return appendJSON(b, DecodeFloat(enc)), nil
	case String:
		return appendJSONString(b, string(enc)), nil
	case Bytes:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), enc), '"'), nil
	case JSON:
		doc, err := CanonicalJSON(enc)
		return append(b, doc...), err
	case Any:
		inner, enc, err := DecodeAny(enc)
		if err != nil {
			return nil, err
		}
		return appendValue(b, inner, enc, maxRows)
	case File:
		f, err := DecodeFile(enc)
		return appendJSON(b, map[string]any{"path": f.Path, "size": f.Size, "digest": f.Digest.String()}), err
	case Image:
		info, _, err := DecodeImage(enc)
		return appendJSON(b, map[string]any{"type": "image", "width": int64(info.Width), "height": int64(info.Height), "channels": int64(info.Channels), "bits": int64(info.Bits)}), err
	case Table:
		return appendTable(b, enc, maxRows)
	}
	if t.Elem() == "" {
		return appendJSON(b, map[string]any{"type": string(t), "size": int64(len(enc))}), nil
	}
	return appendItems(b, t, enc, maxRows)
}

// appendItems writes a list as an array, and a map, whose keys are in order, as an object.
func appendItems(b []byte, t Type, enc []byte, maxRows int) ([]byte, error) {
	items, err := Items(enc)
	if err != nil {
		return nil, err
	}
	elem, isMap, brackets := t.Elem(), t.Base() == "map", "[]"
	if isMap {
		brackets = "{}"
	}
	b = append(b, brackets[0])
	for i, item := range items {
		if isMap && i%2 == 1 {
			b = append(b, ':')
		} else if i > 0 {
			b = append(b, ',')
		}
		if isMap && i%2 == 0 {
			b = appendJSONString(b, string(item))
		} else if b, err = appendValue(b, elem, item, maxRows); err != nil {
			return nil, err
		}
	}
	return append(b, brackets[1]), nil
}

func appendTable(b, enc []byte, maxRows int) ([]byte, error) {
	cols, rows, err := DecodeTable(enc)
	if err != nil {
		return nil, err
	}
	names := []any{}
	for _, c := range cols {
		names = append(names, c.Name)
	}
	shown := rows
	if maxRows >= 0 {
		shown = min(rows, maxRows)
	}
	return appendJSON(b, map[string]any{"columns": names, "rows": rowsOf(cols, shown), "count": int64(rows)}), nil
}
