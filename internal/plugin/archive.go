package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/archive"
	"github.com/reifyhq/reify/internal/dsl"
	"github.com/reifyhq/reify/internal/dsl/yamltree"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
)

// Metadata is what a wagon says of itself in its package.json (operations, section 6.2).
type Metadata struct {
	ArchiveName       string   `json:"archive_name"`
	PackageName       string   `json:"package_name"`
	PackageVersion    string   `json:"package_version"`
	PackageSource     string   `json:"package_source"`
	SupportedPlatform string   `json:"supported_platform"`
	SupportedPythons  []string `json:"supported_python_versions"`
	Wheels            []string `json:"wheels"`
	ExcludedWheels    []string `json:"excluded_wheels"`
	BuildServer       struct {
		Distribution        string `json:"distribution"`
		DistributionVersion string `json:"distribution_version"`
		DistributionRelease string `json:"distribution_release"`
	} `json:"build_server_os_properties"`
}

// File is a file of an upload: its name, and where it lies on disk.
type File struct{ Name, Path string }

// Package is one plugin of an upload.
type Package struct {
	Metadata
	Wagon File
	// Files are the description files and the icon that came with the wagon, sorted by name.
	Files []File
	// BlueprintLabels, Labels and ResourceTags are those of the description, nil when it declares none.
	BlueprintLabels, Labels, ResourceTags model.Document
}

// IconName is the name of the picture that may come with a plugin.
const IconName = "icon.png"

// YAMLs returns the names of the description files, sorted.
func (p *Package) YAMLs() []string {
	var names []string
	for _, f := range p.Files {
		if isYAML(f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func isYAML(name string) bool { return strings.HasSuffix(name, ".yaml") }

// maxDocument bounds package.json, METADATA and a description in bytes.
const maxDocument = 8 << 20

func invalid(format string, args ...any) error {
	return fault.New(fault.InvalidPlugin, format, args...)
}

// Open reads an upload from a file (operations, section 6.3): a caravan of several plugins, a wagon, or a zip archive with
// one wagon and its description, looked for in this order. What has to be unpacked goes into dir, which must be empty;
// the files of the result lie there, or are the upload itself.
func Open(ctx context.Context, file, dir string, limits archive.Limits) ([]Package, error) {
	c, err := scan(ctx, file, limits)
	if err != nil {
		return nil, err
	}
	switch {
	case c.format != archive.Zip && c.caravan != nil:
		return openCaravan(ctx, c, file, dir, limits)
	case c.metadata != nil:
		p, err := newPackage(c, file, nil)
		if err != nil {
			return nil, err
		}
		return []Package{p}, nil
	case c.format == archive.Zip:
		return openBundle(ctx, file, dir, limits)
	}
	return nil, notAPlugin("")
}

func notAPlugin(more string) error {
	return invalid("input can be only a wagon or a zip file.%s", more)
}

// content is what makes an archive a wagon or a caravan.
type content struct {
	format archive.Format
	// metadata is the package.json of a wagon, caravan the METADATA, which lies in the directory base.
	metadata, caravan []byte
	base              string
}

// scan reads an archive through to its end without unpacking it, so that a damaged one is found.
func scan(ctx context.Context, file string, limits archive.Limits) (*content, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the uploaded plugin: %w", err)
	}
	defer f.Close()
	if _, err := archive.Detect(f); fault.Is(err, fault.BadParameters) {
		return nil, notAPlugin("")
	}
	c := &content{}
	summary, err := archive.Extract(ctx, f, limits, func(e archive.Entry, r io.Reader) error {
		top, below, isBelow := strings.Cut(e.Path, "/")
		switch {
		case r == nil:
		case isBelow && below == "package.json":
			c.metadata, err = readDocument(r, e.Path)
		case e.Path == "METADATA" || isBelow && below == "METADATA" && c.caravan == nil:
			c.caravan, err = readDocument(r, e.Path)
			c.base = strings.TrimSuffix(top, "METADATA")
		}
		return err
	})
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Code == fault.BadParameters {
		return nil, fault.Wrap(err, fault.InvalidPlugin, "input can be only a wagon or a zip file. The archive cannot be read: %s", refused.Message)
	}
	if err != nil {
		return nil, err
	}
	c.format = summary.Format
	if _, err := summary.SingleDirectory(); err != nil {
		c.metadata = nil
	}
	return c, nil
}

func readDocument(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err == nil && len(data) > maxDocument {
		return nil, invalid("%s of the plugin is larger than %d bytes", name, maxDocument)
	}
	return data, err
}

// unpack extracts an archive into dir.
func unpack(ctx context.Context, file, dir string, limits archive.Limits) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("read the uploaded plugin: %w", err)
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack the uploaded plugin: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	_, err = archive.ExtractTo(ctx, f, root, limits)
	return err
}

// openBundle reads a zip archive with one wagon, description files and an icon at its top.
func openBundle(ctx context.Context, file, dir string, limits archive.Limits) ([]Package, error) {
	if err := unpack(ctx, file, dir, limits); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the uploaded plugin: %w", err)
	}
	var wagons, files []File
	for _, e := range entries {
		f := File{e.Name(), filepath.Join(dir, e.Name())}
		switch {
		case !e.Type().IsRegular():
		case strings.HasSuffix(f.Name, ".wgn"):
			wagons = append(wagons, f)
		case isYAML(f.Name), f.Name == IconName:
			files = append(files, f)
		}
	}
	if len(wagons) != 1 {
		return nil, invalid("Archive must include one wgn file")
	}
	p, err := openWagon(ctx, wagons[0].Path, files, limits)
	if err != nil {
		return nil, err
	}
	return []Package{p}, nil
}

