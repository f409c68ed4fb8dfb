package dependency

import (
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Relabel stores a deployment whose labels changed: its parents must exist (fault.ParentNotFound) and must not be below
// it (fault.Conflict). The consumer labels it has stay, whatever the caller set (rest-api, section 3.4).
func Relabel(tx store.Tx, env Env, d *model.Deployment) error {
	old, err := tx.Deployment(d.Tenant, d.ID)
	if err != nil {
		return err
	}
	isConsumer := func(l model.Label) bool { return l.Key == model.LabelConsumer }
	d.Labels = slices.DeleteFunc(d.Labels, isConsumer)
	for _, l := range old.Labels {
		if isConsumer(l) {
			d.Labels = append(d.Labels, l)
		}
	}
	if err := CheckParents(tx, d); err != nil {
		return err
	}
	if err := tx.UpdateDeployment(d); err != nil {
		return err
	}
	before, after := model.Parents(old.Labels), model.Parents(d.Labels)
	if len(before) == 0 && len(after) == 0 {
		return nil
	}
	return Adopt(tx, env, d.Tenant, append(before, after...))
}

// CheckParents refuses labels that name a parent that does not exist or that is below the deployment.
func CheckParents(tx store.Reader, d *model.Deployment) error {
	var missing []string
	for _, p := range model.Parents(d.Labels) {
		_, err := tx.Deployment(d.Tenant, p)
		if fault.Is(err, fault.NotFound) {
			missing = append(missing, string(p))
			continue
		}
		if err != nil {
			return err
		}
		above, err := Ancestors(tx, d.Tenant, p)
		if err != nil {
			return err
		}
		if p == d.ID || slices.Contains(above, d.ID) {
			return fault.New(fault.Conflict, "Deployments adding labels results in cyclic deployment-labels dependencies.")
		}
	}
	if len(missing) > 0 {
		return fault.New(fault.ParentNotFound, "Deployment %s: is referencing deployments using label `%s` that does not exist, "+
			"make sure that deployment(s) %s exist before creating deployment", d.ID, model.LabelParent, strings.Join(missing, ","))
	}
	return nil
}

// Ancestors returns the parents of a deployment and theirs, nearest first, each once.
func Ancestors(tx store.Reader, t model.TenantName, id model.DeploymentID) ([]model.DeploymentID, error) {
	var out []model.DeploymentID
	seen := map[model.DeploymentID]bool{id: true}
	for work := []model.DeploymentID{id}; len(work) > 0; work = work[1:] {
		d, err := tx.Deployment(t, work[0])
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, p := range model.Parents(d.Labels) {
			if !seen[p] {
				seen[p] = true
				out, work = append(out, p), append(work, p)
			}
		}
	}
	return out, nil
}

// Adopt brings parents up to date whose children came, went or changed their kind.
func Adopt(tx store.Tx, env Env, t model.TenantName, parents []model.DeploymentID) error {
	seen := map[model.DeploymentID]bool{}
	for _, p := range parents {
		if seen[p] {
			continue
		}
		seen[p] = true
		if err := consume(tx, env, t, p); err != nil {
			return err
		}
	}
	return recount(tx, t, parents)
}

// Settle stores the statuses of a deployment after its latest execution changed, and carries them to what is above it
// (rest-model, section 3.2). latest is the execution's status, empty when there was none.
func Settle(tx store.Tx, d *model.Deployment, latest model.ExecutionStatus) error {
	d.Status = status(d, latest)
	if err := tx.UpdateDeployment(d); err != nil {
		return err
	}
	return recount(tx, d.Tenant, model.Parents(d.Labels))
}

// status is the light of a deployment: its own and those of what is below it.
func status(d *model.Deployment, latest model.ExecutionStatus) model.DeploymentStatus {
	own := model.DeploymentGood
	switch {
	case latest != "" && !latest.Ended() && latest != model.ExecutionScheduled:
		own = model.DeploymentInProgress
	case latest == model.ExecutionFailed, d.InstallationStatus != model.InstallationActive:
		own = model.DeploymentRequiresAttention
	}
	return model.WorseDeploymentStatus(own, model.WorseDeploymentStatus(d.SubServicesStatus, d.SubEnvironmentsStatus))
}

// recount computes what deployments know of what is below them, and then those above them while anything changes.
func recount(tx store.Tx, t model.TenantName, ids []model.DeploymentID) error {
	// A deployment may be reached along several ways; the bound ends what a cycle made by hand would keep going.
	left := 10_000
	for work := slices.Clone(ids); len(work) > 0 && left > 0; work, left = work[1:], left-1 {
		d, err := tx.Deployment(t, work[0])
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		changed, err := count(tx, d)
		if err != nil {
			return err
		}
		if changed {
			work = append(work, model.Parents(d.Labels)...)
		}
	}
	return nil
}

// count brings one deployment up to date from its children; it reports whether anything changed.
func count(tx store.Tx, d *model.Deployment) (bool, error) {
	before := *d
	children, err := tx.Children(d.Tenant, d.ID)
	if err != nil {
		return false, err
	}
	d.SubServices, d.SubEnvironments, d.SubServicesStatus, d.SubEnvironmentsStatus = 0, 0, "", ""
	for _, c := range children {
		d.SubServices += c.SubServices
		d.SubEnvironments += c.SubEnvironments
		d.SubServicesStatus = model.WorseDeploymentStatus(d.SubServicesStatus, c.SubServicesStatus)
		d.SubEnvironmentsStatus = model.WorseDeploymentStatus(d.SubEnvironmentsStatus, c.SubEnvironmentsStatus)
		if c.IsEnvironment() {
			d.SubEnvironments++
			d.SubEnvironmentsStatus = model.WorseDeploymentStatus(d.SubEnvironmentsStatus, c.Status)
		} else {
			d.SubServices++
			d.SubServicesStatus = model.WorseDeploymentStatus(d.SubServicesStatus, c.Status)
		}
	}
	var latest model.ExecutionStatus
	if d.LatestExecution != "" {
		x, err := tx.Execution(d.LatestExecution)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return false, err
		}
		if x != nil {
			latest = x.Status
		}
	}
	d.Status = status(d, latest)
	if before.SubServices == d.SubServices && before.SubEnvironments == d.SubEnvironments && before.Status == d.Status &&
		before.SubServicesStatus == d.SubServicesStatus && before.SubEnvironmentsStatus == d.SubEnvironmentsStatus {
		return false, nil
	}
	return true, tx.UpdateDeployment(d)
}

