package dsl

import (
	"context"

	"github.com/reifyhq/reify/internal/dsl/diag"
)

// Parse reads a blueprint. The plan is nil when the list has errors.
func Parse(ctx context.Context, in Input, src Source) (*Plan, diag.List) {
	return nil, diag.List{diag.New(diag.RuntimeError, "not available")}
}
