package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// explain returns the steps of the plan of a statement.
func explain(t *testing.T, r *reader, query string, args ...any) []string {
	t.Helper()
	var steps []string
	err := r.c.query(r.ctx, "EXPLAIN QUERY PLAN "+query, func(row *row) error {
		row.number()
		row.number()
		row.number()
		steps = append(steps, row.text())
		return nil
	}, toDriver(args)...)
	if err != nil {
		t.Fatalf("explain %s: %v", query, err)
	}
	return steps
}

// walk says which walks over a whole table a plan may contain.
type walk int

const (
	noWalk walk = iota
	// walkInOrder is a walk in the order of the list, which ends at the limit of the page.
	walkInOrder
)

// checkPlan fails for a plan that walks a whole table, or that sorts unless sorts are expected.
func checkPlan(t *testing.T, name string, steps []string, allowed walk, sorts bool) {
	t.Helper()
	for _, s := range steps {
		walks := strings.HasPrefix(s, "SCAN") && !strings.Contains(s, "executions_active") && s != "SCAN CONSTANT ROW" &&
			allowed == noWalk
		if walks || !sorts && strings.Contains(s, "TEMP B-TREE") {
			t.Errorf("%s:\n  %s", name, strings.Join(steps, "\n  "))
			return
		}
	}
}

func TestPlansOfLists(t *testing.T) {
	// Row numbers of other tables are looked up while a list is compiled: these must exist.
	fill := func(x store.Tx) error {
		r := model.Resource{Tenant: "a", Visibility: model.VisibilityTenant}
		return errors.Join(
			x.InsertDeployment(&model.Deployment{Resource: r, ID: "d"}),
			x.InsertExecution(&model.Execution{Resource: r, ID: "x", Deployment: "d"}),
			x.InsertGraph(&model.Graph{ID: "g", Execution: "x"}))
	}
	withReader(t, fill, func(r *reader) {
		user := store.Scope{Tenants: []model.TenantName{"a"}, User: "alice"}
		is := func(pairs ...string) (list []store.Condition) {
			for i := 0; i < len(pairs); i += 2 {
				list = append(list, store.Condition{Field: pairs[i], Values: []string{pairs[i+1]}})
			}
			return list
		}
		newest := []store.Order{{Field: "created_at", Desc: true}}
		for _, f := range []struct {
			name  string
			noun  *noun
			q     store.Query
			index string
			sorts bool
		}{
			{"blueprints", blueprints, store.Query{}, "blueprints_tenant", false},
			{"blueprint by id", blueprints, store.Query{Where: is("id", "b")}, "sqlite_autoindex_blueprints", true},
			{"deployments", deployments, store.Query{}, "deployments_tenant", false},
			{"deployments, newest first", deployments, store.Query{Sort: newest}, "deployments_tenant", false},
			{"deployments by name", deployments, store.Query{Sort: []store.Order{{Field: "display_name"}}},
				"deployments_name", true},
			{"deployments of a blueprint", deployments, store.Query{Where: is("blueprint_id", "b")},
				"deployments_blueprint", false},
			{"nodes of a deployment", nodes, store.Query{Where: is("deployment_id", "d")}, "nodes_deployment", false},
			{"nodes", nodes, store.Query{}, "nodes_tenant", false},
			{"instances", instances, store.Query{}, "instances_tenant", false},
			{"instances of a deployment", instances, store.Query{Where: is("deployment_id", "d")},
				"instances_deployment", false},
			{"instances of a node", instances, store.Query{Where: is("deployment_id", "d", "node_id", "n")},
				"instances_node", false},
			{"instance by id", instances, store.Query{Where: is("id", "d")}, "sqlite_autoindex_instances", true},
			{"executions", executions, store.Query{}, "executions_tenant", false},
			{"executions without system workflows", executions, store.Query{Where: is("is_system_workflow", "false")},
				"executions_tenant", false},
			{"executions, newest first", executions, store.Query{Sort: newest}, "executions_tenant", false},
			{"executions of a deployment", executions, store.Query{Where: is("deployment_id", "d"), Sort: newest},
				"executions_deployment", false},
			{"executions by status", executions, store.Query{Where: is("status", "started")}, "executions_status", false},
			{"modifications", modifications, store.Query{}, "modifications_tenant", false},
			{"modifications of a deployment", modifications, store.Query{Where: is("deployment_id", "d")},
				"modifications_deployment", false},
			{"updates", deploymentUpdates, store.Query{}, "deployment_updates_tenant", false},
			{"updates of a deployment", deploymentUpdates, store.Query{Where: is("deployment_id", "d")},
				"deployment_updates_deployment", false},
			{"tasks of a graph", tasks, store.Query{Where: is("graph_id", "g")}, "tasks_graph", false},
			{"tasks of an execution", tasks, store.Query{Where: is("execution_id", "x")}, "tasks_graph", false},
			{"events", events, store.Query{}, "events_tenant", false},
			{"events of an execution", events, store.Query{Where: is("execution_id", "x")}, "events_execution_time", false},
			{"events of a deployment", events, store.Query{Where: is("deployment_id", "d")}, "events_deployment_time", false},
			{"events of a node", events, store.Query{Where: is("node_id", "n")}, "events_instance", true},
			{"events of an instance", events, store.Query{Where: is("node_instance_id", "d")}, "events_instance", false},
		} {
			for _, scope := range []store.Scope{user, {Admin: true}} {
				if f.sorts && scope.Admin {
					continue
				}
				f.q.Scope = scope
				s, err := r.compile(f.noun, f.q)
				if err != nil {
					t.Fatal(err)
				}
				keys, args := s.keys()
				steps := explain(t, r, keys+" LIMIT 10 OFFSET 0", anys(args)...)
				allowed := noWalk
				if scope.Admin {
					allowed = walkInOrder
				}
				checkPlan(t, f.name, steps, allowed, f.sorts)
				if scope.Tenants != nil && !strings.Contains(strings.Join(steps, "\n"), f.index) {
					t.Errorf("%s is not answered from %s:\n  %s", f.name, f.index, strings.Join(steps, "\n  "))
				}
				if count, args := s.count(); scope.Tenants != nil {
					checkPlan(t, "count of "+f.name, explain(t, r, count, anys(args)...), noWalk, false)
				}
			}
		}
	})
}

