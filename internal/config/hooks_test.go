package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseHooks(t *testing.T) {
	t.Parallel()
	hooks, err := ParseHooks([]byte("hooks:\n" +
		"- {event_type: workflow_started, implementation: script, inputs: {script_path: a.sh}, description: says so}\n" +
		"- {event_type: workflow_failed, implementation: notify.tasks.mail}\n" +
		"- {event_type: sunrise, implementation: script}\n- {event_type: workflow_failed}\n- {event_type: workflow_failed, implementation: x, if: y}\n" +
		"- nonsense\n- {event_type: workflow_failed, implementation: x, inputs: [a]}\n"))
	want := []Hook{{"workflow_started", "script", map[string]any{"script_path": "a.sh"}}, {"workflow_failed", "notify.tasks.mail", nil}}
	if diff := cmp.Diff(want, hooks); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{`hook 3: event_type "sunrise"`, "hook 4: it needs an implementation", `hook 5: unknown key "if"`,
		"hook 6: it must be a mapping", "hook 7: inputs must be a mapping"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q: %v", text, err)
		}
	}
	if hooks, err := ParseHooks(nil); err != nil || len(hooks) != 0 {
		t.Errorf("an empty file: %v, %v", hooks, err)
	}
	for _, text := range []string{"hooks: x", "[", "- a"} {
		if _, err := ParseHooks([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
