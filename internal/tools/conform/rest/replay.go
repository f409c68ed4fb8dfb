package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// outcome is what became of one line.
type outcome struct {
	diffs []string
	// deliberate is why the line differs on purpose, empty when it does not.
	deliberate string
	// isError says that both sides answered the same error; then the texts are told apart.
	isError           bool
	wantText, gotText string
}

// The patience of a poll.
const (
	pollEvery = 250 * time.Millisecond
	pollLimit = 90 * time.Second
)

// replay sends one line, as often as it polls, and compares the last answer.
func (c *caller) replay(ctx context.Context, m *matcher, x *exchange) outcome {
	if leftOut(x) {
		return outcome{deliberate: "the community edition refuses it, this manager serves it; it is not sent"}
	}
	m.diffs, m.isEvents = nil, strings.HasSuffix(x.Request.Path, "/events")
	a, err := c.send(ctx, m, x)
	for end := time.Now().Add(pollLimit); err == nil && x.Poll != nil && !x.arrived(a) && time.Now().Before(end); {
		time.Sleep(pollEvery)
		a, err = c.send(ctx, m, x)
	}
	if err != nil {
		return outcome{diffs: []string{err.Error()}}
	}
	return m.judge(x, a)
}

// arrived reports whether a poll is over: what it waits for is there, or cannot come any more.
func (x *exchange) arrived(a *answer) bool {
	if x.Poll.Status != 0 {
		return a.status == x.Poll.Status || a.status >= http.StatusBadRequest
	}
	if a.status >= http.StatusBadRequest {
		return true
	}
	got := a.body
	for _, key := range strings.Split(strings.TrimPrefix(x.Poll.Pointer, "/"), "/") {
		switch v := got.(type) {
		case map[string]any:
			got = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(v) {
				return false
			}
			got = v[i]
		default:
			return false
		}
	}
	for _, want := range x.Poll.In {
		if sameScalar(want, got) {
			return true
		}
	}
	return false
}

// judge compares an answer with the recorded one.
func (m *matcher) judge(x *exchange, a *answer) outcome {
	want := x.Response
	switch {
	case x.Suspect:
		return outcome{}
	case want.Status >= http.StatusInternalServerError && a.status < http.StatusInternalServerError:
		// The original failed here; any answer that is not a failure of the server is better.
		return outcome{}
	case want.Status != a.status:
		m.differ("status", "want %d, got %d %s", want.Status, a.status, excerpt(a.data))
	}
	special, _ := want.Body.(map[string]any)
	switch {
	case special["<html>"] != nil:
	case special["<bytes>"] != nil:
		if len(a.data) == 0 {
			m.differ("body", "want a file, got nothing")
		}
	case special["<text>"] != nil:
		if text, _ := special["<text>"].(string); text != string(a.data) {
			m.differ("body", "want %q, got %s", text, excerpt(a.data))
		}
	case want.Status >= http.StatusBadRequest && a.status == want.Status:
		return m.judgeError(x, special, a)
	case a.status >= http.StatusBadRequest:
	case !a.isJSON && (want.Body != nil || len(a.data) > 0):
		m.differ("body", "want %s, got %s", short(want.Body), excerpt(a.data))
	default:
		m.compare("", want.Body, a.body, x.Unordered || orderless[x.id()])
	}
	m.headers(x, a)
	deliberate := m.forgive(x)
	return outcome{deliberate: deliberate, diffs: m.diffs}
}

func (m *matcher) judgeError(x *exchange, want map[string]any, a *answer) outcome {
	got, _ := a.body.(map[string]any)
	for _, key := range []string{"error_code", "err_filter_rule", "err_reason"} {
		if _, ok := want[key]; ok {
			m.compare("/"+key, want[key], got[key], false)
		}
	}
	m.headers(x, a)
	deliberate := m.forgive(x)
	wantText, _ := want["message"].(string)
	gotText, _ := got["message"].(string)
	text := &matcher{bound: m.bound, aliases: m.aliases}
	text.text("", wantText, gotText)
	if len(text.diffs) == 0 {
		wantText = gotText
	}
	return outcome{deliberate: deliberate, diffs: m.diffs, isError: true, wantText: wantText, gotText: gotText}
}

// headers compares those that clients look at.
func (m *matcher) headers(x *exchange, a *answer) {
	for key, want := range x.Response.Headers {
		if key == "Content-Type" || key == "Allow" || key == "WWW-Authenticate" {
			continue
		}
		if got := a.header.Get(key); got != want {
			m.differ("header "+key, "want %q, got %q", want, got)
		}
	}
}

func excerpt(data []byte) string {
	var body struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(data, &body) == nil && body.Code != "" {
		return body.Code + ": " + body.Message
	}
	const most = 120
	return string(data[:min(len(data), most)])
}
