package model

import "strings"

// The labels that join deployments (rest-model, sections 5 and 6).
const (
	// LabelParent names the environment that a deployment is in.
	LabelParent = "csys-obj-parent"
	// LabelConsumer is kept by the manager: who depends on the deployment or is in it.
	LabelConsumer = "csys-consumer-id"
	// LabelType says what a deployment is; the values are in lower case.
	LabelType = "csys-obj-type"
)

// TypeEnvironment is the value of LabelType that makes a deployment an environment; all others are services.
const TypeEnvironment = "environment"

// Dependency says that one deployment needs another (rest-model, section 5).
type Dependency struct {
	Resource
	ID DependencyID
	// Creator is what made it: "component.<node instance>", "sharedresource.<node instance>" or the path of a function.
	Creator string
	// Source is empty when it is on another manager, Target while it is not known.
	Source, Target DeploymentID
	// TargetFunction is what Target is computed from: {function, context}; nil when it was given.
	TargetFunction Document
	// ExternalSource and ExternalTarget tell of deployments on other managers.
	ExternalSource, ExternalTarget Document
}

// The first words of the creators of dependencies, and the last of those that come from functions.
const (
	CreatorComponent      = "component"
	CreatorSharedResource = "sharedresource"
	creatorCapability     = ".get_capability"
)

// Type is component, sharedresource or deployment.
func (d *Dependency) Type() string {
	switch first, _, _ := strings.Cut(d.Creator, "."); first {
	case CreatorComponent, CreatorSharedResource:
		return first
	}
	return "deployment"
}

// Node is the second word of the creator: the node or instance of the source that depends.
func (d *Dependency) Node() string {
	_, rest, _ := strings.Cut(d.Creator, ".")
	node, _, _ := strings.Cut(rest, ".")
	return node
}

// IsFunction reports whether a function of the source's plan made the dependency.
func (d *Dependency) IsFunction() bool { return strings.HasSuffix(d.Creator, creatorCapability) }

// Parents returns the deployments that the labels name as parents, each once, in the order of the labels.
func Parents(labels []Label) []DeploymentID { return labelled(labels, LabelParent) }

func labelled(labels []Label, key string) []DeploymentID {
	var out []DeploymentID
	seen := map[string]bool{}
	for _, l := range labels {
		if l.Key == key && !seen[l.Value] {
			seen[l.Value] = true
			out = append(out, DeploymentID(l.Value))
		}
	}
	return out
}

// IsEnvironment reports whether the labels make the deployment an environment.
func (d *Deployment) IsEnvironment() bool {
	for _, l := range d.Labels {
		if l.Key == LabelType && strings.EqualFold(l.Value, TypeEnvironment) {
			return true
		}
	}
	return false
}

// WorseDeploymentStatus returns the worse of two statuses; the empty one is better than all.
func WorseDeploymentStatus(a, b DeploymentStatus) DeploymentStatus {
	if deploymentRank(b) > deploymentRank(a) {
		return b
	}
	return a
}

func deploymentRank(s DeploymentStatus) int {
	switch s {
	case DeploymentGood:
		return 1
	case DeploymentInProgress:
		return 2
	case DeploymentRequiresAttention:
		return 3
	}
	return 0
}
