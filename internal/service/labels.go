package service

import (
	"slices"
	"strings"
	"unicode"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// reservedLabels are the keys with the reserved prefix that may be used (rest-model, section 6).
var reservedLabels = []string{
	"csys-environment", "csys-obj-name", "csys-env-type", "csys-obj-type", "csys-obj-parent", "csys-consumer-id",
	"csys-wrcp-services", "csys-wrcp-group-id", "csys-location-name", "csys-location-lat", "csys-location-long",
}

const maxLabel = 256

// checkID refuses what may not be an id in a path; name is the argument's name in the message.
func checkID(name, id string, anyFirst bool) error {
	switch {
	case id == "":
		return fault.New(fault.BadParameters, "The `%s` argument is empty", name)
	case len(id) > model.MaxIDLength:
		return fault.New(fault.BadParameters, "The `%s` argument is too long. Maximum allowed length is %d characters", name, model.MaxIDLength)
	case !model.ValidID(id, true):
		return fault.New(fault.BadParameters, "The `%s` argument contains illegal characters. Only letters, digits and the "+
			"characters \"-\", \".\" and \"_\" are allowed", name)
	case !model.ValidID(id, anyFirst):
		return fault.New(fault.BadParameters, "The `%s` argument must begin with a letter", name)
	}
	return nil
}

// checkLabels refuses labels whose key or value is not allowed, and a pair that is given twice.
func checkLabels(labels []model.Label) error {
	seen := map[[2]string]bool{}
	for _, l := range labels {
		key := strings.ToLower(l.Key)
		if strings.HasPrefix(key, "csys-") && !slices.Contains(reservedLabels, key) {
			return fault.New(fault.BadParameters, "All labels with a `csys-` prefix are reserved for internal use. "+
				"Allowed `csys-` prefixed labels are: %s", strings.Join(reservedLabels, ", "))
		}
		if key == "" || len(key) > maxLabel || !model.ValidID(key, true) {
			return fault.New(fault.BadParameters, "The label's key `%s` is empty, too long or contains illegal characters. "+
				"Only letters, digits and the characters `-`, `.`, `_` and `~` are allowed", l.Key)
		}
		bad := func(r rune) bool { return unicode.IsControl(r) || r == '"' }
		if l.Value == "" || len([]rune(l.Value)) > maxLabel || strings.ContainsFunc(l.Value, bad) {
			return fault.New(fault.BadParameters, "The label's value `%s` is empty, longer than %d characters or contains "+
				"control characters or double quotes", l.Value, maxLabel)
		}
		pair := [2]string{key, l.Value}
		if seen[pair] {
			return fault.New(fault.BadParameters, "You cannot define the same label twice: %s:%s", l.Key, l.Value)
		}
		seen[pair] = true
	}
	return nil
}

// stamp completes labels with who set them and when, keys in lower case.
func (s *Service) stamp(a *Actor, labels []model.Label) []model.Label {
	out := make([]model.Label, 0, len(labels))
	for _, l := range labels {
		out = append(out, model.Label{Key: strings.ToLower(l.Key), Value: l.Value, CreatedAt: s.Clock.Now(), CreatedBy: a.User.Name})
	}
	return out
}
