package workflow

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/model"
)

// hosts is a deployment with two hosts, a contained node on each, and a scaling group of the hosts.
func hosts() *Snapshot {
	snap := &Snapshot{Deployment: "dep", ScalingGroups: map[string]model.ScalingGroup{
		"group": {Members: []string{"vm"}, Properties: model.ScaleProperties{Current: 2, Planned: 2}},
	}}
	contained := model.NodeRelationship{Type: containedIn, TypeHierarchy: []string{containedIn}, TargetID: "vm"}
	snap.Nodes = []*model.Node{
		{ID: "vm", HostID: "vm", TypeHierarchy: []string{model.HostType}, Number: 2, Properties: model.Document{"install_agent": true}},
		{ID: "web", HostID: "vm", TypeHierarchy: []string{"web.Server"}, Number: 1, Relationships: []model.NodeRelationship{contained}},
	}
	for _, k := range []model.InstanceID{"1", "2"} {
		snap.Instances = append(snap.Instances,
			&model.NodeInstance{
				ID: "vm_" + k, Node: "vm", HostID: "vm_" + k, State: model.InstanceStarted,
				ScalingGroups: []model.GroupMembership{{Name: "group", ID: "group_" + string(k)}},
			},
			&model.NodeInstance{
				ID: "web_" + k, Node: "web", HostID: "vm_" + k, State: model.InstanceStarted,
				Relationships: []model.InstanceRelationship{{Type: containedIn, TargetName: "vm", TargetID: "vm_" + k}},
			})
	}
	return snap
}

