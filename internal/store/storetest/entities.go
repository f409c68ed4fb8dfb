package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

func testUsers(t *testing.T, open Opener) {
	e := newEnv(t, open)
	u := &model.User{Name: "Alice", PasswordHash: "h", Role: "sys_admin", Active: true, CreatedAt: at(1),
		FirstLoginAt: at(2), LastLoginAt: at(3), FailedLogins: 4, LastFailedAt: at(5), IsBootstrap: true,
		ShowGettingStarted: true, TenantRoles: map[model.TenantName]string{tenantA: "manager"}}
	e.must(func(tx store.Tx) error {
		if err := tx.PutTenant(tenantB); err != nil {
			return err
		}
		if err := tx.PutTenant(tenantA); err != nil {
			return err
		}
		if err := tx.PutTenant(tenantB); err != nil {
			return err
		}
		if err := tx.PutUser(&model.User{Name: "bob", Role: "default", CreatedAt: at(9)}); err != nil {
			return err
		}
		return tx.PutUser(u)
	})
	equal(t, "tenants", read(e, store.Reader.Tenants), []model.TenantName{tenantB, tenantA})
	byName := func(name model.UserName) func(store.Reader) (*model.User, error) {
		return func(r store.Reader) (*model.User, error) { return r.User(name) }
	}
	equal(t, "user", read(e, byName("aLICE")), u)
	u.FailedLogins, u.TenantRoles = 0, nil
	e.must(func(tx store.Tx) error { return tx.PutUser(u) })
	equal(t, "replaced user", read(e, byName("alice")), u)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.User("carol"); return err })

	names := func(q store.Query) (names []model.UserName) {
		p := read(e, func(r store.Reader) (store.Page[*model.User], error) { return r.Users(q) })
		for _, u := range p.Items {
			names = append(names, u.Name)
		}
		return names
	}
	equal(t, "users", names(everything), []model.UserName{"bob", "Alice"})
	equal(t, "users called ALICE", names(where("username", "ALICE")), []model.UserName{"Alice"})
	equal(t, "active users", names(where("active", "true")), []model.UserName{"Alice"})
	equal(t, "no such user", names(where("username", "x")), nil)
}

func testTokens(t *testing.T, open Opener) {
	e := newEnv(t, open)
	first := &model.Token{ID: "t2", User: alice, SecretHash: "h1", Description: "ci", CreatedAt: at(1), ExpiresAt: at(9)}
	second := &model.Token{ID: "t1", User: alice, SecretHash: "h2", CreatedAt: at(2)}
	other := &model.Token{ID: "t3", User: bob, SecretHash: "h3", CreatedAt: at(0)}
	e.must(func(tx store.Tx) error {
		for _, k := range []*model.Token{second, first, other} {
			if err := tx.PutToken(k); err != nil {
				return err
			}
		}
		first.LastUsedAt = at(5)
		return tx.PutToken(first)
	})
	equal(t, "token", read(e, func(r store.Reader) (*model.Token, error) { return r.Token("t2") }), first)
	of := func(u model.UserName) []*model.Token {
		return read(e, func(r store.Reader) ([]*model.Token, error) { return r.Tokens(u) })
	}
	equal(t, "tokens of alice", of("ALICE"), []*model.Token{first, second})
	equal(t, "all tokens", of(""), []*model.Token{other, first, second})
	e.must(func(tx store.Tx) error { return tx.DeleteToken("t2") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteToken("t2") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := r.Token("t2"); return err })
}

func testValues(t *testing.T, open Opener) {
	e := newEnv(t, open)
	value := func() string {
		return read(e, func(r store.Reader) (string, error) { return r.Value("installation_id") })
	}
	equal(t, "unset value", value(), "")
	for _, v := range []string{"a", "b"} {
		e.must(func(tx store.Tx) error { return tx.SetValue("installation_id", v) })
		equal(t, "value", value(), v)
	}
}

