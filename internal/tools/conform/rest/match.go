package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// matcher compares answers with recorded ones and keeps the values that placeholders stand for.
type matcher struct {
	bound map[string]string
	// aliases are recorded literals that stand for a value of this run: ids that the recording left as they were.
	aliases map[string]string
	diffs   []string
	// isEvents says that the free text of messages may differ.
	isEvents bool
}

func newMatcher() *matcher {
	return &matcher{bound: map[string]string{}, aliases: map[string]string{}}
}

const day, clockTime = `\d{4}-\d\d-\d\d`, `\d\d:\d\d:\d\d`

// forms are the patterns of the placeholders.
var forms = map[string]string{
	"uuid": `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "ni": `[^"\s,\]]+_[a-z0-9]{6}`,
	"token": `ctok-[A-Za-z0-9]{10}-[A-Za-z0-9]{40}`, "tokenid": `[A-Za-z0-9]{10}`,
	"ts": day + "T" + clockTime + `\.\d{3}Z`, "ts:us": day + "T" + clockTime + `\.\d{6}`,
	"ts:us-Z": day + "T" + clockTime + `\.\d{6}Z`, "ts:ms": day + "T" + clockTime + `\.\d{3}`,
	"ts:space": day + " " + clockTime, "ts:space-us": day + " " + clockTime + `\.\d{6}`,
	"traceback": `(?s:.+)`, "hash": `.+`, "secret": `.+`, "root": `.*`, "src": `.*`, "tmp": `.*`, "pid": `\d+`, "addr": `.*`,
}

var placeholder = regexp.MustCompile(`<(uuid|ni|token|tokenid):\d+>|<(ts(:[a-zA-Z-]+)?|traceback|hash|secret|root|src|tmp|pid|addr)>`)

// recordersInstant stands for an instant that the recorder chose: some time before every run.
const recordersInstant = "2024-01-01T00:00:00.000Z"

// fill puts bound values in the place of placeholders.
func (m *matcher) fill(text string) (string, error) {
	missing := ""
	out := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if v, ok := m.bound[p]; ok {
			return v
		}
		if p == "<ts>" {
			return recordersInstant
		}
		missing = p
		return p
	})
	if missing != "" {
		return "", fmt.Errorf("the request needs %s, which no earlier answer gave", missing)
	}
	for literal, actual := range m.aliases {
		out = strings.ReplaceAll(out, literal, actual)
	}
	return out, nil
}

func (m *matcher) differ(path, format string, args ...any) {
	m.diffs = append(m.diffs, path+": "+fmt.Sprintf(format, args...))
}

// compare notes what differs between a recorded value and an actual one.
func (m *matcher) compare(path string, want, got any, unordered bool) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			m.differ(path, "want an object, got %s", short(got))
			return
		}
		m.object(path, w, g, unordered)
	case []any:
		g, ok := got.([]any)
		switch {
		case !ok:
			m.differ(path, "want a list, got %s", short(got))
		case len(w) != len(g):
			m.differ(path, "want %d items, got %d", len(w), len(g))
			m.items(path, w, g)
		case unordered:
			m.multiset(path, w, g)
		default:
			m.items(path, w, g)
		}
	case string:
		m.text(path, w, got)
	default:
		if !sameScalar(want, got) {
			m.differ(path, "want %s, got %s", short(want), short(got))
		}
	}
}

func (m *matcher) items(path string, want, got []any) {
	for i := range min(len(want), len(got)) {
		m.compare(path+"/"+strconv.Itoa(i), want[i], got[i], false)
	}
}

func (m *matcher) object(path string, want, got map[string]any, unordered bool) {
	m.alias(want, got)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		at := path + "/" + key
		g, ok := got[key]
		switch {
		case !ok:
			m.differ(at, "missing, want %s", short(want[key]))
		case key == "_storage_id", key == "message" && m.isEvents:
			if fmt.Sprintf("%T", want[key]) != fmt.Sprintf("%T", g) {
				m.differ(at, "want %s, got %s", short(want[key]), short(g))
			}
		default:
			m.compare(at, want[key], g, unordered || key == "labels" || key == "workflows")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			m.differ(path+"/"+key, "not wanted: %s", short(got[key]))
		}
	}
}

// alias learns the id of a token, which recordings show as it was, from the answer that creates it.
func (m *matcher) alias(want, got map[string]any) {
	value, _ := want["value"].(string)
	id, _ := want["id"].(string)
	actual, _ := got["id"].(string)
	if strings.HasPrefix(value, "<token:") && id != "" && actual != "" && !strings.HasPrefix(id, "<") {
		m.aliases[id] = actual
	}
}

// multiset compares lists whose order does not matter. What matches nothing is compared with what is left, in order.
func (m *matcher) multiset(path string, want, got []any) {
	left := slices.Clone(got)
	var missing []any
	for _, w := range want {
		i := slices.IndexFunc(left, func(g any) bool {
			trial := &matcher{bound: maps.Clone(m.bound), aliases: m.aliases, isEvents: m.isEvents}
			trial.compare(path, w, g, true)
			trial.forgive(nil)
			if len(trial.diffs) > 0 {
				return false
			}
			m.bound = trial.bound
			return true
		})
		if i < 0 {
			missing = append(missing, w)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	m.items(path, missing, left)
}

// text compares a text that may hold placeholders, and binds those that are new.
func (m *matcher) text(path, want string, got any) {
	g, ok := got.(string)
	if !ok {
		if want != "<traceback>" || got != nil {
			m.differ(path, "want %s, got %s", short(want), short(got))
		}
		return
	}
	if alias, ok := m.aliases[want]; ok {
		want = alias
	}
	var pattern strings.Builder
	var names []string
	pattern.WriteString("^")
	last := 0
	for _, at := range placeholder.FindAllStringIndex(want, -1) {
		pattern.WriteString(regexp.QuoteMeta(want[last:at[0]]))
		last = at[1]
		name := want[at[0]:at[1]]
		if v, ok := m.bound[name]; ok {
			pattern.WriteString(regexp.QuoteMeta(v))
			continue
		}
		kind := strings.Trim(name, "<>")
		form, ok := forms[kind]
		if !ok {
			kind, _, _ = strings.Cut(kind, ":")
			form = forms[kind]
		}
		pattern.WriteString("(" + form + ")")
		names = append(names, name)
	}
	pattern.WriteString(regexp.QuoteMeta(want[last:]) + "$")
	found := regexp.MustCompile(pattern.String()).FindStringSubmatch(g)
	if found == nil {
		m.differ(path, "want %s, got %s", short(want), short(got))
		return
	}
	for i, name := range names {
		m.bind(name, found[i+1])
	}
}

func (m *matcher) bind(name, value string) {
	kind, number, numbered := strings.Cut(strings.Trim(name, "<>"), ":")
	if !numbered || kind == "ts" {
		return
	}
	m.bound[name] = value
	if parts := strings.Split(value, "-"); kind == "token" && len(parts) == 3 {
		m.bound["<tokenid:"+number+">"] = parts[1]
	}
}

func sameScalar(want, got any) bool {
	w, isNumber := want.(json.Number)
	g, isToo := got.(json.Number)
	if !isNumber || !isToo {
		return want == got
	}
	a, errA := w.Float64()
	b, errB := g.Float64()
	return errA == nil && errB == nil && a == b
}

// short is a value as it is shown in a difference.
func short(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 160
	if len(data) > most {
		return string(data[:most]) + "…"
	}
	return string(data)
}
