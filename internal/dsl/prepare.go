package dsl

import (
	"context"

	"github.com/reifyhq/reify/internal/dsl/diag"
)

// Prepare makes a deployment plan: it sets the inputs, evaluates functions
// which need nothing from the run, checks secrets and makes node instances.
// Errors are *diag.Error. The plan itself is not changed.
func Prepare(ctx context.Context, p *Plan, in PrepareInput) (*DeploymentPlan, error) {
	return nil, diag.New(diag.RuntimeError, "not available")
}
