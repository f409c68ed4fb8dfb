// Package openapi describes an HTTP API as an OpenAPI 3.1 document and as a page for people.
//
// What a route takes and answers is written by hand in one row of a table beside its handler; the schemas of answers are
// derived from the records that the handlers write, so that they cannot lag behind. The document is made from the table of
// routes and the rows together: a route without a row, and a row without a route, is an error. The package knows no route
// and answers no request.
package openapi

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Row says what one route does. Fields are listed in one text, separated by spaces: "name", "name!" when it must be given,
// "name:type" when it is not text. Types are text, flag, int, number, object, list, texts, labels, rules, instant, any, the
// name of a schema, and a type in brackets for a list of it.
type Row struct {
	// Route is "METHOD /path".
	Route   string
	Summary string
	// Permission is what a user needs; empty when it is enough to be somebody, or when the route is open.
	Permission string
	// Query are the parameters beside those that every list has.
	Query string
	// Body are the fields of the JSON body, or in brackets the type of a body that is a list; empty when none is read.
	Body string
	// IsLenient says that the body may be left out.
	IsLenient bool
	// Upload is what the body holds beside or instead of JSON: "file" for the bytes themselves, and otherwise the name of the
	// part with the file in a form whose part "params" holds the JSON.
	Upload string
	// Status are the statuses of success, separated by spaces; empty is 200, and "-" is none: it is always
	// refused. 204 and 304 have no body, 302 redirects.
	Status string
	// Answer is a type, "list" and a type for a list in pages, "array" and a type for a bare one, "file", fields in braces, or
	// empty for nothing.
	Answer string
	// Errors are statuses of refusals beside those that all routes of the kind have.
	Errors string
	// Of is the schema whose fields a list can be narrowed and sorted by when it is not what is answered.
	Of string
	// Search is the field that _search looks into; Filters are fields that can be filtered by and are not answered.
	Search, Filters string
}

// Section is a part of the description: rows, and the schemas that they name.
type Section struct {
	Rows    []Row
	Schemas map[string]Schema
}

// Route is a line of the table of routes.
type Route struct {
	Method, Path string
	// IsOpen says that no credentials are needed.
	IsOpen bool
}

// Document is an OpenAPI document as JSON has it.
type Document map[string]any

// Paths returns the operations by path and lower-case method.
func (d Document) Paths() map[string]map[string]any {
	paths, _ := d["paths"].(map[string]map[string]any)
	return paths
}

