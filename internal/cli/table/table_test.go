package table

import (
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWrite(t *testing.T) {
	t.Parallel()
	tab := New("Things:", Style{}, "id", "value")
	tab.Add("a", 1)
	tab.Add("b\x1b[31m", map[string]any{"k": "<v>"})
	var b strings.Builder
	if err := tab.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = `Things:
┌────────┬─────────────┐
│ id     │ value       │
├────────┼─────────────┤
│ a      │ 1           │
│ b [31m │ {"k":"<v>"} │
└────────┴─────────────┘
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s", got)
	}
	if strings.ContainsRune(b.String(), '\x1b') {
		t.Error("a value reached the terminal as a control sequence")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v    any
		want string
	}{
		{nil, ""}, {"x", "x"}, {true, "true"}, {7, "7"}, {[]string{"a", "b"}, "a, b"},
		{model.BlueprintID("bp"), "bp"}, {json.RawMessage(`"text"`), "text"}, {json.RawMessage(`{"a":1}`), `{"a":1}`},
		{json.Number("1.0"), "1.0"}, {[]any{1, "x"}, `[1,"x"]`}, {"a\tb\u2028c", "a b c"}, {"two\nlines", "two\nlines"},
	} {
		if got := Text(tt.v); got != tt.want {
			t.Errorf("Text(%#v) = %q, want %q", tt.v, got, tt.want)
		}
	}
}