// consume makes the consumer labels of a deployment those of who depends on it and of its children (rest-model, 5).
func consume(tx store.Tx, env Env, t model.TenantName, id model.DeploymentID) error {
	if id == "" {
		return nil
	}
	d, err := tx.Deployment(t, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.Tenant != t {
		return nil
	}
	consumers, err := consumers(tx, d)
	if err != nil {
		return err
	}
	var labels []model.Label
	isChanged := false
	for _, l := range d.Labels {
		if l.Key != model.LabelConsumer {
			labels = append(labels, l)
			continue
		}
		if at := slices.Index(consumers, model.DeploymentID(l.Value)); at >= 0 {
			labels, consumers = append(labels, l), slices.Delete(consumers, at, at+1)
			continue
		}
		isChanged = true
	}
	for _, c := range consumers {
		isChanged = true
		labels = append(labels, model.Label{Key: model.LabelConsumer, Value: string(c), CreatedAt: env.Now, CreatedBy: d.CreatedBy})
	}
	if !isChanged {
		return nil
	}
	d.Labels = labels
	return tx.UpdateDeployment(d)
}

// consumers are who depends on a deployment, components of others excepted, and its children.
func consumers(tx store.Reader, d *model.Deployment) ([]model.DeploymentID, error) {
	var out []model.DeploymentID
	add := func(id model.DeploymentID) {
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	children, err := tx.Children(d.Tenant, d.ID)
	if err != nil {
		return nil, err
	}
	for _, c := range children {
		add(c.ID)
	}
	list, err := On(tx, d.Tenant, d.ID)
	for _, o := range list {
		if o.Type() != model.CreatorComponent {
			add(o.Source)
		}
	}
	return out, err
}

// Leave removes a deployment and brings those up to date that it was in or depended on.
func Leave(tx store.Tx, env Env, t model.TenantName, id model.DeploymentID) error {
	d, err := tx.Deployment(t, id)
	if err != nil {
		return err
	}
	list, err := Of(tx, t, id)
	if err != nil {
		return err
	}
	if err := tx.DeleteDeployment(t, id); err != nil {
		return err
	}
	for _, o := range list {
		if err := consume(tx, env, t, o.Target); err != nil {
			return err
		}
	}
	return Adopt(tx, env, t, model.Parents(d.Labels))
}
