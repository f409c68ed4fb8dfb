package plugin

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/reifyhq/reify/internal/model"
)

// Planned is a plugin in the plan of a blueprint that comes from a package.
type Planned struct {
	PackageName string
	// PackageVersion, Distribution and SupportedPlatform are empty when any will do.
	PackageVersion    string
	Distribution      string
	SupportedPlatform string
	// IsInstalled says that the plugin has to be installed and comes from the catalogue, not from a source.
	IsInstalled bool
}

// plannedPlugin is a plugin as plans have it; versions may be written as numbers.
type plannedPlugin struct {
	PackageName       string `json:"package_name"`
	PackageVersion    any    `json:"package_version"`
	Distribution      string `json:"distribution"`
	SupportedPlatform string `json:"supported_platform"`
	Source            string `json:"source"`
	Install           any    `json:"install"`
}

// Plan returns the plugins of a plan that come from packages: of deployments, workflows and hosts, in this order. A plan
// that is empty has none.
func Plan(plan json.RawMessage) ([]Planned, error) {
	if len(plan) == 0 {
		return nil, nil
	}
	var doc struct {
		Deployment []plannedPlugin `json:"deployment_plugins_to_install"`
		Workflow   []plannedPlugin `json:"workflow_plugins_to_install"`
		Host       []plannedPlugin `json:"host_agent_plugins_to_install"`
	}
	if err := model.DecodeJSON(plan, &doc); err != nil {
		return nil, fmt.Errorf("read the plugins of the plan: %w", err)
	}
	var out []Planned
	for _, p := range slices.Concat(doc.Deployment, doc.Workflow, doc.Host) {
		if p.PackageName == "" {
			continue
		}
		one := Planned{PackageName: p.PackageName, Distribution: p.Distribution, SupportedPlatform: p.SupportedPlatform,
			IsInstalled: p.Install == true && p.Source == ""}
		if p.PackageVersion != nil {
			one.PackageVersion = fmt.Sprint(p.PackageVersion)
		}
		out = append(out, one)
	}
	return out, nil
}
