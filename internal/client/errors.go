package client

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
)

// Error is an answer in which the manager said no.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is the error_code of the contract; empty when the answer was not the manager's own (a proxy, say).
	Code fault.Code
	// Message is written for people.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// IsNotFound reports whether err says that the thing asked for does not exist.
func IsNotFound(err error) bool { return statusOf(err) == http.StatusNotFound }

// IsConflict reports whether err says that the thing exists already or was changed meanwhile.
func IsConflict(err error) bool { return statusOf(err) == http.StatusConflict }

// IsUnauthorized reports whether err says that the caller is unknown or not allowed to.
func IsUnauthorized(err error) bool {
	s := statusOf(err)
	return s == http.StatusUnauthorized || s == http.StatusForbidden
}

// HasCode reports whether err is an answer with the code.
func HasCode(err error, code fault.Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// Unreachable says that the manager could not be asked: no route, refused, a broken connection, a certificate that is
// not trusted.
type Unreachable struct {
	URL string
	Err error
}

// Error names the address and the reason.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("cannot reach the manager at %s: %v", u.URL, u.Err)
}

// Unwrap returns the reason.
func (u *Unreachable) Unwrap() error { return u.Err }

// readError turns an answer into an *Error. Some services answer {"detail": …} instead of {"message": …}, and a proxy
// answers no JSON at all.
func readError(res *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorAnswer))
	var body struct {
		Message   string          `json:"message"`
		Detail    json.RawMessage `json:"detail"`
		ErrorCode fault.Code      `json:"error_code"`
	}
	e := &Error{Status: res.StatusCode}
	if json.Unmarshal(data, &body) == nil {
		e.Code, e.Message = body.ErrorCode, body.Message
		if e.Message == "" && len(body.Detail) > 0 {
			e.Message = strings.Trim(string(body.Detail), `"`)
		}
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("the manager answered %s", res.Status)
	}
	return e
}

func tlsConfig(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}
