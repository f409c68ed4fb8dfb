package dslcases

import (
	"crypto/sha256"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// multisets are the lists whose order means nothing.
var multisets = map[string]bool{"node_instances": true, "added_and_related": true, "removed_and_related": true,
	"extended_and_related": true, "reduced_and_related": true, "previous_node_instances": true, "inter_deployment_functions": true}

func sortStrings(l []string) { sort.Strings(l) }

func hash(s string) string {
	h := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", h[:8])
}

func isRecord(m *value.Map) (string, bool) {
	id, ok := m.At("id").(string)
	return id, ok && m.Has("node_id")
}

// collectIDs gathers the ids of node instances and of group instances.
func collectIDs(v any, ids map[string]bool) {
	switch t := v.(type) {
	case *value.Map:
		if id, ok := isRecord(t); ok {
			ids[id] = true
		}
		for _, g := range listOf(t.At("scaling_groups")) {
			if id, ok := mapOf(g).At("id").(string); ok {
				ids[id] = true
			}
		}
		for _, x := range t.All() {
			collectIDs(x, ids)
		}
	case []any:
		for _, x := range t {
			collectIDs(x, ids)
		}
	}
}

// rename replaces ids in texts and keys.
func rename(v any, name func(string) (string, bool)) any {
	switch t := v.(type) {
	case string:
		if n, ok := name(t); ok {
			return n
		}
		return t
	case []any:
		out := make([]any, len(t))
		for i, x := range t {
			out[i] = rename(x, name)
		}
		return out
	case *value.Map:
		out := value.NewMap()
		for k, x := range t.All() {
			key := k
			if n, ok := name(k); ok {
				key = n
			}
			out.Set(key, rename(x, name))
		}
		if !t.HasRawKeys() {
			return out
		}
		return t
	}
	return v
}

// normal sorts what has no order: lists of rule 3, and within an instance's
// relationships runs to the same target.
func normal(v any, key string) any {
	switch t := v.(type) {
	case *value.Map:
		if t.HasRawKeys() {
			return t
		}
		out := value.NewMap()
		for k, x := range t.All() {
			out.Set(k, normal(x, k))
		}
		if _, ok := out.Get("node_id"); ok {
			if rels, ok := out.At("relationships").([]any); ok {
				out.Set("relationships", sortRuns(rels))
			}
		}
		return out
	case []any:
		out := make([]any, len(t))
		texts := true
		for i, x := range t {
			out[i] = normal(x, "")
			_, isText := x.(string)
			texts = texts && isText
		}
		if multisets[key] || key == "members" && texts {
			sortCanon(out)
		}
		return out
	}
	return v
}

func sortCanon(l []any) {
	texts := make([]string, len(l))
	order := make([]int, len(l))
	for i, x := range l {
		texts[i], order[i] = canonText(x), i
	}
	sort.SliceStable(order, func(a, b int) bool { return texts[order[a]] < texts[order[b]] })
	out := make([]any, len(l))
	for i, k := range order {
		out[i] = l[k]
	}
	copy(l, out)
}

func sortRuns(rels []any) []any {
	out := append([]any(nil), rels...)
	start := 0
	same := func(a, b any) bool {
		x, y := mapOf(a), mapOf(b)
		return value.Equal(x.At("type"), y.At("type")) && value.Equal(x.At("target_name"), y.At("target_name"))
	}
	for i := 1; i <= len(out); i++ {
		if i == len(out) || !same(out[i], out[start]) {
			sortCanon(out[start:i])
			start = i
		}
	}
	return out
}

type occurrence struct{ path, id string }

type record struct {
	path string
	m    *value.Map
	id   string
}

// canonizer renames ids by what is known of them, rule 5.
type canonizer struct {
	ids   map[string]bool
	color map[string]string
	recs  []record
	other []occurrence
}

// canonical gives an outcome in a form in which agreeing outcomes are equal.
func canonical(in, out any) any {
	ids := map[string]bool{}
	collectIDs(in, ids)
	doc := value.MapOf("in", in, "out", out)
	if len(ids) == 0 {
		doc.Set("in", nil)
	}
	collectIDs(out, ids)
	if len(ids) == 0 {
		return normal(out, "")
	}
	c := &canonizer{ids: ids, color: map[string]string{}}
	for id := range ids {
		c.color[id] = hash(stem(id))
	}
	c.walk(doc, "")
	c.refine()
	c.breakTies()
	order := make([]string, 0, len(ids))
	for id := range ids {
		order = append(order, id)
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := order[i], order[j]
		if stem(a) != stem(b) {
			return stem(a) < stem(b)
		}
		return c.color[a] < c.color[b]
	})
	count, name := map[string]int{}, map[string]string{}
	for _, id := range order {
		count[stem(id)]++
		name[id] = stem(id) + "#" + strconv.Itoa(count[stem(id)])
	}
	return normal(rename(doc, func(s string) (string, bool) { n, ok := name[s]; return n, ok }), "")
}