func request(workflow string, params string, t *testing.T) *State {
	t.Helper()
	s := &State{Workflow: workflow, Model: hosts(), Settings: DefaultSettings, NewTaskID: (&sim{}).newID, Execution: "x"}
	if err := json.Unmarshal([]byte(params), &s.Parameters); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWrongRequestsSayWhy(t *testing.T) {
	t.Parallel()
	cases := []struct{ workflow, params, want string }{
		{"scale_entity", `{"scalable_entity_name": "x"}`, "No scalable entity named x was found"},
		{"scale_entity", `{"scalable_entity_name": "vm", "delta": "many"}`, "The delta parameter must be a number. Got: many"},
		{"scale_entity", `{"scalable_entity_name": "vm", "delta": -3}`, "Provided delta: -3 is illegal. current number of instances of entity vm is 2"},
		{"scale_entity", `{"scalable_entity_name": "vm", "delta": 1, "include_instances": "vm_1"}`, "Instances cannot be included or excluded when scaling up."},
		{
			"scale_entity", `{"scalable_entity_name": "vm", "delta": -1, "include_instances": ["vm_9", "vm_1"], "exclude_instances": ["vm_1", "vm_2"]}`,
			"The following included instances did not exist: vm_9. The following instances were both excluded and included: vm_1. " +
				"Target number of instances is less than excluded instance count. Target number of instances was 1. " +
				"Excluded instances were: vm_1, vm_2. Available instances were: vm_1, vm_2",
		},
		{
			"scale_entity", `{"scalable_entity_name": "group", "delta": -1, "exclude_instances": ["vm_1", "vm_2"]}`,
			"Instances from too many different groups were excluded. Target number of group instances was 1, but 2 excluded groups." +
				"Groups and member instances were: group_1: vm_1; group_2: vm_2",
		},
		{
			"scale", `{"node_id": "web", "delta": -1, "exclude_instances": ["vm_2"]}`,
			"Cannot include or exclude instances while scale_compute is True. Please specify the desired compute instances and set " +
				"scale_compute to False. Available instances were: vm_1, vm_2",
		},
		{"heal", `{"node_instance_id": "no_1"}`, "No node instance with id `no_1` was found"},
		{"validate_agents", `{"node_ids": ["web"]}`, "Specified filters are not correct:\nNode instance web_1 is not host.\nNode instance web_2 is not host."},
	}
	for _, c := range cases {
		program, _ := Find(defaultPlugin, mappingPrefix+c.workflow)
		if _, err := program(request(c.workflow, c.params, t)); err == nil || err.Error() != c.want {
			t.Errorf("%s %s:\ngot  %v\nwant %s", c.workflow, c.params, err, c.want)
		}
	}
}

func TestNothingToScale(t *testing.T) {
	t.Parallel()
	ph, err := scaleEntity(request("scale", `{"scalable_entity_name": "vm", "delta": 0}`, t))
	if err != nil || len(ph.Logs) != 1 || ph.Logs[0].Message != nothingToScale || len(ph.Graph.Tasks) > 0 {
		t.Errorf("phase %+v, error %v", ph, err)
	}
}

// TestScaleStages follows a scale-out that fails, and one whose start is cancelled.
func TestScaleStages(t *testing.T) {
	t.Parallel()
	s := request("scale", `{"scalable_entity_name": "vm", "abort_started": true}`, t)
	s.Model.Modifications = []Modification{{ID: "old", Added: []model.InstanceID{"vm_2"}, AddedRelated: []model.InstanceID{"web_2"}}}
	next := func(what string) *Phase {
		t.Helper()
		ph, err := scaleEntity(s)
		if err != nil || ph == nil {
			t.Fatalf("%s: phase %v, error %v", what, ph, err)
		}
		s.Step, s.Cursor, s.Failure, s.Result = s.Step+1, ph.Cursor, nil, nil
		kind := "graph"
		if ph.Change != nil {
			kind = ph.Change.Kind
		}
		if kind != what {
			t.Fatalf("phase %s, want %s", kind, what)
		}
		return ph
	}
	next("graph")
	next(ChangeModificationRollback)
	s.Model.Modifications = nil
	start := next(ChangeModificationStart)
	if want := `{"nodes":{"vm":{"instances":3,"removed_ids_exclude_hint":null,"removed_ids_include_hint":null}}}`; string(start.Change.Args) != want {
		t.Errorf("args %s", start.Change.Args)
	}
	s.Result = json.RawMessage(`{"id": "new", "added": ["vm_2"], "added_related": ["web_2"]}`)
	if ph := next("graph"); ph.Logs[0].Message != "Deployment modification started. [modification_id=new]" {
		t.Errorf("logs %v", ph.Logs)
	}
	s.Failure = &Failure{Message: "broken"}
	next("graph")
	s.Failure = &Failure{Message: "the undoing broke too"}
	next(ChangeModificationRollback)
	if _, err := scaleEntity(s); err == nil || err.Error() != "broken" {
		t.Errorf("error %v, want the first failure", err)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	v := newView(hosts())
	cases := map[string]string{
		`{}`:                    "vm_1 web_1 vm_2 web_2",
		`{"node_ids": ["web"]}`: "web_1 web_2",
		`{"type_names": ["cloudify.nodes.Compute"]}`:                             "vm_1 vm_2",
		`{"type_names": ["web.Server"], "node_instance_ids": ["web_2", "vm_2"]}`: "web_2",
		`{"node_ids": "vm,web"}`:                                                 "vm_1 web_1 vm_2 web_2",
	}
	for params, want := range cases {
		chosen, others := v.split(request("install", params, t).filter())
		var got []string
		for _, i := range chosen {
			got = append(got, string(i.ID))
		}
		if strings.Join(got, " ") != want || len(chosen)+len(others) != 4 {
			t.Errorf("%s: %v, want %s", params, got, want)
		}
	}
}

func TestKwargsAreChecked(t *testing.T) {
	t.Parallel()
	op := model.Operation{
		Inputs:      model.Document{"a": json.Number("1"), "f": map[string]any{"get_attribute": []any{"x", "y"}}},
		InputsTypes: map[string]string{"a": "integer", "f": "integer", "s": "string", "b": "boolean"},
	}
	cases := []struct {
		call call
		want string
	}{
		{call{}, ""},
		{call{kwargs: model.Document{"a": 2}}, "Duplicate definition of a in operation properties and in kwargs. To allow redefinition, pass \"allow_kwargs_override\" to \"execute_operation\""},
		{call{kwargs: model.Document{"a": "2"}, override: true}, ""},
		{call{kwargs: model.Document{"a": "x"}, override: true}, "Value x of 'a' does not match the definition: integer"},
		{call{kwargs: model.Document{"s": []any{"x"}}}, "Value ['x'] of 's' does not match the definition: string"},
		{call{kwargs: model.Document{"b": "True"}}, ""},
	}
	for _, c := range cases {
		got := ""
		if _, err := mergeKwargs(op, c.call); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.call.kwargs, got, c.want)
		}
	}
}
