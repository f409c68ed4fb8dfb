package planning

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Versions say what a plan read: digests of what only an update changes, and the version of every node instance.
type Versions struct {
	Deployment string                           `json:"deployment"`
	Nodes      string                           `json:"nodes"`
	Blueprint  string                           `json:"blueprint"`
	Instances  map[model.InstanceID]VersionOfID `json:"instances"`
	// Modifications are the started ones.
	Modifications []model.ModificationID `json:"modifications,omitempty"`
}

// VersionOfID is the version and the state of a node instance.
type VersionOfID struct {
	Version int                 `json:"version"`
	State   model.InstanceState `json:"state"`
}

// digest is a hash of values as they are stored.
func digest(values ...any) (string, error) {
	h := sha256.New()
	for _, v := range values {
		data, err := model.EncodeJSON(v)
		if err != nil {
			return "", fmt.Errorf("compute a digest: %w", err)
		}
		h.Write(data)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// versions reads what a plan of the request depends on.
func versions(tx store.Reader, t model.TenantName, r Request) (v Versions, err error) {
	d, err := tx.Deployment(t, r.Deployment)
	if err != nil {
		return v, err
	}
	if v.Deployment, err = digest(d.CreatedAt, d.Blueprint, d.Inputs, d.Workflows, d.ScalingGroups, d.RuntimeOnlyEvaluation, d.Capabilities); err != nil {
		return v, err
	}
	nodes, err := tx.DeploymentNodes(d.Tenant, d.ID)
	if err != nil {
		return v, err
	}
	if v.Nodes, err = digest(nodes); err != nil {
		return v, err
	}
	name := d.Blueprint
	if r.Update != nil && r.Update.Blueprint != "" {
		name = r.Update.Blueprint
	}
	b, err := tx.Blueprint(t, name)
	if err != nil {
		return v, err
	}
	if v.Blueprint, err = digest(b.ID, string(b.Plan)); err != nil {
		return v, err
	}
	instances, err := tx.DeploymentInstances(d.Tenant, d.ID)
	if err != nil {
		return v, err
	}
	v.Instances = make(map[model.InstanceID]VersionOfID, len(instances))
	for _, i := range instances {
		v.Instances[i.ID] = VersionOfID{i.Version, i.State}
	}
	p, err := tx.Modifications(store.Query{Scope: store.Scope{Tenants: []model.TenantName{d.Tenant}, Admin: true}, Limit: -1, Light: true,
		Where: []store.Condition{{Field: "deployment_id", Values: []string{string(d.ID)}}, {Field: "status", Values: []string{string(model.ModificationStarted)}}}})
	for _, m := range p.Items {
		v.Modifications = append(v.Modifications, m.ID)
	}
	return v, err
}

// named is how many changed instances a refusal names.
const named = 5

// changed says what is different now, empty when nothing is.
func (v Versions) changed(now Versions) string {
	var texts []string
	for _, c := range []struct{ what, was, is string }{
		{"its blueprint, inputs, workflows or scaling groups changed", v.Deployment, now.Deployment},
		{"its nodes changed", v.Nodes, now.Nodes},
		{"the blueprint changed", v.Blueprint, now.Blueprint},
	} {
		if c.was != c.is {
			texts = append(texts, c.what)
		}
	}
	if !slices.Equal(v.Modifications, now.Modifications) {
		texts = append(texts, "another modification was started or ended")
	}
	var changes []string
	for id, was := range v.Instances {
		is, ok := now.Instances[id]
		switch {
		case !ok:
			changes = append(changes, fmt.Sprintf("node instance %s is gone", id))
		case is != was:
			changes = append(changes, fmt.Sprintf("node instance %s was %s (version %d) and is %s (version %d)", id, was.State, was.Version, is.State, is.Version))
		}
	}
	for id := range now.Instances {
		if _, ok := v.Instances[id]; !ok {
			changes = append(changes, fmt.Sprintf("node instance %s is new", id))
		}
	}
	slices.Sort(changes)
	if len(changes) > named {
		changes = append(changes[:named], fmt.Sprintf("%d more instances changed", len(changes)-named))
	}
	return strings.Join(append(texts, changes...), "; ")
}

// sign computes the signature of a plan under the installation's key.
func (s *Service) sign(p *Plan) (string, error) {
	unsigned := *p
	unsigned.Signature = ""
	data, err := model.EncodeJSON(unsigned)
	if err != nil {
		return "", fmt.Errorf("sign a plan: %w", err)
	}
	// What is read back from a file has the same text, whatever the types of the values in memory are.
	var read any
	if err := model.DecodeJSON(data, &read); err != nil {
		return "", fmt.Errorf("sign a plan: %w", err)
	}
	if data, err = model.EncodeJSON(read); err != nil {
		return "", fmt.Errorf("sign a plan: %w", err)
	}
	h := hmac.New(sha256.New, append([]byte("plan\x00"), s.Key...))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)), nil
}
