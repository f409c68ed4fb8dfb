// Package storetest is the conformance suite of the store seam: every implementation passes the same tests and is
// measured by the same benchmarks.
//
// It knows the contract of package store only; nothing in it depends on an implementation. It is imported by tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Opener opens the store that a directory stands for, creating it the first time; the suite closes it. The same
// directory opened again, after Close, is the same store.
type Opener func(t testing.TB, dir string) store.Store

// Run runs the whole suite.
func Run(t *testing.T, open Opener) {
	for _, group := range []group{
		{"Users", testUsers},
		{"Groups", testGroups},
		{"Catalog", testCatalog},
		{"Rules", testRules},
		{"AgentAccounts", testAgentAccounts},
		{"Totals", testTotals},
		{"Agents", testAgents},
		{"Snapshots", testSnapshots},
		{"Audit", testAudit},
		{"SecretsProviders", testSecretsProviders},
	} {
		group.run(t, open)
	}
	RunExecutions(t, open)
}

// RunExecutions runs the part of the suite that is about what executions need, for stores that keep nothing else.
func RunExecutions(t *testing.T, open Opener) {
	for _, group := range []group{
		{"Tokens", testTokens},
		{"Values", testValues},
		{"Blueprints", testBlueprints},
		{"Deployments", testDeployments},
		{"Nodes", testNodes},
		{"Instances", testInstances},
		{"Executions", testExecutions},
		{"Leases", testLeases},
		{"ClaimRace", testClaimRace},
		{"Tasks", testTasks},
		{"ManyTasks", testManyTasks},
		{"Modifications", testModifications},
		{"DeploymentUpdates", testDeploymentUpdates},
		{"Plugins", testPlugins},
		{"PluginsUpdates", testPluginsUpdates},
		{"DeploymentGroups", testDeploymentGroups},
		{"ExecutionGroups", testExecutionGroups},
		{"Schedules", testSchedules},
		{"Hooks", testHooks},
		{"Dependencies", testDependencies},
		{"Children", testChildren},
		{"Events", testEvents},
		{"EventOrder", testEventOrder},
		{"Cascade", testCascade},
		{"Scope", testScope},
		{"Paging", testPaging},
		{"Sort", testSort},
		{"Where", testWhere},
		{"Search", testSearch},
		{"Documents", testDocuments},
		{"Atomicity", testAtomicity},
		{"Concurrency", testConcurrency},
		{"Abandon", testAbandon},
		{"Panic", testPanic},
		{"Close", testClose},
		{"Snapshot", testSnapshot},
		{"Reopen", testReopen},
		{"Model", testModel},
	} {
		group.run(t, open)
	}
}

// group is a part of the suite.
type group struct {
	name string
	test func(*testing.T, Opener)
}

func (g group) run(t *testing.T, open Opener) {
	t.Run(g.name, func(t *testing.T) {
		t.Parallel()
		g.test(t, open)
	})
}

// env is an open store with the shortcuts that the tests share.
type env struct {
	t testing.TB
	store.Store
}

func newEnv(t testing.TB, open Opener) *env {
	t.Helper()
	s := open(t, t.TempDir())
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &env{t: t, Store: s}
}

// must runs an update that has to succeed.
func (e *env) must(fn func(store.Tx) error) {
	e.t.Helper()
	if err := e.Update(context.Background(), fn); err != nil {
		e.t.Fatalf("update: %v", err)
	}
}

// fails runs an update that has to fail with the code.
func (e *env) fails(code fault.Code, fn func(store.Tx) error) {
	e.t.Helper()
	err := e.Update(context.Background(), fn)
	if !fault.Is(err, code) {
		e.t.Errorf("update: got error %v, want code %s", err, code)
	}
}

// view runs a view that has to succeed.
func (e *env) view(fn func(store.Reader) error) {
	e.t.Helper()
	if err := e.View(context.Background(), fn); err != nil {
		e.t.Fatalf("view: %v", err)
	}
}

