package diag

import "strings"

// codes gives our code for the reference's class and number. Codes never
// change meaning; a test pins the list.
var codes = map[Class]map[int]string{
	Format: {
		-1: "not-yaml", 1: "schema", 2: "duplicate-import", 220: "import-form",
	},
	Base: {1: "invalid-value", 213: "function-with-constraints", 214: "input-type"},
	InputType: {
		108: "non-ascii", 216: "display-not-supported",
	},
	Logic: {
		3: "import-not-mergeable", 4: "import-conflict", 7: "unknown-type", 10: "unknown-operation-plugin",
		13: "import-not-found", 18: "plugin-executor", 19: "unknown-operation-plugin", 21: "unknown-workflow-plugin",
		23: "relationship-to-self", 24: "plugin-needs-host", 25: "unknown-target", 26: "unknown-relationship-type",
		27: "version-missing", 28: "import-version", 29: "version-unknown", 30: "location",
		40: "unknown-group-member", 41: "unknown-policy-type", 42: "unknown-trigger-type",
		50: "plugin-source", 60: "script-path-twice", 61: "script-plugin-missing",
		71: "version-form", 72: "version-form", 73: "version-form", 74: "version-form", 75: "version-form", 76: "version-form",
		91: "plugin-ambiguous", 100: "circular", 102: "version-gate", 103: "unknown-name", 104: "data-type-name",
		105: "property-type", 106: "unknown-property", 107: "missing-property", 112: "two-containers",
		200: "group-cycle", 201: "member-of-several-groups", 202: "members-not-contained-together",
		204: "policy-type", 205: "policy-target", 206: "policy-without-targets",
		207: "instances-value", 208: "instances-literal", 209: "instances-twice", 210: "instances-dict",
		211: "group-named-as-node", 212: "constraint-argument", 213: "blueprint-without-namespace",
		214: "namespace", 215: "hidden-input-without-default", 216: "lifecycle-operation",
		217: "item-type", 218: "item-type-on-non-list", 219: "external-resource-function", 221: "import-properties",
	},
}

// classCodes gives our code for classes without a number.
var classCodes = map[Class]string{
	Constraint: "constraint", MissingInput: "missing-input", UnknownInput: "unknown-input",
	InputEvaluation: "input-value", FunctionEvaluation: "function-evaluation",
	FunctionValidation: "function-argument", UnknownSecret: "unknown-secret",
	UnsupportedSecret: "secrets-unsupported", RecursionLimit: "recursion-limit",
	UnknownSysEntity: "function-argument", UnknownSysProperty: "function-argument",
	BadConnectionType: "connection-type", BadRelationship: "relationship-kind",
	BadAllToOne: "all-to-one", AllToOneInGroup: "all-to-one-in-group",
	NonRecoverable: "invalid-value", ResolverRules: "resolver-rules",
	ValueError: "function-argument", KeyError: "unknown-name",
	ScannerError: "not-yaml", ComposerError: "not-yaml", ConstructorError: "not-yaml",
}

func codeOf(e *Error) string {
	if e.HasCode {
		if c := codes[e.Class][e.Code]; c != "" {
			return c
		}
	}
	if c := classCodes[e.Class]; c != "" {
		return c
	}
	return "invalid"
}

func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ")
}