func testBlueprints(t *testing.T, open Opener) {
	e := newEnv(t, open)
	b := &model.Blueprint{Resource: resource(tenantA, 0), ID: "web", UpdatedAt: at(1), MainFile: "blueprint.yaml",
		Description: "d", State: model.BlueprintUploading, UploadExecution: "x1", Archive: "a/b.zip",
		Labels: []model.Label{{Key: "env", Value: "prod", CreatedAt: at(1), CreatedBy: alice},
			{Key: "env", Value: "test", CreatedAt: at(2), CreatedBy: bob}}}
	e.must(func(tx store.Tx) error { return tx.InsertBlueprint(b) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertBlueprint(b) })
	get := func(tenant model.TenantName) func(store.Reader) (*model.Blueprint, error) {
		return func(r store.Reader) (*model.Blueprint, error) { return r.Blueprint(tenant, "web") }
	}
	equal(t, "blueprint", read(e, get(tenantA)), b)
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(tenantB)(r); return err })

	b.State, b.Error, b.ErrorTraceback, b.Hidden, b.Labels = model.BlueprintUploaded, "e", "tb", true, nil
	b.Plan, b.Requirements = json.RawMessage(`{"nodes": [1, 1.0]}`), json.RawMessage(`{}`)
	e.must(func(tx store.Tx) error { return tx.UpdateBlueprint(b) })
	equal(t, "updated blueprint", read(e, get(tenantA)), b)
	for _, light := range []bool{false, true} {
		q := everything
		q.Light = light
		p := read(e, func(r store.Reader) (store.Page[*model.Blueprint], error) { return r.Blueprints(q) })
		want := *b
		if light {
			want.Plan, want.Requirements = nil, nil
		}
		equal(t, "listed blueprint", p, store.Page[*model.Blueprint]{Items: []*model.Blueprint{&want}, Total: 1})
	}

	missing := *b
	missing.ID = "nope"
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateBlueprint(&missing) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteBlueprint(tenantB, "web") })
	testGlobalBlueprints(t, e, b)
	e.must(func(tx store.Tx) error { return tx.DeleteBlueprint(tenantA, "web") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(tenantA)(r); return err })
}

// testGlobalBlueprints checks that an id is unique among what a tenant sees.
func testGlobalBlueprints(t *testing.T, e *env, own *model.Blueprint) {
	other := &model.Blueprint{Resource: resource(tenantB, 1), ID: own.ID, State: model.BlueprintUploaded}
	e.must(func(tx store.Tx) error { return tx.InsertBlueprint(other) })
	other.Visibility = model.VisibilityGlobal
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.UpdateBlueprint(other) })
	e.must(func(tx store.Tx) error { return tx.DeleteBlueprint(tenantB, own.ID) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertBlueprint(other) })

	shared := &model.Blueprint{Resource: resource(tenantB, 2), ID: "shared", State: model.BlueprintUploaded}
	shared.Visibility = model.VisibilityGlobal
	e.must(func(tx store.Tx) error { return tx.InsertBlueprint(shared) })
	got := read(e, func(r store.Reader) (*model.Blueprint, error) { return r.Blueprint(tenantA, "shared") })
	equal(t, "global blueprint", got, shared)
	clash := &model.Blueprint{Resource: resource(tenantA, 3), ID: "shared"}
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertBlueprint(clash) })
}

func testDeployments(t *testing.T, open Opener) {
	e := newEnv(t, open)
	yes := true
	d := &model.Deployment{Resource: resource(tenantA, 0), ID: "d1", Blueprint: "web", DisplayName: "Läden",
		Description: "d", UpdatedAt: at(7), Inputs: model.Document{"a": json.Number("1.0")}, Groups: json.RawMessage(`{}`),
		PolicyTypes: json.RawMessage(`{"p":[]}`), PolicyTriggers: json.RawMessage(`[]`),
		Outputs: model.Document{"url": map[string]any{"value": "x"}}, Capabilities: model.Document{},
		ScalingGroups: map[string]model.ScalingGroup{"g": {Members: []string{"a"},
			Properties: model.ScaleProperties{Min: 1, Max: -1, Default: 2, Current: 3, Planned: 4}}},
		Workflows: map[string]model.Workflow{"install": {Plugin: "default_workflows", Operation: "op", IsCascading: true,
			Parameters:        map[string]model.WorkflowParameter{"p": {"default": json.Number("10")}},
			AvailabilityRules: &model.AvailabilityRules{Available: &yes}}},
		ResourceTags: json.RawMessage(`{"k":"v"}`), RuntimeOnlyEvaluation: true,
		InstallationStatus: model.InstallationActive, Status: model.DeploymentGood, CreateExecution: "x1",
		LatestExecution: "x2", SiteName: "berlin", Labels: []model.Label{{Key: "k", Value: "v", CreatedBy: alice}}}
	e.must(func(tx store.Tx) error { return tx.InsertDeployment(d) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertDeployment(d) })
	get := func(r store.Reader) (*model.Deployment, error) { return r.Deployment(tenantA, "d1") }
	equal(t, "deployment", read(e, get), d)
	bare := &model.Deployment{Resource: resource(tenantA, 0), ID: "d1"}
	e.must(func(tx store.Tx) error { return tx.UpdateDeployment(bare) })
	equal(t, "bare deployment", read(e, get), bare)
	bare.Tenant = tenantB
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateDeployment(bare) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteDeployment(tenantB, "d1") })
	e.must(func(tx store.Tx) error { return tx.InsertDeployment(bare) })
	e.must(func(tx store.Tx) error { return tx.DeleteDeployment(tenantA, "d1") })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
	got := read(e, func(r store.Reader) (*model.Deployment, error) { return r.Deployment(tenantB, "d1") })
	equal(t, "deployment of the other tenant", got, bare)
}

