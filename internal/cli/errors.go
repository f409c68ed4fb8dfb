package cli

import (
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
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitDenied      = 4
	exitInterrupted = 130
)

// usageError says that the command line is wrong.
type usageError struct {
	command string
	text    string
}

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{text: fmt.Sprintf(format, args...)} }

// Usage marks an error of a Program as a wrong command line.
func Usage(err error) error { return &usageError{text: err.Error()} }

// hinted is an error with a word on what to do.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

func hint(err error, format string, args ...any) error {
	return &hinted{error: err, hint: fmt.Sprintf(format, args...)}
}

// executionError says that an execution ended badly.
type executionError struct {
	execution client.Execution
}

func (e *executionError) Error() string {
	x := e.execution
	switch {
	case x.Status == model.ExecutionCancelled:
		return fmt.Sprintf("execution %s of workflow %s was cancelled", x.ID, x.Workflow)
	case x.Error == "":
		return fmt.Sprintf("execution %s of workflow %s failed", x.ID, x.Workflow)
	}
	return fmt.Sprintf("execution %s of workflow %s failed: %s", x.ID, x.Workflow, x.Error)
}

// explain turns an error into an exit code, a message and a word on what to do.
func explain(err error, verbose bool) (code int, message, advice string) {
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
		usage   *usageError
		away    *client.Unreachable
		stopped *progress.Stopped
		failed  *executionError
		answer  *client.Error
	)
	switch {
	case errors.As(err, &usage):
		if usage.command == "" {
			return exitUsage, ""
		}
		return exitUsage, fmt.Sprintf("See %q.", usage.command+" --help")
	case errors.As(err, &stopped):
		code = exitFailed
		if isInterrupt(err) {
			code = exitInterrupted
		}
		id := stopped.Execution.ID
		return code, fmt.Sprintf("Look at it:  reify executions get %s\nFollow it:   reify events list %s --tail\n"+
			"Cancel it:   reify executions cancel %s", id, id, id)
	case isInterrupt(err):
		return exitInterrupted, ""
	case errors.As(err, &away):
		return exitUnreachable, "Is it running (reify server)? Is the address right (reify profiles list, REIFY_URL)?"
	case errors.As(err, &failed):
		return exitFailed, fmt.Sprintf("See what happened:  reify events list %s", failed.execution.ID)
	case errors.As(err, &answer):
		return answered(answer)
	}
	return exitFailed, ""
}

// answered knows what helps against an answer.
func answered(e *client.Error) (code int, advice string) {
	switch e.Status {
	case http.StatusUnauthorized:
		return exitDenied, "Give credentials: reify profiles set -u USER -p PASSWORD, or REIFY_TOKEN, or REIFY_USERNAME and " +
			"REIFY_PASSWORD."
	case http.StatusForbidden:
		if e.Code == fault.ForbiddenWhileCancelling {
			return exitFailed, ""
		}
		return exitDenied, "Is the tenant right (-t TENANT)? Otherwise ask an administrator for a role that permits this."
	}
	return exitFailed, advices[e.Code]
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
