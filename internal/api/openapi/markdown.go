package openapi

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// methods are the methods in the order in which a page shows them.
var methods = []string{"get", "post", "put", "patch", "delete"}

// Markdown writes a document that Describe made as a page for people.
func Markdown(w io.Writer, d Document) error {
	var b bytes.Buffer
	info := d["info"].(map[string]any)
	servers := d["servers"].([]any)
	fmt.Fprintf(&b, "# %s\n\n<!-- Written by `make docs`. Do not edit. -->\n\n%s\n\n", info["title"], info["description"])
	fmt.Fprintf(&b, "Paths are below `%s`, where `GET /openapi.json` answers all of this as OpenAPI 3.1. A `*` marks what must be given.\n\n",
		servers[0].(map[string]any)["url"])
	fmt.Fprintf(&b, "Every list takes `%s` and filters: each field of its items by its name, several times for any of the values. ",
		strings.Join(listParameters, "`, `"))
	b.WriteString("Refusals are answered as `Error`.\n")
	byTag := map[string][][2]string{}
	for _, path := range slices.Sorted(maps.Keys(d.Paths())) {
		for _, method := range methods {
			if op, ok := d.Paths()[path][method].(map[string]any); ok {
				tag := op["tags"].([]any)[0].(string)
				byTag[tag] = append(byTag[tag], [2]string{method, path})
			}
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		fmt.Fprintf(&b, "\n## %s\n", tag)
		for _, at := range byTag[tag] {
			writeOperation(&b, at[0], at[1], d.Paths()[at[1]][at[0]].(map[string]any))
		}
	}
	b.WriteString("\n## Schemas\n")
	for _, name := range slices.Sorted(maps.Keys(d.Schemas())) {
		fmt.Fprintf(&b, "\n### %s\n\n", name)
		properties, _ := d.Schemas()[name]["properties"].(map[string]Schema)
		if text, ok := d.Schemas()[name]["description"].(string); ok {
			b.WriteString(text + "\n")
		} else if len(properties) > 0 {
			b.WriteString(fieldList(d.Schemas()[name]) + "\n")
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func writeOperation(b *bytes.Buffer, method, path string, op map[string]any) {
	fmt.Fprintf(b, "\n### %s %s\n\n%s.", strings.ToUpper(method), path, op["summary"])
	if text, ok := op["description"].(string); ok {
		b.WriteString(" " + text)
	}
	b.WriteString("\n\n")
	if line := queryLine(op); line != "" {
		b.WriteString("- Query: " + line + "\n")
	}
	if body, ok := op["requestBody"].(map[string]any); ok {
		content := body["content"].(map[string]any)
		for _, media := range slices.Sorted(maps.Keys(content)) {
			fmt.Fprintf(b, "- Body (%s): %s\n", media, shortType(content[media].(map[string]any)["schema"].(Schema)))
		}
	}
	responses := op["responses"].(map[string]any)
	var refusals []string
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		answer := responses[status].(map[string]any)
		if answer["$ref"] != nil {
			refusals = append(refusals, status)
			continue
		}
		line := "- " + status
		if content, ok := answer["content"].(map[string]any); ok {
			for _, media := range slices.Sorted(maps.Keys(content)) {
				line += ": " + shortType(content[media].(map[string]any)["schema"].(Schema))
			}
		}
		b.WriteString(line + "\n")
	}
	b.WriteString("- Refusals: " + strings.Join(refusals, ", ") + "\n")
}

// queryLine lists the parameters of the query that not every list has.
func queryLine(op map[string]any) string {
	var out []string
	list, _ := op["parameters"].([]any)
	isList := slices.ContainsFunc(list, func(p any) bool { return p.(map[string]any)["$ref"] == shared("_sort")["$ref"] })
	for _, item := range list {
		p := item.(map[string]any)
		name, _ := p["name"].(string)
		if ref, ok := p["$ref"].(string); ok {
			name = ref[strings.LastIndex(ref, "/")+1:]
		}
		switch {
		case p["in"] == "path" || name == "Tenant" || p["description"] == filterText:
		case isList && slices.Contains(listParameters, name):
		case p["required"] == true:
			out = append(out, "`"+name+"`*")
		default:
			out = append(out, "`"+name+"`")
		}
	}
	return strings.Join(out, ", ")
}

// shortType is a schema in a few words.
func shortType(s Schema) string {
	if ref, ok := s["$ref"].(string); ok {
		name := ref[strings.LastIndex(ref, "/")+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	}
	if properties, ok := s["properties"].(map[string]Schema); ok {
		if items, isList := properties["items"]; isList && properties["metadata"] != nil && items["items"] != nil {
			return "list of " + shortType(items["items"].(Schema))
		}
		return fieldList(s)
	}
	if s["format"] == "binary" {
		return "the file"
	}
	switch t := s["type"].(type) {
	case nil:
		return "any"
	case []string:
		return strings.Join(t, " or ")
	case string:
		items, ok := s["items"].(Schema)
		switch {
		case !ok || t != "array":
		case items["properties"] != nil:
			return "array of object"
		default:
			return "array of " + shortType(items)
		}
		return t
	}
	return "any"
}

func fieldList(s Schema) string {
	properties := s["properties"].(map[string]Schema)
	needed, _ := s["required"].([]any)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		star := ""
		if slices.Contains(needed, any(name)) {
			star = "*"
		}
		kind := shortType(properties[name])
		if properties[name]["properties"] != nil {
			kind = "object"
		}
		out = append(out, fmt.Sprintf("`%s`%s %s", name, star, kind))
	}
	return strings.Join(out, ", ")
}