func TestPlansOfFixedStatements(t *testing.T) {
	withReader(t, nil, func(r *reader) {
		for query, index := range map[string]string{
			claimable:        "executions_active",
			queuedExecutions: "executions_waiting",
			groupStates:      "executions_group",
			dueSchedules:     "schedules_due",
			renewLeases:      "executions_lease",
			graphTasks:       "tasks_graph",
			"SELECT " + instanceColumns + " FROM instances t" + ofDeployment:                       "instances_deployment",
			"SELECT " + nodeColumns + " FROM nodes t" + ofDeployment:                               "nodes_deployment",
			"SELECT 1 FROM executions t WHERE t.token_hash = ? AND t.token_hash <> ''":             "executions_token",
			"SELECT " + deploymentColumns + " FROM deployments t" + visibleIn:                      "autoindex_deployments",
			"SELECT t.id FROM tokens t WHERE t.user_folded = ? ORDER BY t.created_at, t.seq":       "tokens_user",
			"DELETE FROM events WHERE deployment = (SELECT seq FROM deployments WHERE id = ?)":     "events_deployment",
			"DELETE FROM instances WHERE deployment = 'd' AND node = 'n' AND tenant = 't'":         "instances_node",
			"SELECT seq FROM executions WHERE deployment = 'd' AND tenant = 't'":                   "executions_deployment",
			"SELECT t.id FROM deployments t WHERE (+t.tenant = 'a') AND t.blueprint = 'b' LIMIT 1": "deployments_blueprint",
		} {
			steps := explain(t, r, query, make([]any, strings.Count(query, "?"))...)
			checkPlan(t, query, steps, noWalk, strings.Contains(query, visibleIn))
			if !strings.Contains(strings.Join(steps, "\n"), index) {
				t.Errorf("%s is not answered from %s:\n  %s", query, index, strings.Join(steps, "\n  "))
			}
		}
	})
}