func stem(id string) string {
	if i := strings.LastIndexByte(id, '_'); i >= 0 {
		return id[:i]
	}
	return id
}

func (c *canonizer) walk(v any, path string) {
	switch t := v.(type) {
	case string:
		if c.ids[t] {
			c.other = append(c.other, occurrence{path, t})
		}
	case []any:
		for _, x := range t {
			c.walk(x, path+"[]")
		}
	case *value.Map:
		if id, ok := isRecord(t); ok {
			c.recs = append(c.recs, record{path, t, id})
			return
		}
		for k, x := range t.All() {
			if c.ids[k] {
				c.other = append(c.other, occurrence{path + "/{}", k})
				k = "{}"
			}
			c.walk(x, path+"/"+k)
		}
	}
}

func (c *canonizer) colored(id string) func(string) (string, bool) {
	return func(s string) (string, bool) {
		if s == id {
			return "<self>", true
		}
		col, ok := c.color[s]
		return "<" + col + ">", ok
	}
}

func occurrences(v any, path string, ids map[string]bool, me string, seen map[string][]string) {
	switch t := v.(type) {
	case string:
		if ids[t] && t != me {
			seen[t] = append(seen[t], path)
		}
	case []any:
		for _, x := range t {
			occurrences(x, path+"[]", ids, me, seen)
		}
	case *value.Map:
		for k, x := range t.All() {
			occurrences(x, path+"/"+k, ids, me, seen)
		}
	}
}

// refine colours ids by all records and places they occur in until that tells
// no more apart.
func (c *canonizer) refine() {
	for {
		sig := map[string][]string{}
		for _, r := range c.recs {
			sig[r.id] = append(sig[r.id], "rec"+r.path+canonText(normal(rename(r.m, c.colored(r.id)), "")))
			seen := map[string][]string{}
			occurrences(r.m, "", c.ids, r.id, seen)
			for id, paths := range seen {
				sort.Strings(paths)
				sig[id] = append(sig[id], "in"+r.path+strings.Join(paths, ",")+c.color[r.id])
			}
		}
		for _, o := range c.other {
			sig[o.id] = append(sig[o.id], "other"+o.path)
		}
		next := map[string]string{}
		distinct, before := map[string]bool{}, map[string]bool{}
		for id := range c.ids {
			sort.Strings(sig[id])
			next[id] = hash(c.color[id] + "\x00" + strings.Join(sig[id], "\x00"))
			distinct[next[id]], before[c.color[id]] = true, true
		}
		if len(distinct) == len(before) {
			return
		}
		c.color = next
	}
}

func (c *canonizer) breakTies() {
	for {
		groups := map[string][]string{}
		for id, col := range c.color {
			groups[col] = append(groups[col], id)
		}
		var tied []string
		for col, g := range groups {
			if len(g) > 1 {
				tied = append(tied, col)
			}
		}
		if len(tied) == 0 {
			return
		}
		sort.Strings(tied)
		g := groups[tied[0]]
		sort.Strings(g)
		c.color[g[0]] = hash("pick" + tied[0])
		c.refine()
	}
}
