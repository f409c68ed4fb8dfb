package operation

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// Result is the outcome of an attempt: an error when Err is set, else a value (JSON; nil is null).
type Result struct {
	Value json.RawMessage
	Err   *model.TaskError
}

// Fail returns the result of a failed attempt.
func Fail(err *model.TaskError) Result { return Result{Err: err} }

type wireResult struct {
	OK     bool            `json:"ok"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

// wireError is the error object (operations, section 1.6).
type wireError struct {
	ExceptionType string           `json:"exception_type"`
	Message       string           `json:"message"`
	Known         model.KnownError `json:"known_exception_type"`
	Args          []any            `json:"known_exception_type_args"`
	Kwargs        wireErrorKwargs  `json:"known_exception_type_kwargs"`
	AppendMessage bool             `json:"append_message"`
	Traceback     *string          `json:"traceback,omitempty"`
}

type wireErrorKwargs struct {
	Causes []model.ErrorCause `json:"causes"`
}

// MarshalJSON writes {"ok": true, "result": …} or {"ok": false, "error": {…}} (operations, section 1.5).
func (r Result) MarshalJSON() ([]byte, error) {
	if r.Err == nil {
		value := r.Value
		if len(value) == 0 {
			value = json.RawMessage("null")
		}
		return model.EncodeJSON(wireResult{OK: true, Result: value})
	}
	object, err := EncodeError(r.Err)
	if err != nil {
		return nil, err
	}
	return model.EncodeJSON(wireResult{Error: object})
}

// UnmarshalJSON reads what MarshalJSON writes, and a failure whose error is only a text.
func (r *Result) UnmarshalJSON(data []byte) error {
	var w wireResult
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("decode result: %w", err)
	}
	*r = Result{}
	if w.OK {
		if string(w.Result) != "null" {
			r.Value = w.Result
		}
		return nil
	}
	err := error(nil)
	r.Err, err = DecodeError(w.Error)
	return err
}

// EncodeError returns the error object of an error.
func EncodeError(e *model.TaskError) ([]byte, error) {
	w := wireError{
		ExceptionType: e.ExceptionType, Message: e.Message, Known: e.Known, Args: e.Args,
		Kwargs: wireErrorKwargs{e.Causes}, AppendMessage: e.AppendMessage,
	}
	if w.Args == nil {
		w.Args = []any{}
	}
	if w.Kwargs.Causes == nil {
		w.Kwargs.Causes = []model.ErrorCause{}
	}
	if e.Known != model.ErrorRetry && e.Known != model.ErrorWorkflowFailed {
		w.Traceback = &e.Traceback
	}
	data, err := model.EncodeJSON(w)
	if err != nil {
		return nil, fmt.Errorf("encode error %s: %w", e.ExceptionType, err)
	}
	return data, nil
}

// DecodeError reads an error object. A plain text, which is how a failure outside of the operation arrives, and an
// object without a known type become recoverable errors (operations, sections 1.5 and 1.6).
func DecodeError(data []byte) (*model.TaskError, error) {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		return &model.TaskError{ExceptionType: string(model.ErrorRecoverable), Message: text, Known: model.ErrorRecoverable}, nil
	}
	var w wireError
	if err := model.DecodeJSON(data, &w); err != nil {
		return nil, fmt.Errorf("decode error object: %w", err)
	}
	e := &model.TaskError{
		ExceptionType: w.ExceptionType, Message: w.Message, Known: w.Known, Args: w.Args,
		AppendMessage: w.AppendMessage, Causes: w.Kwargs.Causes,
	}
	if e.Known == "" {
		e.Known = model.ErrorRecoverable
	}
	if e.ExceptionType == "" {
		e.ExceptionType = string(e.Known)
	}
	if w.Traceback != nil {
		e.Traceback = *w.Traceback
	}
	if !e.Known.Final() && len(e.Args) > 0 {
		e.RetryAfter = Seconds(e.Args[0])
	}
	return e, nil
}

// Seconds reads a delay that an operation asked for: a number or the text of one. It returns nil for anything else and
// for what is not a finite, non-negative number.
func Seconds(v any) *float64 {
	var f float64
	switch v := v.(type) {
	case json.Number:
		return Seconds(v.String())
	case string:
		parsed, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil {
			return nil
		}
		f = parsed
	case float64:
		f = v
	case int:
		f = float64(v)
	default:
		return nil
	}
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return nil
	}
	return &f
}

// NonRecoverable returns the error of an attempt that must not be repeated.
func NonRecoverable(format string, args ...any) *model.TaskError {
	return &model.TaskError{
		ExceptionType: string(model.ErrorNonRecoverable), Message: fmt.Sprintf(format, args...), Known: model.ErrorNonRecoverable,
	}
}

// Recoverable returns an error after which the task is repeated, after retryAfter seconds when it is not nil.
func Recoverable(message string, retryAfter *float64) *model.TaskError {
	return retryable(model.ErrorRecoverable, message, retryAfter)
}

// Retry returns the error by which an operation asks to be called again, after retryAfter seconds when it is not nil.
func Retry(message string, retryAfter *float64) *model.TaskError {
	return retryable(model.ErrorRetry, message, retryAfter)
}

func retryable(known model.KnownError, message string, retryAfter *float64) *model.TaskError {
	e := &model.TaskError{ExceptionType: string(known), Message: message, Known: known, Args: []any{nil}, RetryAfter: retryAfter}
	if retryAfter != nil {
		number := json.Number(strconv.FormatFloat(*retryAfter, 'f', -1, 64))
		e.Args = []any{number}
		if note := "[retry_after=" + number.String() + "]"; !strings.Contains(message, note) {
			e.Message = message + " " + note
		}
	}
	return e
}

// Exception returns the error of any other exception: recoverable, without arguments.
func Exception(exceptionType, format string, args ...any) *model.TaskError {
	return &model.TaskError{ExceptionType: exceptionType, Message: fmt.Sprintf(format, args...), Known: model.ErrorRecoverable}
}

// WithCause adds the error itself to its causes, as an executor does that passes on the error of an operation process.
func WithCause(e *model.TaskError) *model.TaskError {
	c := *e
	c.Causes = append(append([]model.ErrorCause(nil), e.Causes...),
		model.ErrorCause{Message: e.Message, Type: e.ExceptionType, Traceback: e.Traceback})
	return &c
}

// Error is a task error as a Go error.
type Error struct{ Task *model.TaskError }

// Error returns the message.
func (e *Error) Error() string { return e.Task.Message }

// ErrorOf returns the task error in err's chain; any other error becomes an exception of the given type.
func ErrorOf(err error, exceptionType string) *model.TaskError {
	var e *Error
	if errors.As(err, &e) {
		return e.Task
	}
	return Exception(exceptionType, "%s", err.Error())
}