func testNodes(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	retries, text := 3, "t"
	n := &model.Node{Resource: d.Resource, ID: "vm", Deployment: d.ID, Type: "cloudify.nodes.Compute", HostID: "vm",
		TypeHierarchy: []string{"cloudify.nodes.Root", "cloudify.nodes.Compute"},
		Properties:    model.Document{"ip": "", "cpu": json.Number("2")},
		Operations: map[string]model.Operation{"create": {Plugin: "p", Function: "p.create", Executor: model.ExecutorHost,
			Inputs: model.Document{"x": nil}, MaxRetries: &retries}},
		Relationships: []model.NodeRelationship{{Type: "r", TargetID: "net", TypeHierarchy: []string{"r"},
			Properties: model.Document{"connection_type": "all_to_all"}}},
		Plugins:          []model.PlanPlugin{{Name: "p", Executor: model.ExecutorHost, Source: &text}},
		PluginsToInstall: []model.PlanPlugin{},
		Number:           1, Planned: 2, Deploy: 3, Min: 4, Max: -1}
	second := &model.Node{Resource: d.Resource, ID: "app", Deployment: d.ID, Type: "x"}
	orphan := &model.Node{Resource: d.Resource, ID: "x", Deployment: "nope"}
	e.must(func(tx store.Tx) error { return tx.InsertNodes([]*model.Node{n, second}) })
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertNodes([]*model.Node{second}) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.InsertNodes([]*model.Node{orphan}) })
	all := func() []*model.Node {
		return read(e, func(r store.Reader) ([]*model.Node, error) { return r.DeploymentNodes(tenantA, "d1") })
	}
	equal(t, "nodes in the order of the plan", all(), []*model.Node{n, second})
	n.Properties, n.Max = nil, 7
	e.must(func(tx store.Tx) error { return tx.UpdateNode(n) })
	p := read(e, func(r store.Reader) (store.Page[*model.Node], error) {
		return r.Nodes(where("deployment_id", "d1", "id", "vm"))
	})
	equal(t, "listed node", p, store.Page[*model.Node]{Items: []*model.Node{n}, Total: 1})
	e.instances(n, 2)
	e.must(func(tx store.Tx) error { return tx.DeleteNode(tenantA, "d1", "vm") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteNode(tenantA, "d1", "vm") })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateNode(n) })
	equal(t, "remaining nodes", all(), []*model.Node{second})
	left := read(e, func(r store.Reader) ([]*model.NodeInstance, error) { return r.DeploymentInstances(tenantA, "d1") })
	equal(t, "instances of a deleted node", left, []*model.NodeInstance{})
}

