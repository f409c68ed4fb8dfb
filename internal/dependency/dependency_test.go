package dependency_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reifyhq/reify/internal/dependency"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/memstore"
)

const tenant model.TenantName = "default_tenant"

var epoch = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// yard is a store with deployments d0, d1, … to play with.
type yard struct {
	t      rapid.TB
	s      store.Store
	serial int
}

func newYard(t rapid.TB, n int) *yard {
	y := &yard{t: t, s: memstore.New()}
	for k := range n {
		y.must(func(tx store.Tx) error {
			return tx.InsertDeployment(&model.Deployment{Resource: model.Resource{Tenant: tenant, CreatedBy: "a", CreatedAt: epoch.Add(time.Duration(k) * time.Second),
				Visibility: model.VisibilityTenant}, ID: id(k), Blueprint: "b", InstallationStatus: model.InstallationActive, Status: model.DeploymentGood})
		})
	}
	return y
}

func id(k int) model.DeploymentID { return model.DeploymentID(fmt.Sprintf("d%d", k)) }

func (y *yard) env() dependency.Env {
	return dependency.Env{Now: epoch, NewID: func() string { y.serial++; return fmt.Sprintf("i%d", y.serial) }}
}

func (y *yard) update(fn func(store.Tx) error) error { return y.s.Update(context.Background(), fn) }

func (y *yard) must(fn func(store.Tx) error) {
	if err := y.update(fn); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) depend(creator string, source, target int) error {
	return y.update(func(tx store.Tx) error {
		_, err := dependency.Add(tx, y.env(), &model.Dependency{Resource: model.Resource{Tenant: tenant, Visibility: model.VisibilityTenant},
			Creator: creator, Source: id(source), Target: id(target)})
		return err
	})
}

func (y *yard) adopt(child int, parents ...int) error {
	return y.update(func(tx store.Tx) error {
		d, err := tx.Deployment(tenant, id(child))
		if err != nil {
			return err
		}
		d.Labels = slices.DeleteFunc(d.Labels, func(l model.Label) bool { return l.Key == model.LabelParent })
		for _, p := range parents {
			d.Labels = append(d.Labels, model.Label{Key: model.LabelParent, Value: string(id(p))})
		}
		return dependency.Relabel(tx, y.env(), d)
	})
}

// TestRelationsStaySound adds, removes and ends relations at random: what the store holds has no cycle, consumer labels
// are those of who consumes, and counts are those of the children.
func TestRelationsStaySound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 6
		y := newYard(t, n)
		one := rapid.IntRange(0, n-1)
		for range rapid.IntRange(1, 40).Draw(t, "actions") {
			a, b := one.Draw(t, "a"), one.Draw(t, "b")
			var err error
			switch rapid.IntRange(0, 4).Draw(t, "action") {
			case 0:
				err = y.depend("component.x", a, b)
			case 1:
				err = y.depend("nodes.n.properties.p.get_capability", a, b)
			case 2:
				err = y.adopt(a, b)
			case 3:
				err = y.adopt(a)
			case 4:
				err = y.update(func(tx store.Tx) error {
					return dependency.Remove(tx, y.env(), &model.Dependency{Resource: model.Resource{Tenant: tenant}, Creator: "component.x", Source: id(a), Target: id(b)})
				})
			}
			if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
				t.Fatal(err)
			}
			y.sound()
		}
	})
}

