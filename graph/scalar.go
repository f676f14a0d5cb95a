package graph

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

const maxDigits = 1000

// plainScalar resolves an unquoted YAML scalar by the core schema of YAML 1.2 (section 10.3.2). Where readers of YAML 1.1
// would understand something else, surprise says what to write instead.
func plainScalar(s string) (x any, surprise string) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil, ""
	case "true", "True", "TRUE":
		return true, ""
	case "false", "False", "FALSE":
		return false, ""
	case ".nan", ".NaN", ".NAN":
		return math.NaN(), ""
	}
	switch strings.ToLower(s) {
	case "yes", "on":
		return s, fmt.Sprintf("%s is true to some YAML readers and a text to others: write true or %q", s, s)
	case "no", "off":
		return s, fmt.Sprintf("%s is false to some YAML readers and a text to others: write false or %q", s, s)
	case ".inf", "+.inf":
		return math.Inf(1), ""
	case "-.inf":
		return math.Inf(-1), ""
	}
	return plainNumber(s)
}

func plainNumber(s string) (x any, surprise string) {
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 || body == "" || (body[0] != '.' && !isDigit(body[0])) {
		return s, ""
	}
	switch {
	case allDigits(body, isDigit):
		if len(body) > 1 && body[0] == '0' {
			if allDigits(body, isOctal) {
				return s, fmt.Sprintf("%s is octal to some YAML readers and decimal to others: write %s or %q", clip(s), clip(strings.TrimLeft(body[:len(body)-1], "0")+body[len(body)-1:]), clip(s))
			}
			return s, fmt.Sprintf("%s is a number to some YAML readers and a text to others: write it without the leading 0, or in quotes", clip(s))
		}
		return integer(s)
	case len(body) == len(s) && strings.HasPrefix(s, "0x") && allDigits(s[2:], isHex),
		len(body) == len(s) && strings.HasPrefix(s, "0o") && allDigits(s[2:], isOctal):
		n, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			return s, fmt.Sprintf("%s is no 64-bit integer", clip(s))
		}
		return n, ""
	case isDigit(body[0]) && strings.Contains(body, "_") && allDigits(strings.ReplaceAll(body, "_", ""), isDigit):
		return s, fmt.Sprintf("%s is a number to some YAML readers and a text to others: write %s or %q", clip(s), clip(strings.ReplaceAll(s, "_", "")), clip(s))
	case isFloat(body):
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s, fmt.Sprintf("%s is outside of 64-bit floats", clip(s))
		}
		return f, ""
	}
	return s, ""
}

// integer reads decimal digits behind an optional sign; beyond 64 bits it keeps them, for json ports.
func integer(s string) (x any, surprise string) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, ""
	}
	if len(s) > maxDigits {
		return s, fmt.Sprintf("a number of %d digits, at most %d", len(s), maxDigits)
	}
	return json.Number(strings.TrimPrefix(s, "+")), ""
}

// isFloat reports whether s is digits with a point or an exponent: 1.5, 1., .5, 2e10.
func isFloat(s string) bool {
	mantissa, exp, hasExp := s, "", false
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exp, hasExp = s[:i], s[i+1:], true
	}
	if hasExp {
		if len(exp) > 0 && (exp[0] == '+' || exp[0] == '-') {
			exp = exp[1:]
		}
		if !allDigits(exp, isDigit) {
			return false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return allDigits(whole+fraction, isDigit)
}

func allDigits(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isOctal(c byte) bool { return c >= '0' && c <= '7' }
func isHex(c byte) bool {
	return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')
}
