package value

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func anyValue() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64Range(-1e300, 1e300), func(f float64) any { return f }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Just[any](new(big.Int).Lsh(big.NewInt(3), 100)))
	return rapid.Map(rapid.SliceOfN(leaf, 0, 20), func(l []any) any {
		m := NewMap()
		for i, x := range l {
			m.Set(string(rune('a'+i)), x)
		}
		return []any{l, m, MapOf("in", m)}
	})
}

// Every value comes back from JSON as it was, order and numbers included.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue().Draw(t, "v")
		data, err := EncodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeJSON(data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if Repr(v) != Repr(back) {
			t.Fatalf("%s became %s", Repr(v), Repr(back))
		}
	})
}

func TestTextOfValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v    any
		want string
	}{
		{nil, "None"}, {true, "True"}, {int64(1), "1"}, {1.0, "1.0"}, {1e16, "1e+16"}, {1e-5, "1e-05"}, {0.1, "0.1"},
		{"it's", `"it's"`}, {`a"b'c`, `'a"b\'c'`}, {"a\nb\\", `'a\nb\\'`}, {[]any{"a", int64(1)}, "['a', 1]"},
		{MapOf("b", 1.5, "a", nil), "{'b': 1.5, 'a': None}"},
	}
	for _, tt := range tests {
		if got := Repr(tt.v); got != tt.want {
			t.Errorf("%#v: %s, want %s", tt.v, got, tt.want)
		}
	}
	if Text("plain") != "plain" {
		t.Error("text of a string is the string")
	}
}

func TestComparisonFollowsTheReference(t *testing.T) {
	t.Parallel()
	if !Equal(true, int64(1)) || !Equal(int64(1), 1.0) || Equal("1", int64(1)) {
		t.Error("equality")
	}
	if c, ok := Compare(int64(1), 1.5); !ok || c >= 0 {
		t.Error("1 < 1.5")
	}
	if _, ok := Compare("a", int64(1)); ok {
		t.Error("text and number have no order")
	}
	if !Equal(MapOf("a", int64(1), "b", int64(2)), MapOf("b", int64(2), "a", 1.0)) {
		t.Error("maps compare without order")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "{", "[1,]", "{\"a\" 1}", "1 2", "nul", "\"a", "01"} {
		if v, err := DecodeJSON([]byte(s)); err == nil {
			t.Errorf("%q: %v", s, v)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a": [1, 1.0, null, "x\u00e9", {"b": true}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeJSON(data)
		if err != nil {
			return
		}
		if _, err := EncodeJSON(v); err != nil {
			t.Fatal(err)
		}
	})
}
