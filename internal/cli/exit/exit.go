// Package exit says how a run of the command line ends: the errors that know more than their text, and what becomes of any
// error, which is an exit code, a message and a word on what to do. The codes are in the comment of package cli.
//
// It never exits the process and prints nothing.
package exit

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/reifyhq/reify/internal/cli/progress"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// The exit codes.
const (
	OK          = 0
	Failed      = 1
	WrongUsage  = 2
	Unreachable = 3
	Denied      = 4
	Interrupted = 130
)

// UsageError says that the command line is wrong.
type UsageError struct {
	// Command is the path of the command whose help tells more, empty while it is not known.
	Command string
	Text    string
}

// Error returns the text.
func (e *UsageError) Error() string { return e.Text }

// Usagef makes a UsageError of a command that its caller knows.
func Usagef(format string, args ...any) error { return &UsageError{Text: fmt.Sprintf(format, args...)} }

// hinted is an error with a word on what to do.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// Hint adds a word on what to do, which takes the place of the usual one.
func Hint(err error, format string, args ...any) error {
	return &hinted{error: err, hint: fmt.Sprintf(format, args...)}
}

// ExecutionError says that an execution ended badly.
type ExecutionError struct {
	Execution client.Execution
}

// Error says how it ended, and why when the manager knows.
func (e *ExecutionError) Error() string {
	x := e.Execution
	switch {
	case x.Status == model.ExecutionCancelled:
		return fmt.Sprintf("execution %s of workflow %s was cancelled", x.ID, x.Workflow)
	case x.Error == "":
		return fmt.Sprintf("execution %s of workflow %s failed", x.ID, x.Workflow)
	}
	return fmt.Sprintf("execution %s of workflow %s failed: %s", x.ID, x.Workflow, x.Error)
}

// Explain turns an error into an exit code, a message and a word on what to do.
func Explain(err error, verbose bool) (code int, message, advice string) {
	code, advice = classify(err)
	var h *hinted
	if errors.As(err, &h) {
		advice = h.hint
	}
	message = err.Error()
	var answer *client.Error
	if verbose && errors.As(err, &answer) {
		message = fmt.Sprintf("%s (status %d, code %s)", message, answer.Status, answer.Code)
	}
	return code, message, advice
}

func classify(err error) (code int, advice string) {
	var (
		usage   *UsageError
		away    *client.Unreachable
		stopped *progress.Stopped
		ended   *ExecutionError
		answer  *client.Error
	)
	switch {
	case errors.As(err, &usage):
		if usage.Command == "" {
			return WrongUsage, ""
		}
		return WrongUsage, fmt.Sprintf("See %q.", usage.Command+" --help")
	case errors.As(err, &stopped):
		code = Failed
		if IsInterrupt(err) {
			code = Interrupted
		}
		id := stopped.Execution.ID
		return code, fmt.Sprintf("Look at it:  reify executions get %s\nFollow it:   reify events list %s --tail\n"+
			"Cancel it:   reify executions cancel %s", id, id, id)
	case IsInterrupt(err):
		return Interrupted, ""
	case errors.As(err, &away):
		return Unreachable, "Is it running (reify server)? Is the address right (reify profiles list, REIFY_URL)?"
	case errors.As(err, &ended):
		return Failed, fmt.Sprintf("See what happened:  reify events list %s", ended.Execution.ID)
	case errors.As(err, &answer):
		return answered(answer)
	}
	return Failed, ""
}

// answered knows what helps against an answer.
func answered(e *client.Error) (code int, advice string) {
	switch e.Status {
	case http.StatusUnauthorized:
		return Denied, "Give credentials: reify profiles set -u USER -p PASSWORD, or REIFY_TOKEN, or REIFY_USERNAME and " +
			"REIFY_PASSWORD."
	case http.StatusForbidden:
		if e.Code == fault.ForbiddenWhileCancelling {
			return Failed, ""
		}
		return Denied, "Is the tenant right (-t TENANT)? Otherwise ask an administrator for a role that permits this."
	}
	return Failed, advices[e.Code]
}

// advices are the words on what to do, by code.
var advices = map[fault.Code]string{
	fault.ExistingRunningExecution: "Wait for it (reify executions list), or let this one wait its turn with --queue.",
	fault.MissingDeploymentInput:   "Give inputs with -i name=value or -i file.yaml; reify blueprints inputs BLUEPRINT lists them.",
	fault.UnknownDeploymentInput:   "reify blueprints inputs BLUEPRINT lists the inputs.",
	fault.Constraint:               "reify blueprints inputs BLUEPRINT lists the inputs and their constraints.",
	fault.NonexistentWorkflow:      "reify workflows list -d DEPLOYMENT lists the workflows.",
	fault.UnavailableWorkflow:      "reify node-instances list -d DEPLOYMENT shows the states that do not allow it.",
	fault.IllegalExecutionParameters: "reify workflows get WORKFLOW -d DEPLOYMENT shows the parameters; " +
		"--allow-custom-parameters sends others, too.",
	fault.DependentExists:       "Uninstall first (reify uninstall DEPLOYMENT), wait for what is running, or force it with -f.",
	fault.BlueprintInUse:        "Delete what uses it first, or force it with -f.",
	fault.EnvironmentInProgress: "The deployment is still being created; try again in a moment.",
	fault.EnvironmentPending:    "The deployment is still being created; try again in a moment.",
	fault.PluginNotFound:        "Upload the plugin first, or give --skip-plugins-validation.",
}

// IsInterrupt reports whether err came from the end of the context, which is how an interrupt arrives.
func IsInterrupt(err error) bool { return errors.Is(err, context.Canceled) }
