package ctxcmd_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/reifyhq/reify/internal/script/ctxcmd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func answer(t *testing.T, body string) (url string, got *string) {
	t.Helper()
	got = new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		*got = string(data)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func run(url string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = ctxcmd.Main(args, func(string) string { return url }, &out, &err)
	return code, out.String(), err.String()
}

// TestOutput is the output table of operations, section 5.3.
func TestOutput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		answer string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{`{"type":"result","payload":true}`, nil, 0, "True", ""},
		{`{"type":"result","payload":false}`, nil, 0, "", ""},
		{`{"type":"result","payload":null}`, nil, 0, "", ""},
		{`{"type":"result","payload":0}`, nil, 0, "", ""},
		{`{"type":"result","payload":""}`, nil, 0, "", ""},
		{`{"type":"result","payload":[]}`, nil, 0, "", ""},
		{`{"type":"result","payload":{}}`, nil, 0, "", ""},
		{`{"type":"result","payload":[1,"x",null]}`, nil, 0, "[1, 'x', None]", ""},
		{`{"type":"result","payload":{"b":[1,{"c":2}]}}`, nil, 0, "{'b': [1, {'c': 2}]}", ""},
		{`{"type":"result","payload":{"z":1,"a":1.50}}`, nil, 0, "{'z': 1, 'a': 1.5}", ""},
		{`{"type":"result","payload":"text\n"}`, nil, 0, "text\n", ""},
		{`{"type":"result","payload":{"z":1,"é":null}}`, []string{"-j"}, 0, `{"z": 1, "\u00e9": null}`, ""},
		{`{"type":"result","payload":null}`, []string{"--json-output"}, 0, `null`, ""},
		{`{"type":"result","payload":[{"__non_json_serializable_repr__":"<X>"}]}`, nil, 0, "['<X>']", ""},
		{`{"type":"error","payload":{"type":"RuntimeError","message":"illegal path: zz","traceback":"T\n"}}`, nil, 1,
			"", "T\nRequestError: RuntimeError: illegal path: zz\n"},
		{`{"type":"stop_operation","payload":{"message":"stop"}}`, nil, 1, "", "stop\n"},
		{`{"type":"other"}`, nil, 1, "", "RequestError: unexpected response: {\"type\":\"other\"}\n"},
		{`nonsense`, nil, 1, "", "RequestError: unexpected response: nonsense\n"},
	}
	for _, tt := range tests {
		url, _ := answer(t, tt.answer)
		code, stdout, stderr := run(url, tt.args...)
		if code != tt.code || stdout != tt.stdout || stderr != tt.stderr {
			t.Errorf("%s %v: exit %d, stdout %q, stderr %q; want %d, %q, %q",
				tt.answer, tt.args, code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want string
	}{
		{nil, `{"args": []}`},
		{[]string{"instance", "runtime-properties", "x", "1"}, `{"args": ["instance", "runtime-properties", "x", "1"]}`},
		{[]string{"returns", "@1"}, `{"args": ["returns", 1]}`},
		{[]string{"returns", `@{"z":1.0,"a":[true,null]}`}, `{"args": ["returns", {"z": 1.0, "a": [true, null]}]}`},
		{[]string{"returns", `@{"__non_json_serializable_repr__":"r"}`}, `{"args": ["returns", "r"]}`},
		{[]string{"--json-arg-prefix", "%", "returns", "%1", "@1"}, `{"args": ["returns", 1, "@1"]}`},
		{[]string{"logger", "info", "- an item", "-5", "-.5"}, `{"args": ["logger", "info", "- an item", "-5", "-.5"]}`},
		{[]string{"a", "--", "-j", "--"}, `{"args": ["a", "-j", "--"]}`},
		{[]string{"-t5", "a", "--tim=7", "-j"}, `{"args": ["a"]}`},
	}
	for _, tt := range tests {
		url, got := answer(t, `{"type":"result","payload":null}`)
		if code, _, stderr := run(url, tt.args...); code != 0 || *got != tt.want {
			t.Errorf("%q: exit %d %s, sent %s, want %s", tt.args, code, stderr, *got, tt.want)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"-x"}, 2, "unrecognized arguments: -x"},
		{[]string{"--json"}, 2, "ambiguous option: --json"},
		{[]string{"-t"}, 2, "expected one argument"},
		{[]string{"-t", "x"}, 2, "invalid int value: 'x'"},
		{[]string{"--json-output=1"}, 2, "ignored explicit argument '1'"},
		{[]string{"--socket-url", "http://127.0.0.1:1/", "returns", "@{"}, 1, "is not JSON"},
		{[]string{"node"}, 1, "CTX_SOCKET_URL"},
		{[]string{"--socket-url", "http://127.0.0.1:1/", "node"}, 1, "ask the context server"},
		{[]string{"--socket-url", "::", "node"}, 1, "address"},
	}
	for _, tt := range tests {
		if code, _, stderr := run("", tt.args...); code != tt.code || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("%q: exit %d, stderr %q; want %d, %q", tt.args, code, stderr, tt.code, tt.stderr)
		}
	}
	if code, stdout, _ := run("", "--help"); code != 0 || !strings.HasPrefix(stdout, "usage: ctx") {
		t.Errorf("help: exit %d, %q", code, stdout)
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if code, _, stderr := run(s.URL, "node"); code != 1 || !strings.Contains(stderr, "404") {
		t.Errorf("status 404: exit %d, %q", code, stderr)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := ctxcmd.Parse([]string{"node", "-j", "--timeout", "3", "--socket-url=http://x/?a=b", "properties"})
	want := ctxcmd.Options{
		Timeout: 3 * time.Second, URL: "http://x/?a=b", JSONPrefix: "@", JSONOutput: true, Args: []string{"node", "properties"},
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func FuzzArguments(f *testing.F) {
	f.Add("node", "-j", `@{"a":[1,"é"]}`)
	f.Add("--", "-t", "-5")
	f.Add("--json-arg-prefix=", "-t5", "@")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		o, err := ctxcmd.Parse([]string{a, b, c})
		if err != nil {
			return
		}
		body, err := ctxcmd.Encode(o.Args, o.JSONPrefix)
		if err != nil {
			return
		}
		var request struct{ Args []any }
		if err := json.Unmarshal(body, &request); err != nil || len(request.Args) != len(o.Args) {
			t.Errorf("%q: request %s, %v", o.Args, body, err)
		}
	})
}
