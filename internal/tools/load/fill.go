package main

import (
	"context"
	"fmt"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/sqlite"
)

// perDeployment is how many instances one deployment has; the other deployments are empty.
const perDeployment = 1000

// fill writes what is missing, straight into the database of a manager that does not run.
func fill(ctx context.Context, file string, o options) error {
	s, err := sqlite.Open(ctx, file, sqlite.Options{Clock: clock.Real{}})
	if err != nil {
		return err
	}
	defer s.Close()
	var have int
	err = s.View(ctx, func(r store.Reader) error {
		p, err := r.Deployments(store.Query{Limit: 1, Scope: store.Scope{Admin: true}})
		have = p.Total
		return err
	})
	if err != nil || have > 0 {
		return err
	}
	const batch = 100
	for first := 0; first < o.deployments; first += batch {
		err := s.Update(ctx, func(tx store.Tx) error {
			for n := first; n < min(first+batch, o.deployments); n++ {
				if err := insert(tx, n, n*perDeployment < o.instances); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// insert adds the n-th deployment, with instances when it is full.
func insert(tx store.Tx, n int, isFull bool) error {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	res := model.Resource{Tenant: model.DefaultTenant, CreatedBy: "admin", CreatedAt: at, Visibility: model.VisibilityTenant}
	label := func(key, value string) model.Label {
		return model.Label{Key: key, Value: value, CreatedAt: at, CreatedBy: "admin"}
	}
	d := &model.Deployment{
		Resource: res, ID: model.DeploymentID(fmt.Sprintf("site-%06d", n)), DisplayName: fmt.Sprintf("Site %d", n), Blueprint: "site",
		UpdatedAt: at, Inputs: model.Document{"index": n}, InstallationStatus: model.InstallationActive, Status: model.DeploymentGood,
		Labels: []model.Label{label("environment", []string{"production", "staging", "test", "lab"}[n%4]),
			label("region", fmt.Sprintf("region-%02d", n%50)), label("customer", fmt.Sprintf("customer-%04d", n%5000))},
	}
	if err := tx.InsertDeployment(d); err != nil {
		return err
	}
	if !isFull {
		return nil
	}
	node := &model.Node{Resource: res, ID: "vm", Deployment: d.ID, Type: "cloudify.nodes.Root",
		TypeHierarchy: []string{"cloudify.nodes.Root"}, Number: perDeployment, Min: 1, Max: -1}
	if err := tx.InsertNodes([]*model.Node{node}); err != nil {
		return err
	}
	list := make([]*model.NodeInstance, perDeployment)
	for i := range list {
		list[i] = &model.NodeInstance{
			Resource: res, ID: model.InstanceID(fmt.Sprintf("vm_%06d%04d", n, i)), Node: node.ID, Deployment: d.ID, Index: i + 1,
			State: model.InstanceStarted, Version: 5,
			RuntimeProperties: model.Document{"ip": fmt.Sprintf("10.%d.%d.%d", n%250, i/250, i%250), "name": fmt.Sprintf("vm-%d-%d", n, i)},
		}
	}
	return tx.InsertInstances(list)
}
