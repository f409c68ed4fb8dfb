package openapi

import (
	"strings"
	"unicode"
)

// Schema is a JSON Schema of the 2020-12 dialect.
type Schema map[string]any

// field is a read field of a row.
type field struct {
	name     string
	isNeeded bool
	schema   Schema
}

// plainTypes are the types of fields by the words of rows.
var plainTypes = map[string]Schema{
	"text": {"type": "string"}, "flag": {"type": "boolean"}, "int": {"type": "integer"}, "number": {"type": "number"},
	"object": {"type": "object"}, "list": {"type": "array"}, "texts": {"type": "array", "items": Schema{"type": "string"}},
	"instant": {"type": "string", "format": "date-time"}, "any": {}, "labels": {"type": "array", "items": reference("Label")},
	"rules":      {"type": "array", "items": reference("FilterRule")},
	"visibility": {"type": "string", "enum": []any{"private", "tenant", "global"}},
}

// fields reads the fields of a row.
func (b *builder) fields(route, text string) []field {
	var out []field
	for _, word := range strings.Fields(text) {
		name, kind, _ := strings.Cut(word, ":")
		f := field{}
		f.name, f.isNeeded = strings.CutSuffix(name, "!")
		if kind == "" {
			kind = "text"
			if f.name == "visibility" {
				kind = f.name
			}
		}
		f.schema = b.typed(route, kind)
		out = append(out, f)
	}
	return out
}

// typed is the schema of a type's word.
func (b *builder) typed(route, kind string) Schema {
	if inner, isList := strings.CutPrefix(kind, "["); isList {
		return Schema{"type": "array", "items": b.typed(route, strings.TrimSuffix(inner, "]"))}
	}
	if s, ok := plainTypes[kind]; ok {
		return s
	}
	if b.schemas[kind] != nil && unicode.IsUpper(rune(kind[0])) {
		return reference(kind)
	}
	b.fail("%s uses the type %q, which there is not", route, kind)
	return Schema{}
}

func reference(name string) Schema { return Schema{"$ref": "#/components/schemas/" + name} }

func shared(name string) map[string]any {
	return map[string]any{"$ref": "#/components/parameters/" + name}
}

func object(fields []field) Schema {
	properties := map[string]Schema{}
	var needed []any
	for _, f := range fields {
		properties[f.name] = f.schema
		if f.isNeeded {
			needed = append(needed, f.name)
		}
	}
	s := Schema{"type": "object", "properties": properties}
	if len(needed) > 0 {
		s["required"] = needed
	}
	return s
}

// listOf is the envelope of a list in pages.
func listOf(item Schema) Schema {
	return Schema{"type": "object", "required": []any{"items", "metadata"}, "properties": map[string]Schema{
		"items": {"type": "array", "items": item},
		"metadata": {"type": "object", "properties": map[string]Schema{"pagination": reference("Pagination"),
			"filtered": {"type": []any{"integer", "null"}, "description": "How many items filter rules left out."}}},
	}}
}

var (
	errorSchema = Schema{"type": "object", "required": []any{"message", "error_code"}, "properties": map[string]Schema{
		"message": {"type": "string"}, "error_code": {"type": "string", "description": "What clients tell errors apart by."},
		"server_traceback": {"type": []any{"string", "null"}},
	}, "additionalProperties": true}
	paginationSchema = Schema{"type": "object", "properties": map[string]Schema{"total": {"type": "integer"}, "size": {"type": "integer"},
		"offset": {"type": "integer"}}}
	labelSchema = Schema{"type": "object", "description": "{key: value}, {key: [values]}, or with the fields key and value.",
		"properties": map[string]Schema{"key": {"type": "string"}}, "additionalProperties": true}
	ruleSchema = Schema{"type": "object", "required": []any{"key", "values", "operator", "type"}, "properties": map[string]Schema{
		"key": {"type": "string"}, "values": {"type": "array", "items": Schema{"type": "string"}},
		"operator": {"type": "string", "enum": []any{"any_of", "not_any_of", "is_null", "is_not_null", "is_not", "contains", "not_contains",
			"starts_with", "ends_with", "is_not_empty"}},
		"type": {"type": "string", "enum": []any{"label", "attribute"}},
	}}
)

func query(name, text string, schema Schema) map[string]any {
	return map[string]any{"name": name, "in": "query", "description": text, "schema": schema}
}

// sharedParameters are those that many routes have.
var sharedParameters = map[string]map[string]any{
	"Tenant": {"name": "Tenant", "in": "header", "description": "The tenant that the request is about.", "schema": Schema{"type": "string"}},
	"_include": {"name": "_include", "in": "query", "description": "The fields to answer, separated by commas; all when it is missing.",
		"style": "form", "explode": false, "schema": Schema{"type": "array", "items": Schema{"type": "string"}}},
	"_sort": query("_sort", "Fields to sort by, a leading - turns the order round.",
		Schema{"type": "array", "items": Schema{"type": "string"}}),
	"_offset":          query("_offset", "How many items to pass over.", Schema{"type": "integer", "minimum": 0}),
	"_size":            query("_size", "How many items to answer at most.", Schema{"type": "integer", "minimum": 0}),
	"_get_all_results": query("_get_all_results", "Answer all items at once.", Schema{"type": "boolean"}),
	"_all_tenants":     query("_all_tenants", "Look into all tenants of the user.", Schema{"type": "boolean"}),
	"_get_data":        query("_get_data", "Answer names and roles instead of counts.", Schema{"type": "boolean"}),
	"_filter_id":       query("_filter_id", "Only items that the stored filter selects.", Schema{"type": "string"}),
	"_group_id":        query("_group_id", "Only what belongs to the group.", Schema{"type": "string"}),
}

// securitySchemes are the ways to say who asks; one is enough.
var securitySchemes = map[string]any{
	"basic":     map[string]any{"type": "http", "scheme": "basic", "description": "Name and password of a user."},
	"token":     map[string]any{"type": "apiKey", "in": "header", "name": "Authentication-Token", "description": "A token of a user, made by POST /tokens."},
	"execution": map[string]any{"type": "apiKey", "in": "header", "name": "Execution-Token", "description": "The token of a running execution, held by its operations."},
	"bearer":    map[string]any{"type": "http", "scheme": "bearer", "description": "A token of the OpenID Connect issuer, where one is set up."},
}
