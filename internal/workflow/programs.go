package workflow

import (
	"encoding/json"
	"strings"
)

// mappingPrefix is the module of the built-in workflows in a plan's workflow mappings (workflows, section 9.9).
const mappingPrefix = "cloudify.plugins.workflows."

// defaultPlugin is the plugin name under which plans declare the built-in workflows.
const defaultPlugin = "default_workflows"

// Find returns the program for a workflow mapping of the plan ("cloudify.plugins.workflows.install", with plugin
// "default_workflows"), or for a name that the manager itself knows; false when it is custom code.
func Find(plugin, operation string) (Program, bool) {
	if plugin != defaultPlugin && plugin != "" {
		return nil, false
	}
	name := strings.TrimPrefix(strings.TrimPrefix(operation, defaultPlugin+"."), mappingPrefix)
	switch name {
	case "install":
		return install, true
	case "uninstall":
		return uninstall, true
	case "reinstall":
		return reinstall, true
	case "rollback":
		return rollback, true
	case "start", "stop", "pull":
		return lifecycleOperation(name), true
	case "restart":
		return restart, true
	case "execute_operation":
		return executeOperation, true
	case "check_status":
		return checkStatus, true
	case "check_drift":
		return checkDrift, true
	case "auto_heal_reinstall_node_subgraph", "heal":
		return heal, true
	case "scale_entity":
		return scaleEntity, true
	case "scale":
		return scaleNode, true
	case "update":
		return update, true
	case "validate_agents":
		return validateAgents, true
	case "install_new_agents":
		return installNewAgents, true
	}
	return nil, false
}

// oneGraph is a program of one graph.
func oneGraph(s *State, name string, build func(b *builder)) (*Phase, error) {
	if s.Failure != nil {
		return nil, s.Failure
	}
	if s.Cancelled || s.Step > 0 {
		return nil, nil
	}
	return graphPhase(s, name, "", build)
}

// graphPhase makes a phase with a graph.
func graphPhase(s *State, name, cursor string, build func(b *builder)) (*Phase, error) {
	b := newBuilder(s)
	build(b)
	g, err := b.graph(name)
	if err != nil {
		return nil, err
	}
	return &Phase{Graph: g, Cursor: stage(cursor)}, nil
}

// stage is a cursor that is only a name.
func stage(name string) json.RawMessage {
	if name == "" {
		return nil
	}
	return rawJSON(name)
}

// stageOf reads a cursor made by stage.
func stageOf(cursor json.RawMessage) string {
	var name string
	if json.Unmarshal(cursor, &name) != nil {
		return ""
	}
	return name
}

// changePhase makes a phase with a change of the model.
func changePhase(kind string, args any, cursor json.RawMessage) *Phase {
	return &Phase{Change: &Change{Kind: kind, Args: rawJSON(args)}, Cursor: cursor}
}

// install brings the chosen instances up; relationships from the others to them are established (workflows, 9.9).
func install(s *State) (*Phase, error) {
	return oneGraph(s, "install", func(b *builder) {
		chosen, others := b.view.split(s.filter())
		b.install(work{instances: chosen, related: others})
	})
}

// uninstall takes the chosen instances down, with recursive those of the sub-services first (workflows, section 9.9).
func uninstall(s *State) (*Phase, error) {
	const services, own = "services", "own"
	switch at := stageOf(s.Cursor); {
	case s.Failure != nil:
		return nil, s.Failure
	case s.Cancelled, at == own:
		return nil, nil
	case at == "" && s.flag("recursive") && !s.DryRun:
		return changePhase(ChangeServices, ServicesArgs{
			Group: string(s.Model.Deployment) + "_services_uninstall", Workflow: s.Workflow, Parameters: s.Parameters,
		}, stage(services)), nil
	}
	return graphPhase(s, "uninstall", own, func(b *builder) {
		chosen, others := b.view.split(s.filter())
		b.uninstall(work{instances: chosen, related: others, ignoreFailure: s.flag("ignore_failure")})
	})
}
