package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// judge checks an execution that ended: how it ended, what its operations did, and what is stored of them.
func (t *trial) judge(ctx context.Context, d model.DeploymentID, id model.ExecutionID, started int) error {
	x, err := t.m.client.GetExecution(ctx, id)
	if err != nil {
		return err
	}
	if x.Status != model.ExecutionTerminated {
		return fmt.Errorf("execution %s ended %s: %s", id, x.Status, x.Error)
	}
	instances, err := t.m.client.ListNodeInstances(ctx, client.InstanceQuery{Deployment: d, ListOptions: client.ListOptions{AllResults: true}})
	if err != nil {
		return err
	}
	found := 0
	for _, i := range instances.Items {
		if i.State == model.InstanceStarted {
			found++
		}
	}
	if found != started {
		return fmt.Errorf("%d instances are started, not %d", found, started)
	}
	operations, err := t.m.client.ListOperations(ctx, id, client.ListOptions{AllResults: true})
	if err != nil {
		return err
	}
	events, err := t.m.client.ListEvents(ctx, client.EventQuery{Execution: id, ListOptions: client.ListOptions{AllResults: true}})
	if err != nil {
		return err
	}
	return check(id, operations.Items, events.Items, t.lines())
}

// check compares the tasks of an execution with the notes of their operations.
func check(id model.ExecutionID, tasks []client.Operation, events []client.Event, lines []string) error {
	notes, err := read(id, lines)
	if err != nil {
		return err
	}
	succeeded := map[string]int{}
	ends := 0
	for _, k := range tasks {
		if !k.State.Ended() {
			return fmt.Errorf("task %s (%s) is left %s", k.ID, k.Name, k.State)
		}
		if k.Type != model.TaskRemote {
			continue
		}
		ends++
		n := notes[string(k.ID)]
		if k.State != model.TaskSucceeded {
			continue
		}
		if n == nil || n.ends == 0 {
			return fmt.Errorf("task %s succeeded and its operation never came to its end", k.ID)
		}
		succeeded[n.what]++
	}
	for what, n := range succeeded {
		if n != 1 {
			return fmt.Errorf("%s succeeded %d times", what, n)
		}
	}
	for task, n := range notes {
		if succeeded[n.what] != 1 {
			return fmt.Errorf("%s of task %s ran and never succeeded", n.what, task)
		}
	}
	told := 0
	for _, e := range events {
		switch e.EventType {
		case model.EventTaskSucceeded, model.EventTaskFailed, model.EventTaskRescheduled:
			if e.Operation != "" {
				told++
			}
		}
	}
	if told != ends {
		return fmt.Errorf("events tell of %d ends of operations, %d tasks have ended", told, ends)
	}
	return nil
}

// noted is what the operation of one task did.
type noted struct {
	what         string
	begins, ends int
	// begunAt is the number of kills of the manager when it last began.
	begunAt int
	// open are the processes that began and have not ended.
	open map[string]bool
}

// read collects the notes of an execution. An attempt may begin again only after the manager was killed, because its
// result was not known then, and never beside itself; every process ends at most once.
func read(id model.ExecutionID, lines []string) (map[string]*noted, error) {
	notes := map[string]*noted{}
	kills := 0
	for _, line := range lines {
		f := strings.Fields(line)
		if line == "killed" {
			kills++
		}
		if len(f) != 6 || f[1] != string(id) {
			continue
		}
		task := f[2]
		n := notes[task]
		if n == nil {
			n = &noted{what: f[3] + " " + f[4], open: map[string]bool{}}
			notes[task] = n
		}
		switch f[0] {
		case "overlap":
			return nil, fmt.Errorf("task %s ran beside itself: %s", task, n.what)
		case "begin":
			if n.begins > 0 && n.begunAt == kills {
				return nil, fmt.Errorf("task %s began twice without a kill in between: %s", task, n.what)
			}
			n.begins++
			n.begunAt = kills
			n.open[f[5]] = true
		case "end":
			if !n.open[f[5]] {
				return nil, fmt.Errorf("a process of task %s ended that had not begun or had ended: %s", task, n.what)
			}
			n.ends++
			delete(n.open, f[5])
		}
	}
	return notes, nil
}
