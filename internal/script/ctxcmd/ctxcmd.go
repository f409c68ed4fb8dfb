// Package ctxcmd is the ctx command: what a script calls to read and change its operation's context.
//
// It sends its arguments to the server named by CTX_SOCKET_URL and prints the answer as the Python client of the
// reference does (operations, section 5.3). Programs that are started under the name ctx call Main. The package uses the
// standard library only, so that a call costs milliseconds; it never reads or writes files and never exits the process.
package ctxcmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/script/pytext"
)

// Name is the base name under which a multi-call program becomes the ctx command.
const Name = "ctx"

// URLVariable is the environment variable with the address of the context server.
const URLVariable = "CTX_SOCKET_URL"

// reprKey marks an object that stands for a value which has no JSON form.
const reprKey = "__non_json_serializable_repr__"

const usage = `usage: ctx [-h] [-t TIMEOUT] [--socket-url SOCKET_URL] [--json-arg-prefix PREFIX] [-j] [args ...]

  -t, --timeout TIMEOUT    seconds to wait for the answer (30)
  --socket-url URL         address of the context server ($CTX_SOCKET_URL)
  --json-arg-prefix PREFIX arguments that begin with it are JSON (@)
  -j, --json-output        print the answer as JSON
`

// Options are the parsed command line.
type Options struct {
	Timeout    time.Duration
	URL        string
	JSONPrefix string
	JSONOutput bool
	Help       bool
	Args       []string
}

// TimeoutVariable names the variable with the seconds to wait for an answer when nothing else is asked for. Agents of hosts
// set it, because their manager may be away for longer than the usual time.
const TimeoutVariable = "REIFY_CTX_TIMEOUT"

const defaultTimeout = 30 * time.Second

// Main runs the command and returns its exit code: 0, 1 for an error or a stopped operation, 2 for wrong usage. args are
// those after the program's name.
func Main(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "%sctx: error: %v\n", usage, err)
		return 2
	}
	if o.Help {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if o.URL == "" {
		o.URL = getenv(URLVariable)
	}
	if o.URL == "" {
		fmt.Fprintf(stderr, "RuntimeError: neither %s nor --socket-url is given; ctx works inside of an operation\n", URLVariable)
		return 1
	}
	if seconds, err := strconv.Atoi(getenv(TimeoutVariable)); err == nil && seconds > 0 && o.Timeout == defaultTimeout {
		o.Timeout = time.Duration(seconds) * time.Second
	}
	body, err := Encode(o.Args, o.JSONPrefix)
	if err != nil {
		fmt.Fprintf(stderr, "ValueError: %v\n", err)
		return 1
	}
	answer, err := post(o, body)
	if err != nil {
		fmt.Fprintf(stderr, "RequestError: %v\n", err)
		return 1
	}
	return print(answer, o.JSONOutput, stdout, stderr)
}

// Parse reads the command line. Options may stand anywhere; an argument with a space in it and a negative number are
// never options; after -- there are none.
func Parse(args []string) (Options, error) {
	o := Options{Timeout: defaultTimeout, JSONPrefix: "@"}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			o.Args = append(o.Args, args[i+1:]...)
			break
		}
		name, value, hasValue, isOption := splitOption(arg)
		if !isOption {
			o.Args = append(o.Args, arg)
			continue
		}
		name, err := fullName(name)
		if err != nil {
			return Options{}, err
		}
		if takesValue := name != "-j" && name != "-h"; takesValue && !hasValue {
			if i++; i == len(args) {
				return Options{}, fmt.Errorf("argument %s: expected one argument", name)
			}
			value = args[i]
		} else if !takesValue && hasValue {
			return Options{}, fmt.Errorf("argument %s: ignored explicit argument '%s'", name, value)
		}
		if err := o.set(name, value); err != nil {
			return Options{}, err
		}
	}
	return o, nil
}

func splitOption(arg string) (name, value string, hasValue, isOption bool) {
	if len(arg) < 2 || arg[0] != '-' {
		return "", "", false, false
	}
	if _, err := strconv.ParseFloat(arg, 64); err == nil {
		return "", "", false, false
	}
	if strings.HasPrefix(arg, "--") {
		name, value, hasValue = strings.Cut(arg, "=")
		return name, value, hasValue, hasValue || !strings.Contains(arg, " ")
	}
	if strings.Contains(arg, " ") {
		return "", "", false, false
	}
	return arg[:2], arg[2:], len(arg) > 2, true
}

