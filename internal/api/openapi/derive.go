package openapi

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/api"
)

// Sample returns a value in which everything is given: texts are not empty, lists have one item, times are set, and what
// may be anything is a JSON document.
func Sample[T any]() *T {
	v := new(T)
	fill(reflect.ValueOf(v).Elem(), maxDepth)
	return v
}

// maxDepth bounds how deep a sample goes into types that hold themselves.
const maxDepth = 8

var (
	sampleTime = time.Date(2024, 1, 31, 23, 59, 59, 0, time.UTC)
	timeType   = reflect.TypeFor[time.Time]()
	rawType    = reflect.TypeFor[json.RawMessage]()
	marshaler  = reflect.TypeFor[json.Marshaler]()
)

func fill(v reflect.Value, depth int) {
	if depth == 0 || !v.CanSet() {
		return
	}
	switch v.Type() {
	case timeType:
		v.Set(reflect.ValueOf(sampleTime))
		return
	case rawType:
		v.SetBytes([]byte("{}"))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf(json.RawMessage("null")))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth-1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if v.Type().Elem().Kind() == reflect.Interface {
			return
		}
		key, item := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth-1)
		fill(item, depth-1)
		v.SetMapIndex(key, item)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth-1)
		}
	}
}

// Item derives the schema of what record writes from its records of everything and of nothing: a field that is null in one
// of them may be null.
func Item[T any](record func(*T) api.Record) Schema {
	return Derive(record(Sample[T]()), record(new(T)))
}

// Type derives the schema of a Go type that is answered as JSON.
func Type[T any]() Schema { return merge(schemaOf(Sample[T]()), schemaOf(new(T))) }

// Derive derives the schema that fits all of the records.
func Derive(records ...api.Record) Schema {
	out := schemaOf(records[0])
	for _, r := range records[1:] {
		out = merge(out, schemaOf(r))
	}
	return out
}

func schemaOf(v any) Schema {
	switch v := v.(type) {
	case nil:
		return Schema{"type": "null"}
	case json.RawMessage:
		return Schema{}
	case api.Record:
		properties := map[string]Schema{}
		for _, f := range v {
			properties[f.Name] = schemaOf(f.Value)
		}
		return Schema{"type": "object", "properties": properties}
	case string:
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", v); err == nil {
			return Schema{"type": "string", "format": "date-time"}
		}
	}
	return reflected(reflect.ValueOf(v))
}

// reflected is the schema of a value by its type, and where that does not say it by what is in it.
func reflected(v reflect.Value) Schema {
	if !v.IsValid() {
		return Schema{}
	}
	if v.Type() != timeType && v.Type().Implements(marshaler) && v.Kind() != reflect.Pointer {
		return merge(marshalled(v), marshalled(reflect.Zero(v.Type())))
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return Schema{"type": "null"}
		}
		return schemaOf(v.Elem().Interface())
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return Schema{"type": "number"}
	case reflect.Slice, reflect.Array:
		s := Schema{"type": "array"}
		if v.Kind() == reflect.Slice && v.IsNil() {
			return Schema{"type": "null"}
		}
		for i := range v.Len() {
			own := inner(v.Index(i))
			if before, ok := s["items"].(Schema); ok {
				own = merge(before, own)
			}
			s["items"] = own
		}
		return s
	case reflect.Map:
		return mapped(v)
	case reflect.Struct:
		return structure(v)
	}
	return Schema{"type": "integer"}
}

// marshalled is the schema of a value that writes itself; an object says nothing of what else may be in it.
func marshalled(v reflect.Value) Schema {
	data, err := json.Marshal(v.Interface())
	var plain any
	if err != nil || json.Unmarshal(data, &plain) != nil {
		return Schema{}
	}
	if _, isObject := plain.(map[string]any); isObject {
		return Schema{"type": "object"}
	}
	return schemaOf(plain)
}

// inner is the schema of a part of a value; one that may be anything says nothing when it is not there.
func inner(v reflect.Value) Schema {
	if v.Kind() == reflect.Interface && v.IsNil() {
		return Schema{}
	}
	return schemaOf(v.Interface())
}

func mapped(v reflect.Value) Schema {
	s := Schema{"type": "object"}
	if v.IsNil() {
		return Schema{"type": "null"}
	}
	if v.Type().Elem().Kind() != reflect.Interface || v.Type().Key() != reflect.TypeFor[string]() {
		for _, key := range v.MapKeys() {
			s["additionalProperties"] = inner(v.MapIndex(key))
		}
		return s
	}
	// Samples have nothing in such maps: these keys are always there.
	properties := map[string]Schema{}
	for _, key := range v.MapKeys() {
		properties[key.String()] = inner(v.MapIndex(key))
	}
	if len(properties) > 0 {
		s["properties"] = properties
	}
	return s
}

// nilable are the kinds that are written as null when they are not there.
var nilable = []reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface}

func structure(v reflect.Value) Schema {
	if v.Type() == timeType {
		return Schema{"type": "string", "format": "date-time"}
	}
	properties := map[string]Schema{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		own := inner(v.Field(i))
		if parts, isObject := own["properties"].(map[string]Schema); isObject && f.Anonymous && name == "" {
			for k, s := range parts {
				properties[k] = s
			}
			continue
		}
		if name == "" {
			name = f.Name
		}
		if kind := f.Type.Kind(); !strings.Contains(options, "omit") && slices.Contains(nilable, kind) {
			own = merge(own, Schema{"type": "null"})
		}
		properties[name] = own
	}
	return Schema{"type": "object", "properties": properties}
}

// merge is the schema that fits what both fit.
func merge(a, b Schema) Schema {
	if len(a) == 0 || len(b) == 0 {
		return Schema{}
	}
	types := typesOf(a)
	for _, t := range typesOf(b) {
		if !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	out := Schema{}
	for _, key := range []string{"properties", "items", "additionalProperties", "format"} {
		x, inA := a[key]
		y, inB := b[key]
		switch {
		case !inA && !inB:
		case !inB:
			out[key] = x
		case !inA:
			out[key] = y
		case key == "properties":
			out[key] = mergeProperties(x.(map[string]Schema), y.(map[string]Schema))
		case key == "format":
			out[key] = x
		default:
			out[key] = merge(x.(Schema), y.(Schema))
		}
	}
	slices.SortFunc(types, func(x, y string) int {
		if (x == "null") != (y == "null") {
			return btoi(x == "null") - btoi(y == "null")
		}
		return strings.Compare(x, y)
	})
	out["type"] = types[0]
	if len(types) > 1 {
		out["type"] = types
	}
	return out
}

func mergeProperties(a, b map[string]Schema) map[string]Schema {
	out := map[string]Schema{}
	for name, s := range a {
		out[name] = s
	}
	for name, s := range b {
		if old, both := out[name]; both {
			s = merge(old, s)
		}
		out[name] = s
	}
	return out
}

func typesOf(s Schema) []string {
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []string:
		return slices.Clone(t)
	}
	return nil
}