// Schemas returns the named schemas.
func (d Document) Schemas() map[string]Schema {
	components, _ := d["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]Schema)
	return schemas
}

// Info is what a document says of the API as a whole.
type Info struct{ Title, Version, Description, Server string }

// builder makes one document.
type builder struct {
	schemas map[string]Schema
	wrong   []string
}

// Describe makes the document of an API. The error names every route that has no row, every row that has no route, and
// every field that cannot be read.
func Describe(info Info, routes []Route, sections ...Section) (Document, error) {
	b := &builder{schemas: map[string]Schema{"Error": errorSchema, "Pagination": paginationSchema, "Label": labelSchema, "FilterRule": ruleSchema}}
	rows := map[string]Row{}
	for _, s := range sections {
		for name, schema := range s.Schemas {
			if b.schemas[name] != nil {
				b.fail("the schema %s is there twice", name)
			}
			b.schemas[name] = schema
		}
		for _, r := range s.Rows {
			if _, twice := rows[r.Route]; twice {
				b.fail("%s has two rows", r.Route)
			}
			rows[r.Route] = r
		}
	}
	paths := map[string]map[string]any{}
	for _, rt := range routes {
		name := rt.Method + " " + rt.Path
		row, ok := rows[name]
		if !ok {
			b.fail("%s has no row: say what it takes and answers", name)
			continue
		}
		delete(rows, name)
		if paths[rt.Path] == nil {
			paths[rt.Path] = map[string]any{}
		}
		paths[rt.Path][strings.ToLower(rt.Method)] = b.operation(rt, row)
	}
	for name := range rows {
		b.fail("%s has a row but no route", name)
	}
	if len(b.wrong) > 0 {
		slices.Sort(b.wrong)
		return nil, fmt.Errorf("describe the API: %s", strings.Join(b.wrong, "; "))
	}
	return Document{
		"openapi": "3.1.0",
		"info": map[string]any{"title": info.Title, "version": info.Version, "description": info.Description,
			"license": map[string]any{"name": "Apache License 2.0", "identifier": "Apache-2.0"}},
		"servers": []any{map[string]any{"url": info.Server}},
		"paths":   paths,
		"components": map[string]any{
			"schemas": b.schemas, "parameters": sharedParameters, "securitySchemes": securitySchemes,
			"responses": map[string]any{"Error": map[string]any{"description": "Refused or failed; error_code says why.",
				"content": map[string]any{"application/json": map[string]any{"schema": reference("Error")}}}},
		},
		"security": []any{map[string]any{"basic": []any{}}, map[string]any{"token": []any{}}, map[string]any{"execution": []any{}},
			map[string]any{"bearer": []any{}}},
	}, nil
}

func (b *builder) fail(format string, args ...any) {
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// operation makes the description of one route.
func (b *builder) operation(rt Route, row Row) map[string]any {
	tag, _, _ := strings.Cut(strings.TrimPrefix(rt.Path, "/"), "/")
	words := strings.FieldsFunc(placeholder.ReplaceAllString(rt.Path, "by-$1"), func(r rune) bool { return strings.ContainsRune("/-_.", r) })
	op := map[string]any{
		"operationId": strings.ToLower(rt.Method) + "-" + strings.Join(words, "-"), "summary": row.Summary, "tags": []any{tag},
		"responses": b.responses(rt, row),
	}
	if row.Permission != "" {
		op["x-permission"] = row.Permission
		op["description"] = "Needs the permission `" + row.Permission + "`."
	}
	if rt.IsOpen {
		op["security"] = []any{}
		op["description"] = "Needs no credentials."
	}
	if parameters := b.parameters(rt, row); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if body := b.body(row); body != nil {
		op["requestBody"] = body
	}
	return op
}

func (b *builder) parameters(rt Route, row Row) []any {
	var out []any
	for _, m := range placeholder.FindAllStringSubmatch(rt.Path, -1) {
		out = append(out, map[string]any{"name": m[1], "in": "path", "required": true, "schema": Schema{"type": "string"}})
	}
	if !rt.IsOpen {
		out = append(out, shared("Tenant"))
	}
	names := map[string]bool{}
	add := func(name string, parameter map[string]any) {
		if !names[name] {
			names[name] = true
			out = append(out, parameter)
		}
	}
	for _, f := range b.fields(row.Route, row.Query) {
		if sharedParameters[f.name] != nil && !f.isNeeded {
			add(f.name, shared(f.name))
			continue
		}
		parameter := map[string]any{"name": f.name, "in": "query", "schema": f.schema}
		if f.isNeeded {
			parameter["required"] = true
		}
		add(f.name, parameter)
	}
	of := row.Of
	if listed, isList := strings.CutPrefix(row.Answer, "list "); isList && of == "" {
		of = listed
	}
	if of == "" {
		return out
	}
	for _, name := range listParameters {
		add(name, shared(name))
	}
	if row.Search != "" {
		add("_search", map[string]any{"name": "_search", "in": "query", "schema": Schema{"type": "string"},
			"description": "Only items with this text in " + row.Search + "."})
	}
	for _, name := range append(b.properties(row.Route, of), strings.Fields(row.Filters)...) {
		add(name, map[string]any{"name": name, "in": "query", "schema": Schema{"type": "array", "items": Schema{"type": "string"}},
			"description": filterText})
	}
	return out
}

// filterText describes the parameters of lists that are fields.
const filterText = "Only items with one of these values."

// listParameters are those that every list has.
var listParameters = []string{"_include", "_sort", "_offset", "_size", "_get_all_results", "_all_tenants"}

// properties are the fields of a schema that is an object.
func (b *builder) properties(route, name string) []string {
	properties, ok := b.schemas[name]["properties"].(map[string]Schema)
	if !ok {
		b.fail("%s lists %s, which is no schema of an object", route, name)
	}
	var out []string
	for field := range properties {
		out = append(out, field)
	}
	slices.Sort(out)
	return out
}

func (b *builder) body(row Row) map[string]any {
	content := map[string]any{}
	if strings.HasPrefix(row.Body, "[") {
		content["application/json"] = map[string]any{"schema": b.typed(row.Route, row.Body)}
	} else if fields := b.fields(row.Route, row.Body); len(fields) > 0 {
		content["application/json"] = map[string]any{"schema": object(fields)}
	}
	binary := map[string]any{"schema": Schema{"type": "string", "format": "binary"}}
	switch row.Upload {
	case "":
	case "file":
		content["application/octet-stream"] = binary
	default:
		form := map[string]Schema{row.Upload: {"type": "string", "format": "binary"}}
		if fields := b.fields(row.Route, row.Body); len(fields) > 0 {
			form["params"] = object(fields)
		}
		delete(content, "application/json")
		content["multipart/form-data"] = map[string]any{"schema": Schema{"type": "object", "properties": form}}
		content["application/octet-stream"] = binary
	}
	if len(content) == 0 {
		return nil
	}
	return map[string]any{"required": !row.IsLenient, "content": content}
}

func (b *builder) responses(rt Route, row Row) map[string]any {
	out := map[string]any{}
	for _, status := range strings.Fields(row.Status + " " + strings.Repeat("200", btoi(row.Status == ""))) {
		if status == "-" {
			continue
		}
		answer := map[string]any{"description": statusText(status)}
		if status != "204" && status != "304" && status != "302" {
			if content := b.content(row); content != nil {
				answer["content"] = content
			}
		}
		out[status] = answer
	}
	refusals := []string{"400", "429", "500"}
	if !rt.IsOpen {
		refusals = append(refusals, "401", "403", "503")
	}
	if strings.Contains(rt.Path, "{") || row.Body != "" {
		refusals = append(refusals, "404")
	}
	if rt.Method != http.MethodGet {
		refusals = append(refusals, "409")
	}
	if row.Body != "" {
		refusals = append(refusals, "415")
	}
	for _, status := range append(refusals, strings.Fields(row.Errors)...) {
		if out[status] == nil {
			out[status] = map[string]any{"$ref": "#/components/responses/Error"}
		}
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func statusText(status string) string {
	code, err := strconv.Atoi(status)
	if err != nil || http.StatusText(code) == "" {
		return status
	}
	return http.StatusText(code) + "."
}

// content is the body of a successful answer; nil when there is none.
func (b *builder) content(row Row) map[string]any {
	kind, rest, _ := strings.Cut(row.Answer, " ")
	var schema Schema
	switch {
	case row.Answer == "":
		return nil
	case row.Answer == "file":
		return map[string]any{"application/octet-stream": map[string]any{"schema": Schema{"type": "string", "format": "binary"}}}
	case strings.HasPrefix(row.Answer, "{"):
		schema = object(b.fields(row.Route, strings.Trim(row.Answer, "{}")))
	case kind == "list":
		schema = listOf(b.typed(row.Route, rest))
	case kind == "array":
		schema = Schema{"type": "array", "items": b.typed(row.Route, rest)}
	default:
		schema = b.typed(row.Route, row.Answer)
	}
	return map[string]any{"application/json": map[string]any{"schema": schema}}
}
