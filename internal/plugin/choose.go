package plugin

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Scheme begins the imports that name uploaded plugins.
const Scheme = "plugin:"

// Import is a plugin as a blueprint asks for it: plugin:<package>[?version=<specifiers>&distribution=<name>].
type Import struct {
	Name string
	// Versions must all match.
	Versions Specifiers
	// Distribution is nil for any.
	Distribution *string
	// query is how the conditions were written.
	query string
}

// Mapping is what an upload says of one plugin: another import to use, or a version that is forced.
type Mapping struct {
	ImportURL string `json:"import_url"`
	Version   string `json:"version"`
}

// Overrides change which plugins the imports of one upload mean, by package name (dsl, section 5.5). The zero value
// changes nothing.
type Overrides struct {
	Mappings map[string]Mapping
	// Constraints are specifiers that must match in addition.
	Constraints map[string]string
}

// Replace returns the import that is meant by an import of a plugin.
func (o Overrides) Replace(u string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(u, Scheme), "?")
	if m := o.Mappings[name]; m.ImportURL != "" {
		return m.ImportURL
	}
	return u
}

// ParseImport reads an import that begins with Scheme, with what an upload overrides.
func ParseImport(u string, o Overrides) (Import, error) {
	name, query, _ := strings.Cut(strings.TrimPrefix(u, Scheme), "?")
	im := Import{Name: name, query: query}
	bad := func(format string, args ...any) (Import, error) {
		return im, invalid("Error parsing spec for plugin %s: %s", name, fmt.Sprintf(format, args...))
	}
	if name == "" {
		return bad("there is no package name in %q", u)
	}
	// A plus belongs to local versions, and is no space as in forms.
	values, err := url.ParseQuery(strings.ReplaceAll(query, "+", "%2B"))
	if err != nil {
		return bad("%v", err)
	}
	for key := range values {
		if key != "version" && key != "distribution" {
			return bad("invalid parameter %s", key)
		}
	}
	for _, text := range values["version"] {
		s, err := parseVersions(text)
		if err != nil {
			return bad("%v", err)
		}
		im.Versions = append(im.Versions, s...)
	}
	if d, ok := values["distribution"]; ok {
		im.Distribution = &d[len(d)-1]
	}
	if text := o.Constraints[name]; text != "" {
		s, err := parseVersions(text)
		if err != nil {
			return bad("%v", err)
		}
		im.Versions = append(im.Versions, s...)
	}
	if m := o.Mappings[name]; m.Version != "" {
		im.Versions = Specifiers{{operator: "===", text: m.Version}}
	}
	return im, nil
}

// parseVersions reads specifiers, or one bare version, which means exactly that one.
func parseVersions(text string) (Specifiers, error) {
	clean := strings.TrimSpace(text)
	if clean == "" || strings.Trim(clean, ", ") == "" {
		return nil, fmt.Errorf("the version is empty")
	}
	if !strings.ContainsAny(clean, "<>=!~,") {
		return Specifiers{{operator: "===", text: clean}}, nil
	}
	return ParseSpecifiers(clean)
}

// Choose returns the plugin with the highest version among those that the import allows, which all have its package
// name; fault.InvalidPlugin when there is none.
func (im Import) Choose(list []*model.Plugin) (*model.Plugin, error) {
	fits := func(p *model.Plugin) bool {
		return im.Distribution == nil || p.Distribution == *im.Distribution || p.Distribution == "" && *im.Distribution == "None"
	}
	var best *model.Plugin
	found := false
	for _, p := range list {
		if !fits(p) {
			continue
		}
		found = true
		if len(im.Versions) > 0 && !im.Versions.Match(p.PackageVersion) {
			continue
		}
		if best == nil || im.prefers(p.PackageVersion, best.PackageVersion) {
			best = p
		}
	}
	switch {
	case best != nil:
		return best, nil
	case found:
		return nil, invalid("No matching version was found for plugin %s and version(s) %s.", im.Name, im.Versions)
	case im.query != "":
		return nil, invalid("Plugin %s (query: %s) not found", im.Name, im.query)
	}
	return nil, invalid("Plugin %s not found", im.Name)
}

// prefers reports whether version a is rather meant than b. An import that names no version means a pre-release only when
// there is nothing else.
func (im Import) prefers(a, b string) bool {
	if len(im.Versions) == 0 {
		if early := isPrerelease(a); early != isPrerelease(b) {
			return !early
		}
	}
	return CompareText(a, b) > 0
}

func isPrerelease(text string) bool {
	v, err := ParseVersion(text)
	return err == nil && v.IsPrerelease()
}

// versioned are names such as plugin_1_4.yaml.
var versioned = regexp.MustCompile(`_\d_\d+\.yaml$`)

// ChooseYAML returns which description file is for blueprints of a version of the language, such as 1_4; dslVersion may
// be empty (dsl, section 5.5).
func ChooseYAML(names []string, dslVersion string) (string, error) {
	if len(names) == 0 {
		return "", fault.New(fault.NotFound, "the plugin has no YAML file; upload it again together with its plugin.yaml")
	}
	if len(names) == 1 {
		return names[0], nil
	}
	names = slices.Sorted(slices.Values(names))
	if dslVersion != "" {
		var exact []string
		for _, n := range names {
			if strings.Contains(n, dslVersion+".yaml") {
				exact = append(exact, n)
			}
		}
		if len(exact) == 1 {
			return exact[0], nil
		}
		if len(exact) > 1 {
			return "", fault.New(fault.InvalidPlugin, "the plugin has several YAML files for version %s: %s", dslVersion, strings.Join(exact, ", "))
		}
	}
	if i := slices.IndexFunc(names, func(n string) bool { return !versioned.MatchString(n) }); i >= 0 {
		return names[i], nil
	}
	if dslVersion == "" {
		return names[len(names)-1], nil
	}
	return "", fault.New(fault.InvalidPlugin, "none of the plugin's YAML files is for version %s: %s", dslVersion, strings.Join(names, ", "))
}
