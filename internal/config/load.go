package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ErrHelp says that the arguments asked for help; the caller prints Usage.
var ErrHelp = errors.New("help was asked for")

// Origins says for each key where its value came from: "default", "file reify.yaml:3", "environment REIFY_LISTEN" or
// "flag --listen".
type Origins map[string]string

// assignment is one value for one key before it is parsed.
type assignment struct {
	name, text, origin string
}

// Load reads the configuration from arguments (--section.key=value or --section.key value; --config FILE), environment
// variables in the form of os.Environ, and the file that --config or REIFY_CONFIG names, through readFile. The error
// joins everything that is wrong, validation included; it is ErrHelp when the arguments ask for help.
func Load(args, environ []string, readFile func(string) ([]byte, error)) (*Config, Origins, error) {
	flags, err := parseArgs(args)
	if errors.Is(err, ErrHelp) {
		return nil, nil, err
	}
	variables, envErr := parseEnviron(environ)
	errs := []error{err, envErr}

	all := slices.Concat(variables, flags)
	file := ""
	for _, a := range all {
		if a.name == configFile {
			file = a.text
		}
	}
	if file != "" {
		list, err := parseFile(file, readFile)
		errs = append(errs, err)
		all = slices.Concat(list, all)
	}

	c, origins := Default(), Origins{}
	for _, k := range keys {
		origins[k.name] = "default"
	}
	for _, a := range all {
		k, ok := find(a.name)
		if !ok {
			continue
		}
		if err := set(k.at(&c), a.text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", a.origin, a.name, err))
			continue
		}
		origins[a.name] = a.origin
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	return &c, origins, nil
}

// parseArgs reads flags. Dashes inside a name count as underscores.
func parseArgs(args []string) ([]assignment, error) {
	var list []assignment
	var errs []error
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "-h" || arg == "--help" {
			return nil, ErrHelp
		}
		if !strings.HasPrefix(arg, "--") || arg == "--" {
			errs = append(errs, fmt.Errorf("unexpected argument %q; settings are given as --name value", arg))
			continue
		}
		name, text, given := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		name = strings.ReplaceAll(name, "-", "_")
		k, known := find(name)
		switch {
		case !known && name != configFile:
			errs = append(errs, fmt.Errorf("unknown flag --%s%s", name, didYouMean("--"+name, flagNames())))
			// The next argument is more likely its value than another mistake.
			if !given && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
			}
			continue
		case given:
		case known && isFlag(k):
			text = "true"
		case i+1 == len(args):
			errs = append(errs, fmt.Errorf("flag --%s needs a value", name))
			continue
		default:
			i++
			text = args[i]
		}
		list = append(list, assignment{name, text, "flag --" + name})
	}
	return list, errors.Join(errs...)
}

func isFlag(k key) bool {
	_, ok := k.at(&Config{}).(*bool)
	return ok
}

func flagNames() []string {
	names := []string{"--" + configFile}
	for _, k := range keys {
		names = append(names, "--"+k.name)
	}
	return names
}

// parseEnviron reads the variables of our keys. A variable that begins like one of a section of ours and is none is a
// mistake; others with our prefix belong to other programs, such as the command line client.
func parseEnviron(environ []string) ([]assignment, error) {
	names := map[string]string{env(configFile): configFile}
	var variables []string
	var sections []string
	for _, k := range keys {
		names[env(k.name)] = k.name
		variables = append(variables, env(k.name))
		if s := section(k.name); s != "" && !slices.Contains(sections, env(s)+"_") {
			sections = append(sections, env(s)+"_")
		}
	}
	var list []assignment
	var errs []error
	for _, e := range environ {
		variable, text, _ := strings.Cut(e, "=")
		if name, ok := names[variable]; ok {
			list = append(list, assignment{name, text, "environment " + variable})
			continue
		}
		if slices.ContainsFunc(sections, func(s string) bool { return strings.HasPrefix(variable, s) }) {
			errs = append(errs, fmt.Errorf("unknown environment variable %s%s", variable, didYouMean(variable, variables)))
		}
	}
	return list, errors.Join(errs...)
}

// parseFile reads a YAML file of sections and keys; a key may also be written with its dotted name.
func parseFile(file string, readFile func(string) ([]byte, error)) ([]assignment, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration file: %w", err)
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, fmt.Errorf("read configuration file %s: %w", file, err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	f := &fileReader{file: file, seen: map[string]int{}}
	f.mapping("", document.Content[0])
	return f.list, errors.Join(f.errs...)
}

type fileReader struct {
	file string
	seen map[string]int
	list []assignment
	errs []error
}

func (f *fileReader) fail(n *yaml.Node, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s:%d: %s", f.file, n.Line, fmt.Sprintf(format, args...)))
}

func (f *fileReader) mapping(prefix string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		f.fail(n, "%s must be a mapping of keys to values", orFile(prefix))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f.entry(strings.TrimPrefix(prefix+"."+n.Content[i].Value, "."), n.Content[i], n.Content[i+1])
	}
}

func orFile(prefix string) string {
	if prefix == "" {
		return "the file"
	}
	return prefix
}

func (f *fileReader) entry(name string, k, v *yaml.Node) {
	if _, known := find(name); !known {
		if isSection(name) || v.Kind == yaml.MappingNode {
			f.mapping(name, v)
			return
		}
		var names []string
		for _, k := range keys {
			names = append(names, k.name)
		}
		f.fail(k, "unknown key %s%s", name, didYouMean(name, names))
		return
	}
	if line, twice := f.seen[name]; twice {
		f.fail(k, "%s was set in line %d already", name, line)
		return
	}
	f.seen[name] = k.Line
	if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
		f.fail(v, "%s needs a value", name)
		return
	}
	f.list = append(f.list, assignment{name, v.Value, fmt.Sprintf("file %s:%d", f.file, v.Line)})
}

func isSection(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return section(k.name) == name })
}
