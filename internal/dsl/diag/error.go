// Package diag holds what the parser and the evaluation of functions say when
// a blueprint is wrong: one error type that carries the reference's class,
// numeric code and exact message (dsl, section 15), and diagnostics for
// authors with our own stable codes, positions, explanations and suggestions.
//
// The package renders diagnostics as text, JSON and SARIF to an io.Writer and
// never reads files: sources are handed over as text.
//
// Invariant: a List is in the order in which the reference would meet the
// problems; Sorted gives the order for people.
package diag

// Class is the name of an exception class of the reference.
type Class string

// Classes of errors, section 15. The names are part of the compatible API.
const (
	Base               Class = "DSLParsingException"
	Logic              Class = "DSLParsingLogicException"
	Format             Class = "DSLParsingFormatException"
	InputType          Class = "DSLParsingInputTypeException"
	Constraint         Class = "ConstraintException"
	MissingInput       Class = "MissingRequiredInputError"
	UnknownInput       Class = "UnknownInputError"
	InputEvaluation    Class = "InputEvaluationError"
	FunctionEvaluation Class = "FunctionEvaluationError"
	FunctionValidation Class = "FunctionValidationError"
	UnknownSecret      Class = "UnknownSecretError"
	UnsupportedSecret  Class = "UnsupportedGetSecretError"
	RecursionLimit     Class = "EvaluationRecursionLimitReached"
	UnknownSysEntity   Class = "UnknownSysEntityError"
	UnknownSysProperty Class = "UnknownSysPropertyError"
	BadConnectionType  Class = "IllegalConnectedToConnectionType"
	BadRelationship    Class = "UnsupportedRelationship"
	BadAllToOne        Class = "IllegalAllToOneState"
	AllToOneInGroup    Class = "UnsupportedAllToOneInGroup"
	NonRecoverable     Class = "NonRecoverableError"
	ResolverRules      Class = "DefaultResolverValidationException"
	ValueError         Class = "ValueError"
	KeyError           Class = "KeyError"
	TypeError          Class = "TypeError"
	IndexError         Class = "IndexError"
	RuntimeError       Class = "RuntimeError"
	AttributeError     Class = "AttributeError"
	ScannerError       Class = "ScannerError"
	ComposerError      Class = "ComposerError"
	ConstructorError   Class = "ConstructorError"
)

// Error is one failure as the reference reports it. Code is the reference's
// numeric code; HasCode is false for classes that carry none. Message is the
// reference's exact text. Diag explains it to people and may be nil.
type Error struct {
	Class   Class
	Code    int
	HasCode bool
	Message string
	// Placed tells that Message already names the place of the element.
	Placed bool
	Diag   *D
}

// Error gives the message of the reference.
func (e *Error) Error() string { return e.Message }

// New makes an error of a class without a code.
func New(class Class, message string) *Error {
	return &Error{Class: class, Message: message}
}

// Coded makes an error of a class with a numeric code.
func Coded(class Class, code int, message string) *Error {
	return &Error{Class: class, Code: code, HasCode: true, Message: message}
}

// IsDSL tells whether the class is one of the DSLParsingException family,
// whose messages get the position of the element appended.
func (e *Error) IsDSL() bool {
	switch e.Class {
	case Base, Logic, Format, InputType:
		return true
	}
	return false
}
