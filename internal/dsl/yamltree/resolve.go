package yamltree

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// Tags of YAML 1.1 as the resolver names them.
const (
	tagNull      = "null"
	tagBool      = "bool"
	tagInt       = "int"
	tagFloat     = "float"
	tagTimestamp = "timestamp"
	tagMerge     = "merge"
	tagValue     = "value"
	tagStr       = "str"
)

var bools = map[string]bool{
	"yes": true, "Yes": true, "YES": true, "no": false, "No": false, "NO": false,
	"true": true, "True": true, "TRUE": true, "false": false, "False": false, "FALSE": false,
	"on": true, "On": true, "ON": true, "off": false, "Off": false, "OFF": false,
}

// The grammar of YAML 1.1 numbers and times, spec section 2.
var (
	intForm = regexp.MustCompile(`^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	floatForm = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	timeForm = regexp.MustCompile(`^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)` +
		`(?:\.(\d*))?(?:[ \t]*(?:(Z)|([-+])(\d\d?)(?::?(\d\d))?))?)?$`)
	dateForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
)

// resolve gives the tag of a plain scalar.
func resolve(s string) string {
	if s == "" {
		return tagNull
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return resolveNumber(s)
	case strings.IndexByte("yYnNtTfFoO~", c) >= 0:
		if _, ok := bools[s]; ok {
			return tagBool
		}
		switch s {
		case "~", "null", "Null", "NULL":
			return tagNull
		}
	case s == "<<":
		return tagMerge
	case s == "=":
		return tagValue
	}
	return tagStr
}

func resolveNumber(s string) string {
	switch {
	case floatForm.MatchString(s):
		return tagFloat
	case intForm.MatchString(s):
		return tagInt
	case dateForm.MatchString(s):
		return tagTimestamp
	case len(s) > 10 && timeForm.MatchString(s):
		return tagTimestamp
	}
	return tagStr
}

// construct gives the value of a scalar of a tag.
func construct(tag, s string) (any, error) {
	switch tag {
	case tagNull:
		return nil, nil
	case tagBool:
		b, ok := bools[s]
		if !ok {
			b, ok = bools[strings.ToLower(s)]
		}
		if !ok {
			return nil, fmt.Errorf("%q is not a boolean", s)
		}
		return b, nil
	case tagInt:
		return constructInt(s)
	case tagFloat:
		return constructFloat(s)
	case tagTimestamp:
		return constructTime(s)
	}
	return s, nil
}

func constructInt(s string) (any, error) {
	t := strings.ReplaceAll(s, "_", "")
	neg := strings.HasPrefix(t, "-")
	t = strings.TrimLeft(t, "+-")
	base := 10
	switch {
	case t == "0":
		return int64(0), nil
	case strings.HasPrefix(t, "0b"):
		base, t = 2, t[2:]
	case strings.HasPrefix(t, "0x"):
		base, t = 16, t[2:]
	case strings.HasPrefix(t, "0"):
		base = 8
	case strings.Contains(t, ":"):
		return sexagesimal(t, neg)
	}
	b, ok := new(big.Int).SetString(t, base)
	if !ok {
		return nil, fmt.Errorf("invalid literal for int() with base %d: %s", base, value.Quote(t))
	}
	if neg {
		b.Neg(b)
	}
	return value.BigInt(b), nil
}

func sexagesimal(t string, neg bool) (any, error) {
	sum := new(big.Int)
	for _, part := range strings.Split(t, ":") {
		d, ok := new(big.Int).SetString(part, 10)
		if !ok {
			return nil, fmt.Errorf("invalid literal for int() with base 10: %s", value.Quote(part))
		}
		sum.Add(sum.Mul(sum, big.NewInt(60)), d)
	}
	if neg {
		sum.Neg(sum)
	}
	return value.BigInt(sum), nil
}

func constructFloat(s string) (any, error) {
	t := strings.ToLower(strings.ReplaceAll(s, "_", ""))
	sign := 1.0
	if strings.HasPrefix(t, "-") {
		sign = -1
	}
	t = strings.TrimLeft(t, "+-")
	switch t {
	case ".inf":
		return math.Inf(int(sign)), nil
	case ".nan":
		return math.NaN(), nil
	}
	if strings.Contains(t, ":") {
		sum := 0.0
		base := 1.0
		parts := strings.Split(t, ":")
		for i := len(parts) - 1; i >= 0; i-- {
			d, err := strconv.ParseFloat(parts[i], 64)
			if err != nil {
				return nil, fmt.Errorf("could not convert string to float: %s", value.Quote(parts[i]))
			}
			sum += d * base
			base *= 60
		}
		return sign * sum, nil
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, fmt.Errorf("could not convert string to float: %s", value.Quote(t))
	}
	return sign * f, nil
}

func constructTime(s string) (any, error) {
	m := timeForm.FindStringSubmatch(s)
	if m == nil {
		return nil, fmt.Errorf("%q is not a date", s)
	}
	num := func(i int) int { n, _ := strconv.Atoi(m[i]); return n }
	year, month, day := num(1), num(2), num(3)
	d := time.Date(year, time.Month(month), day, num(4), num(5), num(6), 0, time.UTC)
	if d.Day() != day || int(d.Month()) != month || num(4) > 23 || num(5) > 59 || num(6) > 59 || year == 0 {
		return nil, fmt.Errorf("day is out of range for month")
	}
	if m[4] == "" {
		return value.Timestamp{Text: d.Format("2006-01-02"), DateOnly: true}, nil
	}
	text := d.Format("2006-01-02T15:04:05")
	if frac := m[7]; frac != "" {
		frac = (frac + "000000")[:6]
		if frac != "000000" {
			text += "." + frac
		}
	}
	switch {
	case m[8] == "Z":
		text += "+00:00"
	case m[9] != "":
		h, _ := strconv.Atoi(m[10])
		min, _ := strconv.Atoi(m[11])
		text += fmt.Sprintf("%s%02d:%02d", m[9], h, min)
	}
	return value.Timestamp{Text: text}, nil
}
