// Package workflows replays recorded executions of the original's workflow engine against package workflow and compares
// what happens: the multiset of records, their partial order, the outcome and the final instances. It is test code: it
// plays the manager, the agents and the scripted plugin of the recordings.
package workflows

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/reifyhq/reify/internal/model"
)

// testCase is one recorded case.
type testCase struct {
	ID        string            `json:"id"`
	Main      string            `json:"main"`
	Files     map[string]string `json:"files"`
	Inputs    model.Document    `json:"inputs"`
	Instances []instance        `json:"initial_instances"`
	Steps     []step            `json:"steps"`
}

// instance is a node instance in the recordings.
type instance struct {
	ID                string                       `json:"id"`
	NodeID            string                       `json:"node_id"`
	HostID            *string                      `json:"host_id"`
	State             string                       `json:"state"`
	Relationships     []model.InstanceRelationship `json:"relationships"`
	ScalingGroups     []model.GroupMembership      `json:"scaling_groups"`
	RuntimeProperties model.Document               `json:"runtime_properties,omitempty"`
	SystemProperties  model.Document               `json:"system_properties,omitempty"`
}

// step is one workflow execution.
type step struct {
	Workflow   string         `json:"workflow"`
	Parameters model.Document `json:"parameters"`
	Options    struct {
		TaskRetries       int     `json:"task_retries"`
		TaskRetryInterval float64 `json:"task_retry_interval"`
		SubgraphRetries   int     `json:"subgraph_retries"`
	} `json:"options"`
	Before   []before       `json:"before"`
	CancelOn map[string]any `json:"cancel_on"`
	Expect   struct {
		Status    string         `json:"status"`
		Error     *string        `json:"error"`
		Records   []record       `json:"records"`
		Instances []instance     `json:"final_instances"`
		Counts    map[string]int `json:"final_node_instance_counts"`
		Update    *updateResult  `json:"update"`
	} `json:"expect"`
}

// before is an action on the model before a step.
type before struct {
	Do        string         `json:"do"`
	ID        string         `json:"id"`
	Blueprint string         `json:"blueprint"`
	Inputs    model.Document `json:"inputs"`
}

// updateResult is what an update step leaves behind.
type updateResult struct {
	Steps json.RawMessage `json:"steps"`
	State string          `json:"state"`
}

// record is one thing that happened; its fields are compared as they are, except those of the recorder.
type record map[string]any

// after lists the records that come before this one.
func (r record) after() []int {
	list, _ := r["after"].([]any)
	out := make([]int, 0, len(list))
	for _, v := range list {
		if n, ok := v.(json.Number); ok {
			if k, err := n.Int64(); err == nil {
				out = append(out, int(k))
			}
		}
	}
	return out
}

// key is the record as text without what is not compared.
func (r record) key() string {
	plain := make(map[string]any, len(r))
	for k, v := range r {
		if k == "task" || k == "phase" || k == "after" || v == nil {
			continue
		}
		plain[k] = v
	}
	raw, err := model.EncodeJSON(plain)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func loadCases(dir string) ([]*testCase, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no cases in %s", dir)
	}
	var cases []*testCase
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c := &testCase{}
		if err := model.DecodeJSON(raw, c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}
