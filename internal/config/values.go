package config

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes that is written with a unit.
type Size int64

// sizeUnits are the units from small to large; the first of equal size is the one that is printed.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"B", 1}, {"kB", 1e3}, {"KiB", 1 << 10}, {"MB", 1e6}, {"MiB", 1 << 20}, {"GB", 1e9}, {"GiB", 1 << 30}, {"TB", 1e12},
	{"TiB", 1 << 40},
}

// String returns the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if bytes := unitBytes(unit); s != 0 && int64(s)%bytes == 0 {
			return fmt.Sprintf("%d %s", int64(s)/bytes, unit)
		}
	}
	return fmt.Sprintf("%d B", int64(s))
}

func unitBytes(name string) int64 {
	for _, u := range sizeUnits {
		if strings.EqualFold(u.name, name) {
			return u.bytes
		}
	}
	return 0
}

// parseSize reads a size such as "50 MiB" or "1.5GB".
func parseSize(text string) (Size, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit := unitBytes(text[len(digits):])
	number, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	bytes := number * float64(unit)
	if err != nil || unit == 0 || number < 0 || bytes != math.Trunc(bytes) || bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size; write a number with one of the units B, KiB, MiB, GiB, TiB, such as 50 MiB", text)
	}
	return Size(bytes), nil
}

// set parses text into the setting that ptr points at.
func set(ptr any, text string) (err error) {
	switch p := ptr.(type) {
	case *string:
		*p = text
	case *bool:
		switch text {
		case "true":
			*p = true
		case "false":
			*p = false
		default:
			return fmt.Errorf("%q is neither true nor false", text)
		}
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not an integer", text)
		}
		*p = n
	case *time.Duration:
		d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		if err != nil || text == "0" {
			return fmt.Errorf("%q is not a duration; write a number with a unit, such as 15s, 10m or 1h30m", text)
		}
		*p = d
	case *Size:
		*p, err = parseSize(text)
		return err
	default:
		return fmt.Errorf("settings of type %T cannot be set", ptr)
	}
	return nil
}

// show formats the setting that ptr points at as set would read it.
func show(ptr any) string {
	switch p := ptr.(type) {
	case *string:
		return *p
	case *bool:
		return strconv.FormatBool(*p)
	case *int:
		return strconv.Itoa(*p)
	case *time.Duration:
		return duration(*p)
	case *Size:
		return p.String()
	}
	return fmt.Sprint(ptr)
}

// duration formats without units that are zero: 10m, not 10m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// masked formats the setting of a key without secrets: those of secret keys and the passwords inside URLs.
func masked(k key, c *Config) string {
	text := show(k.at(c))
	if k.secret && text != "" {
		return "********"
	}
	if u, err := url.Parse(text); err == nil && u.User != nil && u.Host != "" {
		return u.Redacted()
	}
	return text
}

// typeName says in the help what kind of value a setting takes.
func typeName(ptr any) string {
	switch ptr.(type) {
	case *bool:
		return "true|false"
	case *int:
		return "NUMBER"
	case *time.Duration:
		return "DURATION"
	case *Size:
		return "SIZE"
	}
	return "TEXT"
}
