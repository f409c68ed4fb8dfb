package config

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Usage writes the help text of all settings.
func Usage(w io.Writer) error {
	var b strings.Builder
	b.WriteString("Every setting can be a flag, an environment variable or a key of the configuration file; a flag overrides\n" +
		"a variable, a variable the file. Durations and sizes have units: 15s, 10m, 50 MiB.\n\n" +
		"  --config FILE  (" + env(configFile) + ")\n      Read settings from a YAML file.\n")
	defaults := Default()
	last := ""
	for _, k := range keys {
		if s := section(k.name); s != last {
			b.WriteString("\n")
			last = s
		}
		fmt.Fprintf(&b, "  --%s %s  (%s", k.name, typeName(k.at(&defaults)), env(k.name))
		if text := show(k.at(&defaults)); text != "" {
			fmt.Fprintf(&b, ", default %s", text)
		}
		fmt.Fprintf(&b, ")\n      %s\n", k.doc)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Show writes all settings as a configuration file that Load would read, with secrets masked; with origins, each line
// says where its value came from.
func (c *Config) Show(w io.Writer, origins Origins) error {
	var b strings.Builder
	for _, k := range keys {
		line := k.name + ": " + quote(masked(k, c))
		if origins != nil {
			line = fmt.Sprintf("%-48s # %s", line, origins[k.name])
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plainScalar matches the texts that need no quotes in YAML.
var plainScalar = regexp.MustCompile(`^(-?[0-9]+|[A-Za-z0-9/.]([A-Za-z0-9/._:+ -]*[A-Za-z0-9/])?)$`)

// quote returns text as a YAML scalar.
func quote(text string) string {
	if plainScalar.MatchString(text) && !strings.Contains(text, ": ") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// Markdown writes the reference of all settings, docs/configuration.md.
func Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(`# Configuration

"reify server" needs no configuration. Every setting can be given as a key of a YAML file (named with "--config FILE" or
"`+env(configFile)+`"), as an environment variable or as the flag "--KEY". A flag overrides a variable, a variable overrides the
file, the file overrides the default. Keys that do not exist are errors. Durations and sizes have units: "15s", "10m",
"1h30m"; "512 KiB", "50 MiB", "1 GiB". "reify config show --origin" prints each value and where it came from.

This page is generated from "internal/config/keys.go"; do not edit it.
`, `"`, "`"))
	defaults := Default()
	last := "-"
	for _, k := range keys {
		if s := section(k.name); s != last {
			last = s
			title := "General"
			if s != "" {
				title = "`" + s + "`"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| key | variable | default | meaning |\n|---|---|---|---|\n", title)
		}
		text := show(k.at(&defaults))
		if text != "" {
			text = "`" + text + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", k.name, env(k.name), text, k.doc)
	}
	b.WriteString(`
## A file

` + "```yaml" + `
data_dir: /var/lib/reify
listen: 0.0.0.0:53333
tls:
  cert: /etc/reify/manager.crt
  key: /etc/reify/manager.key
workflow:
  task_retries: 10
  task_retry_interval: 30s
limits:
  blueprint_archive_size: 200 MiB
` + "```" + `
`)
	_, err := io.WriteString(w, b.String())
	return err
}
