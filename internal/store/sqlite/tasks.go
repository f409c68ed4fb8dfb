package sqlite

import (
	"database/sql/driver"
	"fmt"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Tasks are seen by whoever sees their execution.
var tasks = &noun{
	name:  "operations",
	table: "tasks",
	joins: " CROSS JOIN graphs g ON g.seq = t.graph CROSS JOIN executions x ON x.seq = g.execution",
	order: []string{"t.seq"},
	fields: map[string]field{
		"id":             {expr: "t.id", lookup: true},
		"graph_id":       {expr: "t.graph", lookup: true, keys: graphKeys},
		"tasks_graph_id": {expr: "t.graph", lookup: true, keys: graphKeys},
		"execution_id":   {expr: "t.graph", lookup: true, keys: executionGraphKeys},
		"name":           {expr: "t.name"},
		"state":          {expr: "t.state"},
		"type":           {expr: "t.type"},
		"agent_name":     {expr: "t.agent_name"},
		"manager_name":   {expr: "t.manager_name"},
		"created_at":     {expr: "t.created_at", kind: asInstant},
		"tenant_name":    {expr: "x.tenant"},
		"created_by":     {expr: "x.created_by"},
		"visibility":     {expr: "x.visibility"},
	},
}

const (
	graphKeys          = "SELECT seq FROM graphs WHERE id = ?"
	executionGraphKeys = "SELECT g.seq FROM executions e JOIN graphs g ON g.execution = e.seq WHERE e.id = ?"
)

const taskColumns = "t.id, g.id, e.id, t.name, t.type, t.state, t.agent_name, t.manager_name, t.created_at, " +
	"d.dependencies, d.parameters"

// taskJoins bring what taskColumns need. The order is fixed so that a graph's tasks come by its index.
const taskJoins = " CROSS JOIN graphs g ON g.seq = t.graph CROSS JOIN executions e ON e.seq = g.execution " +
	"CROSS JOIN task_documents d ON d.task = t.seq"

func scanTask(r *row) *model.Task {
	t := &model.Task{
		ID: model.TaskID(r.text()), Graph: model.GraphID(r.text()), Execution: model.ExecutionID(r.text()), Name: r.text(),
		Type: model.TaskType(r.text()), State: model.TaskState(r.text()), AgentName: r.text(), ManagerName: r.text(),
		CreatedAt: r.instant(),
	}
	r.document(&t.Dependencies)
	r.document(&t.Parameters)
	return t
}

const graphColumns = "SELECT t.id, e.id, t.name, t.created_at FROM graphs t CROSS JOIN executions e ON e.seq = t.execution"

func scanGraph(r *row) *model.Graph {
	return &model.Graph{ID: model.GraphID(r.text()), Execution: model.ExecutionID(r.text()), Name: r.text(),
		CreatedAt: r.instant()}
}

func (r *reader) Graph(id model.GraphID) (*model.Graph, error) {
	return get(r, "TasksGraph", string(id), graphColumns+" WHERE t.id = ?", scanGraph, string(id))
}

func (r *reader) Graphs(e model.ExecutionID) ([]*model.Graph, error) {
	return all(r, graphColumns+" WHERE t.execution = (SELECT seq FROM executions WHERE id = ?) ORDER BY t.seq", scanGraph,
		string(e))
}

func (r *reader) Task(id model.TaskID) (*model.Task, error) {
	return get(r, "Operation", string(id), "SELECT "+taskColumns+" FROM tasks t"+taskJoins+" WHERE t.id = ?", scanTask,
		string(id))
}

const graphTasks = "SELECT " + taskColumns + " FROM tasks t" + taskJoins +
	" WHERE t.graph = (SELECT seq FROM graphs WHERE id = ?) ORDER BY t.seq"

func (r *reader) GraphTasks(g model.GraphID) ([]*model.Task, error) {
	return all(r, graphTasks, scanTask, string(g))
}

func (r *reader) Tasks(q store.Query) (store.Page[*model.Task], error) {
	return list(r, tasks, q, view{columns: taskColumns, joins: taskJoins}, scanTask)
}

func (t *tx) InsertGraph(g *model.Graph) error {
	execution, err := t.seq("executions", "Execution", string(g.Execution))
	if err != nil {
		return err
	}
	_, err = t.c.exec(t.ctx, "INSERT INTO graphs (id, execution, name, created_at) VALUES (?, ?, ?, ?)", string(g.ID),
		execution, g.Name, micros(g.CreatedAt))
	if unique, _ := constraint(err); unique {
		return fault.New(fault.Conflict, "a tasks graph with the id `%s` exists already", g.ID)
	}
	if err != nil {
		return fmt.Errorf("insert graph %s: %w", g.ID, err)
	}
	return nil
}

// seq returns the row number of the row with an id in a table whose ids are unique in the installation.
func (t *tx) seq(table, name, id string) (int64, error) {
	var seq int64
	found, err := t.c.one(t.ctx, "SELECT seq FROM "+table+" WHERE id = ?", func(r *row) { seq = r.number() }, id)
	if err != nil {
		return 0, fmt.Errorf("look up %s %s: %w", name, id, err)
	}
	if !found {
		return 0, fault.Missing(name, id)
	}
	return seq, nil
}

// graphSeqs remembers the row numbers of graphs while the tasks of few graphs are written.
type graphSeqs map[model.GraphID]int64

func (s graphSeqs) of(t *tx, g model.GraphID) (int64, error) {
	if seq, ok := s[g]; ok {
		return seq, nil
	}
	seq, err := t.seq("graphs", "TasksGraph", string(g))
	if err == nil {
		s[g] = seq
	}
	return seq, err
}

func (t *tx) InsertTasks(list []*model.Task) error {
	graphs := graphSeqs{}
	for len(list) > 0 {
		n := rowsAtOnce(len(list))
		if err := t.insertTasks(graphs, list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// insertTasks adds a few tasks with one statement for their rows and one for their documents.
func (t *tx) insertTasks(graphs graphSeqs, list []*model.Task) error {
	rows, documents := make([]driver.Value, 0, 8*len(list)), make([]driver.Value, 0, 3*len(list))
	for _, k := range list {
		graph, err := graphs.of(t, k.Graph)
		if err != nil {
			return err
		}
		d, err := taskDocuments(k)
		if err != nil {
			return err
		}
		rows = append(rows, string(k.ID), graph, k.Name, string(k.Type), string(k.State), k.AgentName, k.ManagerName, micros(k.CreatedAt))
		documents = append(append(documents, nil), d...)
	}
	last, err := t.c.insert(t.ctx, manyRows("INSERT INTO tasks (id, graph, name, type, state, agent_name, manager_name, created_at) "+
		"VALUES ", 8, len(list)), rows...)
	if unique, _ := constraint(err); unique {
		return fault.New(fault.Conflict, "an operation with the id %s exists already", taskNames(list))
	}
	if err != nil {
		return fmt.Errorf("insert tasks %s: %w", taskNames(list), err)
	}
	for i := range list {
		documents[3*i] = last - int64(len(list)-1-i)
	}
	_, err = t.c.exec(t.ctx, manyRows("INSERT INTO task_documents (task, dependencies, parameters) VALUES ", 3, len(list)), documents...)
	if err != nil {
		return fmt.Errorf("insert documents of tasks %s: %w", taskNames(list), err)
	}
	return nil
}

func taskNames(list []*model.Task) string {
	if len(list) == 1 {
		return "`" + string(list[0].ID) + "`"
	}
	return fmt.Sprintf("`%s` to `%s`", list[0].ID, list[len(list)-1].ID)
}

// taskDocuments returns the dependencies and the parameters of a task as they are stored.
func taskDocuments(k *model.Task) ([]driver.Value, error) {
	var v values
	v.document(k.Dependencies != nil, k.Dependencies)
	v.document(true, k.Parameters)
	return v.list, v.err
}

func (t *tx) PutTasks(list []*model.Task) error {
	graphs := graphSeqs{}
	for _, k := range list {
		var seq int64
		exists, err := t.c.one(t.ctx, "UPDATE tasks SET name = ?, type = ?, state = ?, agent_name = ?, manager_name = ? "+
			"WHERE id = ? RETURNING seq", func(r *row) { seq = r.number() }, k.Name, string(k.Type), string(k.State),
			k.AgentName, k.ManagerName, string(k.ID))
		if err != nil {
			return fmt.Errorf("update task %s: %w", k.ID, err)
		}
		if !exists {
			if err := t.insertTasks(graphs, []*model.Task{k}); err != nil {
				return err
			}
			continue
		}
		documents, err := taskDocuments(k)
		if err != nil {
			return err
		}
		// The documents are written only when they differ; most changes of a task are changes of its state.
		_, err = t.c.exec(t.ctx, "UPDATE task_documents SET dependencies = ?2, parameters = ?3 WHERE task = ?1 "+
			"AND (parameters IS NOT ?3 OR dependencies IS NOT ?2)", append([]driver.Value{seq}, documents...)...)
		if err != nil {
			return fmt.Errorf("update documents of task %s: %w", k.ID, err)
		}
	}
	return nil
}

func (t *tx) SetTaskStates(list []*model.Task) error {
	var order []model.TaskState
	byState := map[model.TaskState][]*model.Task{}
	for _, k := range list {
		if len(byState[k.State]) == 0 {
			order = append(order, k.State)
		}
		byState[k.State] = append(byState[k.State], k)
	}
	for _, state := range order {
		for same := byState[state]; len(same) > 0; {
			n := rowsAtOnce(len(same))
			if err := t.setTaskState(state, same[:n]); err != nil {
				return err
			}
			same = same[n:]
		}
	}
	return nil
}

// setTaskState puts different tasks into one state.
func (t *tx) setTaskState(state model.TaskState, list []*model.Task) error {
	args := make([]driver.Value, 1, 1+len(list))
	args[0] = string(state)
	for _, k := range list {
		args = append(args, string(k.ID))
	}
	n, err := t.c.exec(t.ctx, "UPDATE tasks SET state = ? WHERE id IN ("+placeholders(len(list))+")", args...)
	if err == nil && n < len(list) {
		return fault.Missing("Operation", taskNames(list))
	}
	return mustChange(n, err, "Operation", taskNames(list))
}

func (t *tx) DeleteTask(id model.TaskID) error {
	seq, err := t.seq("tasks", "Operation", string(id))
	if err != nil {
		return err
	}
	for _, table := range []string{"task_documents WHERE task", "tasks WHERE seq"} {
		if _, err := t.c.exec(t.ctx, "DELETE FROM "+table+" = ?", seq); err != nil {
			return fmt.Errorf("delete task %s: %w", id, err)
		}
	}
	return nil
}