func (y *yard) sound() {
	err := y.s.View(context.Background(), func(tx store.Reader) error {
		page, err := tx.Deployments(store.Query{Scope: store.Scope{Admin: true}, Limit: -1})
		if err != nil {
			return err
		}
		for _, d := range page.Items {
			targets, err := dependency.Targets(tx, tenant, d.ID)
			if err != nil {
				return err
			}
			above, err := dependency.Ancestors(tx, tenant, d.ID)
			if err != nil {
				return err
			}
			if slices.Contains(targets, d.ID) || slices.Contains(above, d.ID) {
				y.t.Fatalf("%s depends on itself", d.ID)
			}
			want := map[string]bool{}
			services := 0
			for _, o := range page.Items {
				if slices.Contains(model.Parents(o.Labels), d.ID) {
					want[string(o.ID)] = true
					services += 1 + o.SubServices
				}
			}
			on, err := dependency.On(tx, tenant, d.ID)
			if err != nil {
				return err
			}
			for _, o := range on {
				if o.Type() != model.CreatorComponent {
					want[string(o.Source)] = true
				}
			}
			for _, l := range d.Labels {
				if l.Key == model.LabelConsumer {
					if !want[l.Value] {
						y.t.Fatalf("%s has the consumer %s, which it has not", d.ID, l.Value)
					}
					delete(want, l.Value)
				}
			}
			if len(want) > 0 || services != d.SubServices {
				y.t.Fatalf("%s misses the consumers %v; it counts %d services instead of %d", d.ID, want, d.SubServices, services)
			}
		}
		return nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
}

// TestBlockers tells who keeps a deployment from being taken down.
func TestBlockers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(y *yard)
		ask     dependency.Question
		want    string
	}{
		"nobody": {func(*yard) {}, dependency.Question{Workflow: "uninstall"}, ""},
		"a component of another": {func(y *yard) { y.keep(y.depend("component.web_1", 1, 0)) }, dependency.Question{Workflow: "uninstall"},
			"  [1] Deployment `d1` contains the current deployment in its node `web_1`"},
		"the one that asks": {func(y *yard) { y.keep(y.depend("component.web_1", 1, 0)) }, dependency.Question{Workflow: "uninstall", By: "d1"}, ""},
		"a user of a component of its own": {func(y *yard) {
			y.keep(y.depend("component.x_1", 0, 1), y.depend("sharedresource.y_1", 2, 1))
		}, dependency.Question{Workflow: "stop"}, "  [1] Deployment `d2` uses a shared resource from the current deployment in its node `y_1`"},
		"who is being taken down": {func(y *yard) {
			y.keep(y.depend("sharedresource.y_1", 1, 0))
			y.must(func(tx store.Tx) error {
				return tx.InsertExecution(&model.Execution{Resource: model.Resource{Tenant: tenant}, ID: "x", Workflow: "uninstall", Deployment: "d1", Status: model.ExecutionStarted})
			})
		}, dependency.Question{Workflow: "uninstall"}, ""},
		"a capability of who is not installed": {func(y *yard) {
			y.keep(y.depend("nodes.n.properties.p.get_capability", 1, 0))
			y.must(func(tx store.Tx) error {
				d, err := tx.Deployment(tenant, "d1")
				if err != nil {
					return err
				}
				d.InstallationStatus = model.InstallationInactive
				return tx.UpdateDeployment(d)
			})
		}, dependency.Question{Workflow: "uninstall"}, ""},
		"children": {func(y *yard) { y.keep(y.adopt(1, 0), y.adopt(2, 1)) }, dependency.Question{Workflow: "heal"},
			"  [1] Deployment `d1` depends on `d0`\n  [2] Deployment `d2` depends on `d1`"},
		"children that go too":        {func(y *yard) { y.keep(y.adopt(1, 0)) }, dependency.Question{Workflow: "uninstall", IsRecursive: true}, ""},
		"a child that is a component": {func(y *yard) { y.keep(y.adopt(1, 0), y.depend("component.x_1", 0, 1)) }, dependency.Question{Workflow: "uninstall"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t, 3)
			c.prepare(y)
			err := y.s.View(t.Context(), func(tx store.Reader) error {
				d, err := tx.Deployment(tenant, "d0")
				if err != nil {
					return err
				}
				b, err := dependency.Find(tx, d, c.ask)
				if got := b.Text(); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func (y *yard) keep(errs ...error) {
	for _, err := range errs {
		if err != nil {
			y.t.Fatal(err)
		}
	}
}

// TestReplaceKeepsWhatStays makes the dependencies of functions new: what stays the same keeps its id.
func TestReplaceKeepsWhatStays(t *testing.T) {
	t.Parallel()
	y := newYard(t, 3)
	y.keep(y.depend("sharedresource.y_1", 0, 1))
	want := func(creators ...string) (out []*model.Dependency) {
		for k, c := range creators {
			out = append(out, &model.Dependency{Resource: model.Resource{Visibility: model.VisibilityTenant}, Creator: c + ".get_capability", Target: id(k + 1),
				TargetFunction: model.Document{"function": string(id(k + 1)), "context": map[string]any{}}})
		}
		return out
	}
	replace := func(list []*model.Dependency) (ids []model.DependencyID) {
		y.must(func(tx store.Tx) error {
			out, err := dependency.Replace(tx, y.env(), tenant, "d0", list)
			for _, d := range out {
				ids = append(ids, d.ID)
			}
			return err
		})
		return ids
	}
	first := replace(want("outputs.a", "outputs.b"))
	second := replace(want("outputs.a", "outputs.c"))
	if first[0] != second[0] || first[1] == second[1] {
		t.Errorf("first %v, then %v", first, second)
	}
	if err := y.s.View(t.Context(), func(tx store.Reader) error {
		list, err := dependency.Of(tx, tenant, "d0")
		if len(list) != 3 {
			t.Errorf("%d dependencies are left", len(list))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// A target that does not exist is left open, not refused.
	open := want("outputs.z")
	open[0].Target = "nobody"
	replace(open)
}