func testInstances(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	n := e.nodes(d, "vm")[0]
	i := &model.NodeInstance{Resource: d.Resource, ID: "vm_aaaaaa", Node: "vm", Deployment: d.ID, HostID: "vm_aaaaaa",
		Index: 1, State: model.InstanceStarted, Version: 7,
		Relationships:     []model.InstanceRelationship{{Type: "r", TargetName: "net", TargetID: "net_bbbbbb"}},
		ScalingGroups:     []model.GroupMembership{{Name: "g", ID: "g_cccccc"}},
		RuntimeProperties: model.Document{"ip": "10.0.0.1", "nested": map[string]any{"list": []any{json.Number("1"), nil}}},
		SystemProperties:  model.Document{"status": map[string]any{"ok": true}}}
	e.must(func(tx store.Tx) error { return tx.InsertInstances([]*model.NodeInstance{i}) })
	get := func(r store.Reader) (*model.NodeInstance, error) { return r.Instance(tenantA, "vm_aaaaaa") }
	equal(t, "instance", read(e, get), i)
	e.fails(fault.Conflict, func(tx store.Tx) error { return tx.InsertInstances([]*model.NodeInstance{i}) })
	orphan := *i
	orphan.ID, orphan.Node = "x_aaaaaa", "x"
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.InsertInstances([]*model.NodeInstance{&orphan}) })
	i.State, i.Version, i.RuntimeProperties = model.InstanceDeleted, 3, nil
	e.must(func(tx store.Tx) error { return tx.UpdateInstance(i) })
	equal(t, "updated instance", read(e, get), i)

	null := json.RawMessage("null")
	e.must(func(tx store.Tx) error {
		return tx.ChangeInstances(tenantA, []store.InstanceChange{
			{Instance: i.ID, State: model.InstanceStarted},
			{Instance: i.ID, State: model.InstanceStarted},
			{Instance: i.ID, System: model.Document{"status": nil, "drift": map[string]any{"n": json.Number("1.0")}, "old": null}},
			{Instance: "gone", State: model.InstanceStarted}, {Instance: "gone", System: model.Document{"k": 1}},
			{Instance: i.ID, State: model.InstanceStopped, System: model.Document{"more": "x"}},
			{Instance: i.ID, State: model.InstanceStopped, Steps: 2}, {Instance: i.ID, System: model.Document{"more": "x"}, Steps: 3},
		})
	})
	e.must(func(tx store.Tx) error {
		return tx.ChangeInstances(tenantB, []store.InstanceChange{{Instance: i.ID, State: model.InstanceDeleted}})
	})
	i.State, i.Version = model.InstanceStopped, 11
	i.SystemProperties = model.Document{"drift": map[string]any{"n": json.Number("1.0")}, "old": nil, "more": "x"}
	equal(t, "changed instance", read(e, get), i)
	i.State, i.Version = model.InstanceDeleted, 12
	e.must(func(tx store.Tx) error { return tx.UpdateInstance(i) })

	more := e.instances(n, 3)
	all := read(e, func(r store.Reader) ([]*model.NodeInstance, error) { return r.DeploymentInstances(tenantA, "d1") })
	equal(t, "instances in the order of insertion", all, append([]*model.NodeInstance{i}, more...))
	states := read(e, func(r store.Reader) (map[model.InstanceState]int, error) { return r.InstanceStates(tenantA, "d1") })
	equal(t, "states", states, map[model.InstanceState]int{model.InstanceDeleted: 1, model.InstanceUninitialized: 3})
	e.must(func(tx store.Tx) error { return tx.DeleteInstance(tenantA, i.ID) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.DeleteInstance(tenantA, i.ID) })
	e.fails(fault.NotFound, func(tx store.Tx) error { return tx.UpdateInstance(i) })
	e.viewFails(fault.NotFound, func(r store.Reader) error { _, err := get(r); return err })
}

func testDocuments(t *testing.T, open Opener) {
	e := newEnv(t, open)
	d := e.deployment(tenantA, "d1")
	n := e.nodes(d, "vm")[0]
	big := make([]byte, 3<<20)
	for i := range big {
		big[i] = 'a' + byte(i%26)
	}
	i := e.instances(n, 1)[0]
	var properties model.Document
	text := `{"one": 1, "one point": 1.0, "huge": 1180591620717411303424, "tiny": 1e-400, "exp": 1E+2, "null": null,
		"text": "\u0000 <&> \u2028 😀 ä", "empty": {}, "list": [], "": "no name"}`
	if err := model.DecodeJSON([]byte(text), &properties); err != nil {
		t.Fatal(err)
	}
	properties["big"] = string(big)
	i.RuntimeProperties = properties
	e.must(func(tx store.Tx) error { return tx.UpdateInstance(i) })
	got := read(e, func(r store.Reader) (*model.NodeInstance, error) { return r.Instance(tenantA, i.ID) })
	equal(t, "document", got.RuntimeProperties, properties)

	raw := json.RawMessage("{ \"b\" : 1.0,\n \"a\" : 1180591620717411303424 }")
	b := &model.Blueprint{Resource: resource(tenantA, 0), ID: "raw", Plan: raw}
	e.must(func(tx store.Tx) error { return tx.InsertBlueprint(b) })
	plan := read(e, func(r store.Reader) (*model.Blueprint, error) { return r.Blueprint(tenantA, "raw") }).Plan
	equal(t, "a raw document keeps its text", string(plan), string(raw))
	b.Plan = json.RawMessage("{broken")
	if err := e.Update(t.Context(), func(tx store.Tx) error { return tx.UpdateBlueprint(b) }); err == nil {
		t.Error("a document that is no JSON was stored")
	}
	nanos := *b
	nanos.ID, nanos.Plan, nanos.UpdatedAt = "nanos", nil, epoch.Add(999*time.Nanosecond).In(time.FixedZone("x", 3600))
	e.must(func(tx store.Tx) error { return tx.InsertBlueprint(&nanos) })
	updated := read(e, func(r store.Reader) (*model.Blueprint, error) { return r.Blueprint(tenantA, "nanos") }).UpdatedAt
	if !updated.Equal(epoch) || updated.Location() != time.UTC {
		t.Errorf("instant is %v, want whole microseconds in UTC: %v", updated, epoch)
	}
}
