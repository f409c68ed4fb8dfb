package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// step is one random change of an instance.
type step struct {
	kind  string
	id    model.InstanceID
	state model.InstanceState
}

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		kind:  rapid.SampledFrom([]string{"insert", "update", "delete"}).Draw(t, "kind"),
		id:    model.InstanceID(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "id")),
		state: model.InstanceState(rapid.SampledFrom([]string{"started", "stopped"}).Draw(t, "state")),
	}
})

// change is one update: its steps, and whether it fails in the end.
type change struct {
	steps []step
	fail  bool
}

var changes = rapid.Custom(func(t *rapid.T) change {
	return change{rapid.SliceOfN(steps, 1, 5).Draw(t, "steps"), rapid.IntRange(0, 4).Draw(t, "fail") == 0}
})

// apply performs a step on the store and on a map, and checks that both agree on whether it is possible.
func (s step) apply(tx store.Tx, d *model.Deployment, state map[model.InstanceID]model.InstanceState) error {
	_, exists := state[s.id]
	i := &model.NodeInstance{Resource: d.Resource, ID: s.id, Node: "vm", Deployment: d.ID, State: s.state}
	var err error
	want := fault.Code("")
	switch {
	case s.kind == "insert":
		err = tx.InsertInstances([]*model.NodeInstance{i})
		if exists {
			want = fault.Conflict
		}
	case s.kind == "update":
		err = tx.UpdateInstance(i)
	default:
		err = tx.DeleteInstance(d.Tenant, s.id)
	}
	if s.kind != "insert" && !exists {
		want = fault.NotFound
	}
	if want != "" {
		if !fault.Is(err, want) {
			return fmt.Errorf("%+v: got %w, want %s", s, err, want)
		}
		return nil
	}
	if s.kind == "delete" {
		delete(state, s.id)
	} else {
		state[s.id] = s.state
	}
	return err
}

// testModel runs random updates from several callers at once; whatever order they take, the store must equal a map to
// which the same updates were applied in that order.
func testModel(t *testing.T, open Opener) {
	e := newEnv(t, open)
	number := 0
	rapid.Check(t, func(rt *rapid.T) {
		number++
		d := e.deployment(model.TenantName(fmt.Sprint("tenant-", number)), "d")
		e.nodes(d, "vm")
		// current is only touched inside updates, which run one at a time.
		current := map[model.InstanceID]model.InstanceState{}
		plans := rapid.SliceOfN(rapid.SliceOfN(changes, 1, 6), 1, 4).Draw(rt, "plans")
		var group sync.WaitGroup
		for _, plan := range plans {
			group.Go(func() {
				for _, c := range plan {
					err := e.Update(t.Context(), func(tx store.Tx) error {
						next := maps.Clone(current)
						for _, s := range c.steps {
							if err := s.apply(tx, d, next); err != nil {
								return err
							}
						}
						if c.fail {
							return errStop
						}
						current = next
						return nil
					})
					if err != nil && !errors.Is(err, errStop) {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		got := map[model.InstanceID]model.InstanceState{}
		list := read(e, func(r store.Reader) ([]*model.NodeInstance, error) { return r.DeploymentInstances(d.Tenant, d.ID) })
		for _, i := range list {
			got[i.ID] = i.State
		}
		if !maps.Equal(got, current) {
			rt.Fatalf("store has %v, the model %v", got, current)
		}
		states := read(e, func(r store.Reader) (map[model.InstanceState]int, error) { return r.InstanceStates(d.Tenant, d.ID) })
		for _, s := range []model.InstanceState{"started", "stopped"} {
			n := 0
			for _, v := range slices.Collect(maps.Values(current)) {
				if v == s {
					n++
				}
			}
			if states[s] != n {
				rt.Fatalf("%d instances are %s, the model has %d", states[s], s, n)
			}
		}
	})
}