// viewFails runs a view that has to fail with the code.
func (e *env) viewFails(code fault.Code, fn func(store.Reader) error) {
	e.t.Helper()
	if err := e.View(context.Background(), fn); !fault.Is(err, code) {
		e.t.Errorf("view: got error %v, want code %s", err, code)
	}
}

// read returns what one method of the reader answers.
func read[T any](e *env, fn func(store.Reader) (T, error)) T {
	e.t.Helper()
	var got T
	e.view(func(r store.Reader) (err error) {
		got, err = fn(r)
		return err
	})
	return got
}

// equal compares, treating JSON text as text and times as instants.
func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var errStop = errors.New("stop here")

// epoch is the instant around which the fixtures were made; instants have whole microseconds.
var epoch = time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

const (
	tenantA model.TenantName = "default_tenant"
	tenantB model.TenantName = "other"
	alice   model.UserName   = "alice"
	bob     model.UserName   = "bob"
)

func resource(t model.TenantName, seconds int) model.Resource {
	return model.Resource{Tenant: t, CreatedBy: alice, CreatedAt: at(seconds), Visibility: model.VisibilityTenant}
}

// everything is a query that lists all of all tenants.
var everything = store.Query{Scope: store.Scope{Admin: true}, Limit: -1}

// where is everything with conditions, given as field, value, field, value and so on.
func where(pairs ...string) store.Query {
	q := everything
	for i := 0; i < len(pairs); i += 2 {
		q.Where = append(q.Where, store.Condition{Field: pairs[i], Values: []string{pairs[i+1]}})
	}
	return q
}

func (e *env) deployment(t model.TenantName, id string) *model.Deployment {
	e.t.Helper()
	d := &model.Deployment{Resource: resource(t, 0), ID: model.DeploymentID(id), Blueprint: "web", DisplayName: id,
		InstallationStatus: model.InstallationInactive, Status: model.DeploymentRequiresAttention}
	e.must(func(tx store.Tx) error { return tx.InsertDeployment(d) })
	return d
}

// nodes adds nodes to a deployment.
func (e *env) nodes(d *model.Deployment, ids ...string) []*model.Node {
	e.t.Helper()
	var nodes []*model.Node
	for _, id := range ids {
		nodes = append(nodes, &model.Node{Resource: d.Resource, ID: model.NodeID(id), Deployment: d.ID,
			Type: "cloudify.nodes.Root", TypeHierarchy: []string{"cloudify.nodes.Root"}, Number: 1, Min: 1, Max: -1})
	}
	e.must(func(tx store.Tx) error { return tx.InsertNodes(nodes) })
	return nodes
}

// instances adds n instances to a node.
func (e *env) instances(n *model.Node, count int) []*model.NodeInstance {
	e.t.Helper()
	var list []*model.NodeInstance
	for i := range count {
		list = append(list, &model.NodeInstance{Resource: n.Resource, Node: n.ID, Deployment: n.Deployment, Index: i + 1,
			ID: model.InstanceID(fmt.Sprintf("%s_%s_%06d", n.ID, n.Deployment, i)), Version: 1,
			State: model.InstanceUninitialized, RuntimeProperties: model.Document{}})
	}
	e.must(func(tx store.Tx) error { return tx.InsertInstances(list) })
	return list
}

func execution(r model.Resource, id string, d model.DeploymentID) *model.Execution {
	return &model.Execution{Resource: r, ID: model.ExecutionID(id), Workflow: "install", Deployment: d, Blueprint: "web",
		Status: model.ExecutionPending, Parameters: model.Document{"force": false}}
}

func (e *env) execution(d *model.Deployment, id string, seconds int, status model.ExecutionStatus) *model.Execution {
	e.t.Helper()
	r := d.Resource
	r.CreatedAt = at(seconds)
	x := execution(r, id, d.ID)
	x.Status = status
	e.must(func(tx store.Tx) error { return tx.InsertExecution(x) })
	return x
}