func openWagon(ctx context.Context, file string, files []File, limits archive.Limits) (Package, error) {
	c, err := scan(ctx, file, limits)
	if err != nil {
		return Package{}, err
	}
	if c.metadata == nil {
		return Package{}, invalid("%s is not a wagon: it has no package.json in its one directory", filepath.Base(file))
	}
	return newPackage(c, file, files)
}

// openCaravan reads the plugins that METADATA lists: wagons with their descriptions, by paths relative to it.
func openCaravan(ctx context.Context, c *content, file, dir string, limits archive.Limits) ([]Package, error) {
	root, problem := yamltree.Load(c.caravan, "METADATA", "The METADATA of the caravan cannot be read")
	if problem != nil {
		return nil, invalid("%s", problem.Message)
	}
	if !root.IsMap() || len(root.Pairs) == 0 {
		return nil, invalid("The METADATA of the caravan must map wagons to their plugin.yaml")
	}
	if err := unpack(ctx, file, dir, limits); err != nil {
		return nil, err
	}
	var out []Package
	for _, pair := range root.Pairs {
		wagon, err := member(dir, c.base, pair.Key.Text())
		if err != nil {
			return nil, err
		}
		descriptions := pair.Value.Items
		if !pair.Value.IsList() {
			descriptions = []*yamltree.Node{pair.Value}
		}
		var files []File
		for _, d := range descriptions {
			f, err := member(dir, c.base, d.Text())
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		p, err := openWagon(ctx, wagon.Path, files, limits)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// member finds a file that METADATA names.
func member(dir, base, name string) (File, error) {
	clean := path.Join(base, name)
	if name == "" || !filepath.IsLocal(filepath.FromSlash(clean)) {
		return File{}, invalid("The METADATA of the caravan names %q, which is no path inside the archive", name)
	}
	f := File{path.Base(clean), filepath.Join(dir, filepath.FromSlash(clean))}
	if info, err := os.Lstat(f.Path); err != nil || !info.Mode().IsRegular() {
		return File{}, invalid("The METADATA of the caravan names %q, which is not in the archive", name)
	}
	return f, nil
}

func newPackage(c *content, file string, files []File) (Package, error) {
	p := Package{Files: files}
	if err := json.Unmarshal(c.metadata, &p.Metadata); err != nil {
		return p, fault.Wrap(err, fault.InvalidPlugin, "package.json of the wagon cannot be read: %v", err)
	}
	if p.PackageName == "" || p.ArchiveName == "" {
		return p, invalid("package.json of the wagon names no package_name or no archive_name; build the wagon with the wagon tool")
	}
	if p.ArchiveName != path.Base(p.ArchiveName) || strings.ContainsAny(p.ArchiveName, "\\\x00") || p.ArchiveName == ".." || isYAML(p.ArchiveName) {
		return p, invalid("archive_name %q of the wagon is not the name of a wagon", p.ArchiveName)
	}
	if p.PackageVersion == "" {
		p.PackageVersion = model.DefaultPluginVersion
	}
	p.Wagon = File{p.ArchiveName, file}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return p, p.describe()
}

// describe checks the description files and takes labels and tags from the one that plugins keep them in: the first whose
// name has "plugin." in it, or else the first.
func (p *Package) describe() error {
	names := p.YAMLs()
	main := slices.IndexFunc(names, func(n string) bool { return strings.Contains(n, "plugin.") })
	for _, f := range p.Files {
		if !isYAML(f.Name) {
			continue
		}
		data, err := os.ReadFile(f.Path)
		if err != nil {
			return fmt.Errorf("read %s of plugin %s: %w", f.Name, p.PackageName, err)
		}
		root, problem := yamltree.Load(data, f.Name, "Failed to parse "+f.Name)
		if problem != nil {
			return invalid("%s of plugin %s is not valid YAML: %s", f.Name, p.PackageName, problem.Message)
		}
		if !root.IsMap() {
			return invalid("%s of plugin %s must be a mapping with a section \"plugins\"", f.Name, p.PackageName)
		}
		if f.Name != names[max(main, 0)] {
			continue
		}
		if p.BlueprintLabels, err = p.section(root, f.Name, "blueprint_labels", true); err != nil {
			return err
		}
		if p.Labels, err = p.section(root, f.Name, "labels", true); err != nil {
			return err
		}
		if p.ResourceTags, err = p.section(root, f.Name, "resource_tags", false); err != nil {
			return err
		}
	}
	return nil
}

// section reads labels, whose values lie below a key "values", or tags; nil when the file has none.
func (p *Package) section(root *yamltree.Node, file, name string, isLabels bool) (model.Document, error) {
	node := root.Get(name)
	if node.IsNull() {
		return nil, nil
	}
	data, err := dsl.EncodeJSON(node.Value())
	if err != nil {
		return nil, invalid("%s of %s cannot be written as JSON: %v", name, file, err)
	}
	var doc model.Document
	if err := model.DecodeJSON(data, &doc); err != nil {
		return nil, invalid("%s of %s must be a mapping", name, file)
	}
	if !isLabels {
		return doc, nil
	}
	for key, v := range doc {
		entry, _ := v.(map[string]any)
		values, ok := entry["values"].([]any)
		if !ok {
			return nil, invalid("label %s in %s of %s must have a list of values: {%s: {values: [...]}}", key, name, file, key)
		}
		doc[key] = values
	}
	return doc, nil
}
