package pytext_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/script/pytext"
)

// golden are JSON texts with Python's str() and json.dumps() of them (operations, section 5.3).
var golden = []struct{ in, str, dumps string }{
	{`true`, `True`, `true`},
	{`null`, `None`, `null`},
	{`"x"`, `x`, `"x"`},
	{`[1, "x", null]`, `[1, 'x', None]`, `[1, "x", null]`},
	{`{"b": [1, {"c": 2}], "a": false}`, `{'b': [1, {'c': 2}], 'a': False}`, `{"b": [1, {"c": 2}], "a": false}`},
	{`{"a":1,"b":2,"a":3}`, `{'a': 3, 'b': 2}`, `{"a": 3, "b": 2}`},
	{`{}`, `{}`, `{}`},
	{`[]`, `[]`, `[]`},
	{`1.0`, `1.0`, `1.0`},
	{`-0`, `0`, `0`},
	{`-0.0`, `-0.0`, `-0.0`},
	{`0.1`, `0.1`, `0.1`},
	{`1e5`, `100000.0`, `100000.0`},
	{`1e15`, `1000000000000000.0`, `1000000000000000.0`},
	{`1e16`, `1e+16`, `1e+16`},
	{`1.5e-7`, `1.5e-07`, `1.5e-07`},
	{`0.0001`, `0.0001`, `0.0001`},
	{`1e400`, `inf`, `Infinity`},
	{`-1e400`, `-inf`, `-Infinity`},
	{`123456789012345678901234567890`, `123456789012345678901234567890`, `123456789012345678901234567890`},
	{`["it's"]`, `["it's"]`, `["it's"]`},
	{`["it's \"both\""]`, `['it\'s "both"']`, `["it's \"both\""]`},
	{`["a\\b\n\r\t\u0007\u007f"]`, `['a\\b\n\r\t\x07\x7f']`, `["a\\b\n\r\t\u0007\u007f"]`},
	{`["é\u00a0中\u2028😀\ue000"]`, `['é\xa0中\u2028😀\ue000']`, `["\u00e9\u00a0\u4e2d\u2028\ud83d\ude00\ue000"]`},
	{`["\b\f"]`, `['\x08\x0c']`, `["\b\f"]`},
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tt := range golden {
		v, err := pytext.Decode([]byte(tt.in))
		if err != nil {
			t.Fatalf("%s: %v", tt.in, err)
		}
		if got := pytext.Str(v); got != tt.str {
			t.Errorf("str of %s\n got %s\nwant %s", tt.in, got, tt.str)
		}
		if got := pytext.JSON(v); got != tt.dumps {
			t.Errorf("json of %s\n got %s\nwant %s", tt.in, got, tt.dumps)
		}
	}
}

// TestGoldenIsPython proves the golden table with the python3 of the machine, when it has one.
func TestGoldenIsPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	var in []string
	for _, tt := range golden {
		in = append(in, tt.in)
	}
	stdin, _ := json.Marshal(in)
	cmd := exec.Command(python, "-X", "utf8", "-c", "import sys,json\n"+
		"print(json.dumps([[str(json.loads(t)), json.dumps(json.loads(t))] for t in json.load(sys.stdin)]))")
	cmd.Stdin = strings.NewReader(string(stdin))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want [][2]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, tt := range golden {
		if want[i] != [2]string{tt.str, tt.dumps} {
			t.Errorf("%s: python says %q", tt.in, want[i])
		}
	}
}

func TestFalsy(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`null`, `false`, `0`, `0.0`, `-0`, `0e5`, `""`, `[]`, `{}`} {
		if v, _ := pytext.Decode([]byte(text)); !pytext.Falsy(v) {
			t.Errorf("%s is not falsy", text)
		}
	}
	for _, text := range []string{`true`, `1`, `0.1`, `" "`, `[0]`, `{"a":null}`} {
		if v, _ := pytext.Decode([]byte(text)); pytext.Falsy(v) {
			t.Errorf("%s is falsy", text)
		}
	}
	for _, v := range []any{0, 0.0, map[string]any{}} {
		if !pytext.Falsy(v) {
			t.Errorf("%#v is not falsy", v)
		}
	}
	if got := pytext.Repr(map[string]any{"b": 1, "a": []any{1.5, 1e16}}); got != `{'a': [1.5, 1e+16], 'b': 1}` {
		t.Errorf("map: %s", got)
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{`, `[1,]`, `{"a"}`, `1 2`, `nope`, strings.Repeat("[", 5000)} {
		if v, err := pytext.Decode([]byte(text)); err == nil {
			t.Errorf("%.20q decoded to %v", text, v)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, tt := range golden {
		f.Add([]byte(tt.in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := pytext.Decode(data)
		if err != nil {
			return
		}
		dumped := pytext.JSON(v)
		if strings.Contains(dumped, "Infinity") {
			return
		}
		again, err := pytext.Decode([]byte(dumped))
		if err != nil {
			t.Fatalf("json.dumps of %q is not JSON: %s", data, dumped)
		}
		if pytext.JSON(again) != dumped || pytext.Repr(again) != pytext.Repr(v) {
			t.Errorf("%q changed on its way: %s", data, pytext.JSON(again))
		}
	})
}
