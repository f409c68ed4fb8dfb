package memstore

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"time"
)

var errBroken = errors.New("store document: it is not valid JSON")

var (
	instantType = reflect.TypeFor[time.Time]()
	rawType     = reflect.TypeFor[json.RawMessage]()
)

// clone copies an entity as a database would give it back: nothing is shared, instants are whole microseconds in UTC,
// numbers inside documents are json.Number.
func clone[T any](v *T) (*T, error) {
	out := new(T)
	err := copyTo(reflect.ValueOf(out).Elem(), reflect.ValueOf(v).Elem())
	return out, err
}

func copyTo(to, from reflect.Value) error {
	switch from.Type() {
	case instantType:
		if t := from.Interface().(time.Time); !t.IsZero() {
			to.Set(reflect.ValueOf(time.UnixMicro(t.UnixMicro()).UTC()))
		}
		return nil
	case rawType:
		raw := from.Bytes()
		if len(raw) == 0 {
			return nil
		}
		if !json.Valid(raw) {
			return errBroken
		}
		to.SetBytes(append([]byte(nil), raw...))
		return nil
	}
	switch from.Kind() {
	case reflect.Struct:
		for i := range from.NumField() {
			if err := copyTo(to.Field(i), from.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if from.IsNil() {
			return nil
		}
		to.Set(reflect.New(from.Type().Elem()))
		return copyTo(to.Elem(), from.Elem())
	case reflect.Interface:
		return copyAny(to, from)
	case reflect.Slice:
		if from.IsNil() {
			return nil
		}
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			if err := copyTo(to.Index(i), from.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		return copyMap(to, from)
	default:
		to.Set(from)
	}
	return nil
}

func copyMap(to, from reflect.Value) error {
	if from.IsNil() {
		return nil
	}
	to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
	for entries := from.MapRange(); entries.Next(); {
		value := reflect.New(from.Type().Elem()).Elem()
		if err := copyTo(value, entries.Value()); err != nil {
			return err
		}
		to.SetMapIndex(entries.Key(), value)
	}
	return nil
}

// copyAny copies a value inside a document: what JSON makes of it.
func copyAny(to, from reflect.Value) error {
	if from.IsNil() {
		return nil
	}
	v := from.Elem()
	switch x := v.Interface().(type) {
	case string, bool, json.Number:
		to.Set(v)
		return nil
	case int:
		to.Set(reflect.ValueOf(json.Number(strconv.Itoa(x))))
		return nil
	case map[string]any, []any:
		inner := reflect.New(v.Type()).Elem()
		if err := copyTo(inner, v); err != nil {
			return err
		}
		to.Set(inner)
		return nil
	}
	data, err := json.Marshal(v.Interface())
	if err != nil {
		return err
	}
	var decoded any
	if err := decode(data, &decoded); err != nil {
		return err
	}
	if decoded != nil {
		to.Set(reflect.ValueOf(decoded))
	}
	return nil
}