// options are the names in use; the long ones may be shortened as long as they stay unique.
var options = map[string]string{
	"-t": "-t", "-j": "-j", "-h": "-h",
	"--timeout": "-t", "--json-output": "-j", "--help": "-h", "--socket-url": "--socket-url", "--json-arg-prefix": "--json-arg-prefix",
}

func fullName(name string) (string, error) {
	if full, ok := options[name]; ok {
		return full, nil
	}
	found := ""
	for long, full := range options {
		if len(name) < 3 || !strings.HasPrefix(long, name) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("ambiguous option: %s", name)
		}
		found = full
	}
	if found == "" {
		return "", fmt.Errorf("unrecognized arguments: %s", name)
	}
	return found, nil
}

func (o *Options) set(name, value string) error {
	switch name {
	case "-j":
		o.JSONOutput = true
	case "-h":
		o.Help = true
	case "--socket-url":
		o.URL = value
	case "--json-arg-prefix":
		o.JSONPrefix = value
	case "-t":
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds < 0 || seconds > 1<<30 {
			return fmt.Errorf("argument -t/--timeout: invalid int value: '%s'", value)
		}
		o.Timeout = time.Duration(seconds) * time.Second
	}
	return nil
}

// Encode returns the request for the arguments: text, or JSON where an argument begins with prefix.
func Encode(args []string, prefix string) ([]byte, error) {
	list := make([]any, len(args))
	for i, arg := range args {
		list[i] = strings.ToValidUTF8(arg, "\uFFFD")
		if prefix == "" || !strings.HasPrefix(arg, prefix) {
			continue
		}
		v, err := pytext.Decode([]byte(arg[len(prefix):]))
		if err != nil {
			return nil, fmt.Errorf("argument %s is not JSON: %w", arg, err)
		}
		list[i] = collapse(v)
	}
	return []byte(pytext.JSON(&pytext.Object{Keys: []string{"args"}, Values: map[string]any{"args": list}})), nil
}

// collapse replaces the objects that stand for a value without a JSON form by that value.
func collapse(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = collapse(v[i])
		}
	case *pytext.Object:
		if repr, ok := v.Values[reprKey]; ok {
			return repr
		}
		for key, value := range v.Values {
			v.Values[key] = collapse(value)
		}
	}
	return v
}

func post(o Options, body []byte) ([]byte, error) {
	request, err := http.NewRequest(http.MethodPost, o.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", o.URL, err)
	}
	request.Header.Set("Content-Type", "application/json")
	// A proxy for the outside world must not see the loopback interface.
	client := http.Client{
		Transport: &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableKeepAlives: true}, Timeout: o.Timeout,
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the context server: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected response: %s %.200s", response.Status, data)
	}
	return data, nil
}

type failure struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback"`
}

func print(data []byte, asJSON bool, stdout, stderr io.Writer) int {
	var answer struct {
		Type    string          `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		fmt.Fprintf(stderr, "RequestError: unexpected response: %.200s\n", data)
		return 1
	}
	var f failure
	switch answer.Type {
	case "result":
		v, err := pytext.Decode(answer.Payload)
		if err != nil {
			fmt.Fprintf(stderr, "RequestError: unexpected response: %v\n", err)
			return 1
		}
		printValue(collapse(v), asJSON, stdout)
		return 0
	case "error":
		// An answer of another shape leaves the fields empty, which is still an error to show.
		_ = json.Unmarshal(answer.Payload, &f)
		if f.Traceback != "" {
			fmt.Fprintln(stderr, strings.TrimRight(f.Traceback, "\n"))
		}
		fmt.Fprintf(stderr, "RequestError: %s: %s\n", f.Type, f.Message)
	case "stop_operation":
		_ = json.Unmarshal(answer.Payload, &f)
		fmt.Fprintln(stderr, f.Message)
	default:
		fmt.Fprintf(stderr, "RequestError: unexpected response: %.200s\n", data)
	}
	return 1
}

func printValue(v any, asJSON bool, stdout io.Writer) {
	switch {
	case asJSON:
		io.WriteString(stdout, pytext.JSON(v))
	case !pytext.Falsy(v):
		io.WriteString(stdout, pytext.Str(v))
	}
}
