package value

import (
	"context"
	"encoding/base64"
)

// ToJSON renders an encoding for people and machines. Types that JSON has no form for become an object that says what they
// are: {"type":"image","width":..}; tables become {"columns":[..],"rows":[[..]]} with at most maxRows rows (all if negative).
func ToJSON(t Type, enc []byte, maxRows int) ([]byte, error) {
	tree, err := toGo(t, enc, maxRows)
	if err != nil {
		return nil, err
	}
	return appendJSON(nil, tree), nil
}

func toGo(t Type, enc []byte, maxRows int) (any, error) {
	switch t {
	case Bool, Int, Float:
		if _, err := Canonical(context.Background(), t, enc); err != nil {
			return nil, err
		}
		switch t {
		case Bool:
			return DecodeBool(enc), nil
		case Int:
			return DecodeInt(enc), nil
		}
		return DecodeFloat(enc), nil
	case String:
		return string(enc), nil
	case Bytes:
		return base64.StdEncoding.EncodeToString(enc), nil
	case JSON:
		return parseJSON(enc)
	case Any:
		inner, enc, err := DecodeAny(enc)
		if err != nil {
			return nil, err
		}
		return toGo(inner, enc, maxRows)
	case File:
		f, err := DecodeFile(enc)
		return map[string]any{"path": f.Path, "size": f.Size, "digest": f.Digest.String()}, err
	case Image:
		info, _, err := DecodeImage(enc)
		return map[string]any{"type": "image", "width": int64(info.Width), "height": int64(info.Height), "channels": int64(info.Channels), "bits": int64(info.Bits)}, err
	case Table:
		return tableToGo(enc, maxRows)
	}
	if t.Elem() == "" {
		return map[string]any{"type": string(t), "size": int64(len(enc))}, nil
	}
	items, err := Items(enc)
	if err != nil {
		return nil, err
	}
	list, object := []any{}, map[string]any{}
	for i := range items {
		if t.Base() == "map" && i%2 == 0 {
			continue
		}
		x, err := toGo(t.Elem(), items[i], maxRows)
		if err != nil {
			return nil, err
		}
		if t.Base() == "map" {
			object[string(items[i-1])] = x
		}
		list = append(list, x)
	}
	if t.Base() == "map" {
		return object, nil
	}
	return list, nil
}

func tableToGo(enc []byte, maxRows int) (any, error) {
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
	return map[string]any{"columns": names, "rows": rowsOf(cols, shown), "count": int64(rows)}, nil
}
