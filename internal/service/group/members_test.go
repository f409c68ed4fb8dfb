package group

import (
	"fmt"
	"testing"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
	"github.com/reifyhq/reify/internal/store/memstore"
)

func TestNewID(t *testing.T) {
	t.Parallel()
	st := memstore.New()
	r := model.Resource{Tenant: "t", Visibility: model.VisibilityTenant}
	err := st.Update(t.Context(), func(tx store.Tx) error {
		for _, id := range []model.DeploymentID{"g-3", "g-4", "fixed"} {
			if err := tx.InsertDeployment(&model.Deployment{Resource: r, ID: id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a := &service.Actor{Tenant: "t"}
	for _, f := range []struct {
		template, want string
		code           fault.Code
	}{
		{"{group_id}-{count}", "g-5", ""},
		{"{blueprint_id}.{site_name}.{count}", "bp.here.3", ""},
		{"free", "free", ""},
		{"fixed", "", fault.Conflict},
		{"{group_id}-3", "", fault.Conflict},
		{"{nonsense}", "", fault.BadParameters},
		{"{group_id", "", fault.BadParameters},
	} {
		g := &model.DeploymentGroup{ID: "g", Counter: 3}
		var got model.DeploymentID
		err := st.View(t.Context(), func(tx store.Reader) (err error) {
			got, err = newID(tx, a, g, f.template, service.NewDeployment{Blueprint: "bp", Site: "here"})
			return err
		})
		if string(got) != f.want || (err != nil) != (f.code != "") || f.code != "" && !fault.Is(err, f.code) {
			t.Errorf("%s gives %q, %v; want %q, %s", f.template, got, err, f.want, f.code)
		}
	}
}

func TestGroupStatus(t *testing.T) {
	t.Parallel()
	const pending, queued, started, done, failed, cancelled = model.ExecutionPending, model.ExecutionQueued, model.ExecutionStarted,
		model.ExecutionTerminated, model.ExecutionFailed, model.ExecutionCancelled
	for _, f := range []struct {
		members []model.ExecutionStatus
		want    model.ExecutionStatus
	}{
		{nil, ""}, {[]model.ExecutionStatus{pending, pending}, pending}, {[]model.ExecutionStatus{pending, queued}, queued},
		{[]model.ExecutionStatus{queued, done}, started}, {[]model.ExecutionStatus{started, queued}, started},
		{[]model.ExecutionStatus{done, cancelled}, done}, {[]model.ExecutionStatus{done, failed}, failed},
		{[]model.ExecutionStatus{done, failed, started}, started},
	} {
		states := map[model.ExecutionStatus]int{}
		for _, s := range f.members {
			states[s]++
		}
		if got := model.GroupStatus(states); got != f.want {
			t.Errorf("%s is %q, want %q", fmt.Sprint(f.members), got, f.want)
		}
	}
}
