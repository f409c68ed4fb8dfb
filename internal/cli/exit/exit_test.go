package exit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/cli/progress"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// TestExplain checks the exit code of each kind of error, also where it is wrapped, and a word of the advice.
func TestExplain(t *testing.T) {
	t.Parallel()
	x := client.Execution{ID: "x1", Workflow: "install", Status: model.ExecutionFailed}
	for _, c := range []struct {
		err    error
		code   int
		advice string
	}{
		{errors.New("disk full"), Failed, ""},
		{Usagef("no"), WrongUsage, ""},
		{&UsageError{Command: "reify up", Text: "no"}, WrongUsage, `"reify up --help"`},
		{Hint(Usagef("no"), "Try %s.", "this"), WrongUsage, "Try this."},
		{&client.Unreachable{Err: errors.New("refused")}, Unreachable, "reify server"},
		{&client.Error{Status: 401}, Denied, "REIFY_TOKEN"},
		{&client.Error{Status: 403}, Denied, "TENANT"},
		{&client.Error{Status: 403, Code: fault.ForbiddenWhileCancelling}, Failed, ""},
		{&client.Error{Status: 400, Code: fault.BlueprintInUse}, Failed, "force it with -f"},
		{&ExecutionError{Execution: x}, Failed, "reify events list x1"},
		{&progress.Stopped{Execution: x, Cause: context.DeadlineExceeded}, Failed, "reify executions cancel x1"},
		{&progress.Stopped{Execution: x, Cause: context.Canceled}, Interrupted, "reify executions cancel x1"},
		{context.Canceled, Interrupted, ""},
	} {
		code, message, advice := Explain(fmt.Errorf("try: %w", c.err), false)
		if code != c.code || message != "try: "+c.err.Error() || !strings.Contains(advice, c.advice) || c.advice == "" && advice != "" {
			t.Errorf("%T %v: code %d, message %q, advice %q; want code %d, advice %q", c.err, c.err, code, message, advice, c.code, c.advice)
		}
	}
}
