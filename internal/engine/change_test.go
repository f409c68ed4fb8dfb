package engine_test

import (
	"strings"
	"testing"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/operation"
	"github.com/reifyhq/reify/internal/store"
)

// child makes a deployment a service of another.
func (h *house) child(id, parent model.DeploymentID) {
	h.t.Helper()
	h.update(func(tx store.Tx) error {
		d, err := tx.Deployment(model.DefaultTenant, id)
		if err != nil {
			return err
		}
		d.Labels = []model.Label{{Key: "csys-obj-parent", Value: string(parent)}}
		return tx.UpdateDeployment(d)
	})
}

func TestRecursiveUninstallTakesServicesDownFirst(t *testing.T) {
	h := newHouse(t)
	for _, id := range []model.DeploymentID{"top", "middle", "leaf", "other"} {
		h.deploy(id, 1)
	}
	h.child("middle", "top")
	h.child("leaf", "middle")
	h.child("other", "topmost")
	end := h.start("m1")
	for _, id := range []model.DeploymentID{"top", "middle", "leaf", "other"} {
		h.run(id, "install", model.Document{})
	}
	reached, release := make(chan struct{}), make(chan struct{})
	h.exec.mu.Lock()
	h.exec.hold = func(m *operation.Message) {
		if m.Context.Operation.Name == stop && m.Context.NodeID == "leaf-n0_000000" {
			close(reached)
			<-release
		}
	}
	h.exec.mu.Unlock()
	id := h.begin("top", "uninstall", model.Document{"recursive": true})
	<-reached
	// The parents wait in the store: another engine goes on waiting.
	end()
	if h.states("top")[model.InstanceStarted] != 1 || h.states("middle")[model.InstanceStarted] != 1 {
		t.Error("a parent was taken down before its services")
	}
	h.start("m1")
	close(release)
	x := h.ended(id)
	if x.Status != model.ExecutionTerminated {
		t.Fatalf("ended %s: %s", x.Status, x.Error)
	}
	for id, want := range map[model.DeploymentID]model.InstanceState{"top": model.InstanceDeleted, "middle": model.InstanceDeleted,
		"leaf": model.InstanceDeleted, "other": model.InstanceStarted} {
		if h.states(id)[want] != 1 {
			t.Errorf("%s is %v, want %s", id, h.states(id), want)
		}
	}
}

func TestRecursiveUninstallStopsWhenAServiceCannotBeTakenDown(t *testing.T) {
	h := newHouse(t)
	h.deploy("top", 1)
	h.deploy("leaf", 1)
	h.child("leaf", "top")
	h.start("m1")
	h.run("top", "install", model.Document{})
	h.run("leaf", "install", model.Document{})
	h.exec.set(func(m *operation.Message, _ int) operation.Result {
		if m.Context.Operation.Name == stop && m.Context.NodeID == "leaf-n0_000000" {
			return operation.Fail(operation.NonRecoverable("it clings"))
		}
		return operation.Result{}
	})
	x := h.run("top", "uninstall", model.Document{"recursive": true})
	if x.Status != model.ExecutionFailed || !strings.Contains(x.Error, "it clings") || h.states("top")[model.InstanceStarted] != 1 {
		t.Errorf("ended %s: %s; the parent is %v", x.Status, x.Error, h.states("top"))
	}
}

func TestFailedHealIsFollowedByAReinstall(t *testing.T) {
	const heal, check = "cloudify.interfaces.lifecycle.heal", "cloudify.interfaces.validation.check_status"
	h := newHouse(t)
	h.deployTopology("d", false)
	h.update(func(tx store.Tx) error {
		nodes, err := tx.DeploymentNodes(model.DefaultTenant, "d")
		if err != nil {
			return err
		}
		for _, n := range nodes {
			if n.ID == "web" {
				n.Operations[heal], n.Operations[check] = n.Operations[create], n.Operations[create]
				return tx.UpdateNode(n)
			}
		}
		return nil
	})
	h.start("m1")
	h.run("d", "install", model.Document{})
	h.exec.set(func(m *operation.Message, _ int) operation.Result {
		if m.Context.Operation.Name == heal || m.Context.Operation.Name == check {
			return operation.Fail(operation.NonRecoverable("out of order"))
		}
		return operation.Result{}
	})
	x := h.run("d", "heal", model.Document{})
	if x.Status != model.ExecutionTerminated {
		t.Fatalf("ended %s: %s", x.Status, x.Error)
	}
	if n := h.exec.count(heal + "@web_000000"); n != 1 {
		t.Errorf("the heal operation ran %d times", n)
	}
	if n := h.exec.count(create + "@web_000000"); n != 2 {
		t.Errorf("web was created %d times, want an install and a reinstall", n)
	}
	web := h.instances("d")["web"][0]
	if _, marked := web.SystemProperties["heal_failed"]; marked || web.State != model.InstanceStarted {
		t.Errorf("web is %s with system properties %v", web.State, web.SystemProperties)
	}
}
