// Package imports turns a main blueprint file and everything it imports into
// one merged tree: candidate locations, breadth-first traversal, namespaces,
// merge rules and resolver rules (dsl, sections 5 and 6).
//
// It never reads files or the network: all bytes come through a Source.
//
// Invariants: a tree fetched from a Source is never changed once it was merged
// into another; built-in documents are shared and only copied; an aliased value
// is prefixed with a namespace once.
package imports

import (
	"context"
	"time"

	"github.com/reifyhq/reify/internal/dsl/value"
)

// Source gives the parser the bytes it asks for. Implementations do the I/O;
// the parser does none. They must be safe for use by one parse at a time.
type Source interface {
	// Fetch returns what is at an import URL: file:…, resource:…, http…,
	// plugin:… or blueprint:<id>. A *diag.Error is reported as it is, any other
	// error as "Import failed".
	Fetch(ctx context.Context, url, dslVersion string) (Fetched, error)
	// Exists tells whether there is a file at a URL: candidates of imports and
	// scripts of operations. Local files come as file:// URLs.
	Exists(ctx context.Context, url string) bool
}

// Fetched is the answer to one Fetch: text, or a blueprint to be parsed for
// blueprint:<id>, and the catalogue record when the text is of a plugin.
type Fetched struct {
	Text      []byte
	Blueprint *Input
	Plugin    *PluginRecord
}

// PluginRecord is what the catalogue knows of a plugin. Nil mappings are
// absent; others replace the sections of the plugin's own file.
type PluginRecord struct {
	Labels          *value.Map
	BlueprintLabels *value.Map
	ResourceTags    *value.Map
}

// Input is one document to parse.
type Input struct {
	// Text is the document, Location its path or URL; it may be empty.
	Text     []byte
	Location string
	// ResourcesBasePath is an extra root for relative imports and scripts.
	ResourcesBasePath string
	// AdditionalResourceSources are more base URLs in which scripts may be.
	AdditionalResourceSources []string
	// WorkingDirectory resolves relative local paths; empty looks up none.
	WorkingDirectory string
	// Now is the time that schedules given as a time of day count from.
	Now time.Time
	// NoVersionCheck turns off all "added in version" gates and the version
	// check of imports.
	NoVersionCheck bool
	// NoFunctionValidation skips the static validation of functions.
	NoFunctionValidation bool
	// OnFile, if set, is told of every file that is read, to show its lines in
	// diagnostics.
	OnFile func(location string, text []byte)
	// NoBuiltInTypes reads even the built-in types files through the Source.
	NoBuiltInTypes bool
	// NoInputDefaultsCheck skips the constraint checks of input defaults.
	NoInputDefaultsCheck bool
}
