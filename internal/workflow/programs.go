package workflow

import (
	"encoding/json"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// mappingPrefix is the module of the built-in workflows in a plan's workflow mappings (workflows, section 9.9).
const mappingPrefix = "cloudify.plugins.workflows."

// defaultPlugin is the plugin name under which plans declare the built-in workflows.
const defaultPlugin = "default_workflows"

// Find returns the program for a workflow mapping of the plan ("cloudify.plugins.workflows.install", with plugin
// "default_workflows"), or for a name that the manager itself knows; false when it is custom code.
func Find(plugin, operation string) (Program, bool) {
	b := find(plugin, operation)
	return b.program, b.program != nil
}

// Resumable reports whether a user may resume a failed or cancelled execution of a built-in workflow (workflows, section
// 9.9). It says nothing about a crash of the manager, after which every execution goes on.
func Resumable(plugin, operation string) bool { return find(plugin, operation).isResumable }

// builtin is a workflow that comes with the manager.
type builtin struct {
	program     Program
	isResumable bool
}

func find(plugin, operation string) builtin {
	if plugin != defaultPlugin && plugin != "" {
		return builtin{}
	}
	name := strings.TrimPrefix(strings.TrimPrefix(operation, defaultPlugin+"."), mappingPrefix)
	return map[string]builtin{
		"install":                           {install, true},
		"uninstall":                         {uninstall, true},
		"reinstall":                         {reinstall, true},
		"rollback":                          {rollback, true},
		"start":                             {lifecycleOperation("start"), true},
		"stop":                              {lifecycleOperation("stop"), true},
		"pull":                              {lifecycleOperation("pull"), true},
		"restart":                           {restart, true},
		"execute_operation":                 {executeOperation, true},
		"check_status":                      {checkStatus, true},
		"check_drift":                       {checkDrift, true},
		"auto_heal_reinstall_node_subgraph": {heal, false},
		"heal":                              {heal, false},
		"scale_entity":                      {scaleEntity, true},
		"scale":                             {scaleNode, false},
		"update":                            {update, false},
		"validate_agents":                   {validateAgents, true},
		"install_new_agents":                {installNewAgents, true},
	}[name]
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
	case s.Failure != nil && (at != services || !s.flag("ignore_failure")):
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

// reinstall uninstalls the chosen instances and installs them again (workflows, section 9.9).
func reinstall(s *State) (*Phase, error) {
	const uninstalled, installed = "uninstalled", "installed"
	at := stageOf(s.Cursor)
	switch {
	case s.Failure != nil:
		return nil, s.Failure
	case s.Cancelled || at == installed:
		return nil, nil
	}
	build := func(do func(b *builder, w work)) func(b *builder) {
		return func(b *builder) {
			chosen, others := b.view.split(s.filter())
			do(b, work{instances: chosen, related: others, ignoreFailure: s.flag("ignore_failure")})
		}
	}
	if at == uninstalled {
		return graphPhase(s, "reinstall-install", installed, build((*builder).install))
	}
	return graphPhase(s, "reinstall-uninstall", uninstalled, build((*builder).uninstall))
}

// rollback undoes half done installations of the chosen instances and, with full_rollback, uninstalls everything
// afterwards (workflows, section 9.10).
func rollback(s *State) (*Phase, error) {
	const undone, removed = "undone", "removed"
	at := stageOf(s.Cursor)
	switch {
	case s.Failure != nil:
		return nil, s.Failure
	case s.Cancelled || at == removed:
		return nil, nil
	case at == undone && !s.flag("full_rollback"):
		return nil, nil
	case at == undone:
		return graphPhase(s, "uninstall-auninstall", removed, func(b *builder) {
			b.uninstall(work{instances: b.view.snap.Instances})
		})
	}
	f := s.filter()
	return graphPhase(s, "rollback", undone, func(b *builder) {
		unresolved, others := partition(b.view.snap.Instances, func(i *model.NodeInstance) bool {
			return f.matches(b.view.node(i), i) &&
				stateIn(i.State, model.InstanceCreating, model.InstanceConfiguring, model.InstanceStarting)
		})
		b.takeDown(work{instances: unresolved, related: others}, b.rollbackInstance)
	})
}
