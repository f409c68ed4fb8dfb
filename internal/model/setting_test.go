package model

import "testing"

// TestTypedSettings checks which texts count as numbers: the original's command line sends texts only.
func TestTypedSettings(t *testing.T) {
	t.Parallel()
	number := &Setting{Name: "n", Schema: Document{"type": "number"}}
	text := &Setting{Name: "t", Schema: Document{"type": "string"}}
	for _, c := range []struct {
		setting     *Setting
		value, want any
		misfit      string
	}{
		{number, "7", 7.0, ""},
		{number, "-1.5", -1.5, ""},
		{number, 7.0, 7.0, ""},
		{number, "many", "many", "many is not a number"},
		{number, "", "", " is not a number"},
		{number, "NaN", "NaN", "NaN is not a number"},
		{text, "7", "7", ""},
	} {
		got := c.setting.Typed(c.value)
		if misfit := c.setting.Misfit(got); got != c.want || misfit != c.misfit {
			t.Errorf("%v: %v %q, want %v %q", c.value, got, misfit, c.want, c.misfit)
		}
	}
}
