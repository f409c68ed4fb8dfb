package workflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/reifyhq/reify/internal/model"
)

// The stages of a scale.
const (
	scaleAborting    = "aborting"
	scaleAborted     = "aborted"
	scaleReady       = "ready"
	scaleStarting    = "starting"
	scaleWorking     = "working"
	scaleUndoing     = "undoing"
	scaleRolledBack  = "rolled-back"
	scaleFailedOpen  = "failed-open"
	scaleDone        = "done"
	nothingToScale   = "delta parameter is 0, so no scaling will take place."
	scaleUninstall   = "_uninstall"
	scaleInstall     = "_install"
	scaleAbortPrefix = "_abort"
)

// scaleCursor is what scale keeps between its phases.
type scaleCursor struct {
	Stage string `json:"stage"`
	// Entity is the node or group that is scaled, Target its wanted count.
	Entity       string        `json:"entity,omitempty"`
	Target       int           `json:"target,omitempty"`
	IsOut        bool          `json:"is_out,omitempty"`
	Modification *Modification `json:"modification,omitempty"`
	Aborted      int           `json:"aborted,omitempty"`
	// Failure is why the execution will fail after everything is undone.
	Failure *Failure `json:"failure,omitempty"`
}

// scaleRequest is what the user asked for.
type scaleRequest struct {
	name             string
	delta            int
	isCompute        bool
	include, exclude []string
}

// scaleEntity scales a node or a scaling group (workflows, section 11).
//
// Unlike the reference a failed scale-out uninstalls everything it added before the model is rolled back, so that
// nothing started is forgotten (workflows, section 16, 2).
func scaleEntity(s *State) (*Phase, error) {
	return scale(s, s.text("scalable_entity_name"), s.flag("scale_compute"))
}

// scaleNode is the old form of scale, for nodes only.
func scaleNode(s *State) (*Phase, error) {
	return scale(s, s.text("node_id"), s.flagOr("scale_compute", true))
}

func scale(s *State, name string, isCompute bool) (*Phase, error) {
	var c scaleCursor
	if len(s.Cursor) > 0 {
		if err := json.Unmarshal(s.Cursor, &c); err != nil {
			return nil, fmt.Errorf("scale: read the cursor: %w", err)
		}
	}
	switch c.Stage {
	case "":
		delta, err := scaleDelta(s)
		if err != nil {
			return nil, err
		}
		return scaleBegin(s, scaleRequest{
			name: name, delta: delta, isCompute: isCompute,
			include: s.list("include_instances"), exclude: s.list("exclude_instances"),
		})
	case scaleAborting, scaleAborted, scaleReady:
		if s.Failure != nil || s.Cancelled {
			return nil, asError(s.Failure)
		}
		return scalePrepare(s, c)
	case scaleStarting:
		return scaleWork(s, c)
	case scaleWorking:
		return scaleWorked(s, c)
	case scaleUndoing:
		return scaleRollback(c, nil)
	case scaleRolledBack, scaleFailedOpen:
		return nil, asError(c.Failure)
	}
	return nil, asError(s.Failure)
}

// asError is a failure as an error; no failure is no error.
func asError(f *Failure) error {
	if f == nil {
		return nil
	}
	return f
}

func scaleDelta(s *State) (int, error) {
	v, given := s.Parameters["delta"]
	if !given {
		return 1, nil
	}
	delta, err := asInt(v)
	if err != nil {
		return 0, fmt.Errorf("The delta parameter must be a number. Got: %s", textOf(v)) //nolint:staticcheck // the text of the reference
	}
	return delta, nil
}

// scaleBegin checks the request; nothing is changed before it is known to be right.
func scaleBegin(s *State, req scaleRequest) (*Phase, error) {
	if req.delta == 0 {
		return scaleMark(scaleCursor{Stage: scaleDone}, LogLine{Level: "info", Message: nothingToScale}), nil
	}
	c, err := req.resolve(newView(s.Model))
	if err != nil {
		return nil, err
	}
	c.Stage = scaleReady
	if s.flag("abort_started") && len(s.Model.Modifications) > 0 {
		c.Stage = scaleAborted
	}
	return scalePrepare(s, c)
}

// scaleMark is a phase that does nothing but log and remember.
func scaleMark(c scaleCursor, logs ...LogLine) *Phase {
	return &Phase{Graph: &Graph{Name: "scale_" + c.Stage}, Cursor: rawJSON(c), Logs: logs}
}

// scalePrepare undoes the modifications that are to be aborted, one after the other, and then starts the new one.
func scalePrepare(s *State, c scaleCursor) (*Phase, error) {
	mods := s.Model.Modifications
	switch {
	case c.Stage == scaleAborting:
		ph := changePhase(ChangeModificationRollback, ModificationArgs{ID: c.Modification.ID}, nil)
		c.Stage, c.Modification = scaleAborted, nil
		ph.Cursor = rawJSON(c)
		return ph, nil
	case c.Stage == scaleAborted && len(mods) > 0:
		m := mods[0]
		c.Stage, c.Modification = scaleAborting, &m
		c.Aborted++
		return scaleGraph(s, c, fmt.Sprintf("%s%d", c.Entity+scaleAbortPrefix, c.Aborted), m.Added, m.AddedRelated, false)
	case s.Resume && len(mods) == 1:
		c.Modification = &mods[0]
		return scaleWork(s, c)
	}
	c.Stage = scaleStarting
	wanted := ModifiedNode{Instances: c.Target, Exclude: s.list("exclude_instances"), Include: s.list("include_instances")}
	return changePhase(ChangeModificationStart, ModificationStartArgs{
		Nodes: map[string]ModifiedNode{c.Entity: wanted},
	}, rawJSON(c)), nil
}

// scaleGraph installs or uninstalls instances; the related ones are only connected or disconnected.
func scaleGraph(s *State, c scaleCursor, name string, ids, related []model.InstanceID, isInstall bool) (*Phase, error) {
	ph, err := graphPhase(s, name, "", func(b *builder) {
		w := work{instances: b.view.pick(ids), ignoreFailure: s.flag("ignore_failure")}
		chosen := setOf(w.instances)
		w.related, _ = partition(b.view.pick(related), func(i *model.NodeInstance) bool { return !chosen[i.ID] })
		if isInstall {
			b.install(w)
		} else {
			b.uninstall(w)
		}
	})
	if err != nil {
		return nil, err
	}
	ph.Cursor = rawJSON(c)
	return ph, nil
}

// pick finds instances by id, in the order of the snapshot.
func (v *view) pick(ids []model.InstanceID) []*model.NodeInstance {
	set := setOfIDs(ids)
	chosen, _ := partition(v.snap.Instances, func(i *model.NodeInstance) bool { return set[i.ID] })
	return chosen
}

// scaleWork installs what the modification added, or uninstalls what it removes.
func scaleWork(s *State, c scaleCursor) (*Phase, error) {
	if s.Failure != nil || s.Cancelled && c.Modification == nil && len(s.Result) == 0 {
		return nil, asError(s.Failure)
	}
	if c.Modification == nil && len(s.Result) == 0 && len(s.Model.Modifications) == 1 {
		c.Modification = &s.Model.Modifications[0]
	}
	if c.Modification == nil {
		c.Modification = &Modification{}
		if err := json.Unmarshal(s.Result, c.Modification); err != nil {
			return nil, fmt.Errorf("scale: read the started modification: %w", err)
		}
	}
	m := c.Modification
	if s.Cancelled {
		return scaleRollback(c, nil)
	}
	c.Stage = scaleWorking
	name, ids, related := c.Entity+scaleInstall, m.Added, m.AddedRelated
	if !c.IsOut {
		name, ids, related = c.Entity+scaleUninstall, m.Removed, m.RemovedRelated
	}
	ph, err := scaleGraph(s, c, name, ids, related, c.IsOut)
	if err != nil {
		return nil, err
	}
	ph.Logs = append(ph.Logs, LogLine{
		Level: "info", Message: fmt.Sprintf("Deployment modification started. [modification_id=%s]", m.ID),
	})
	return ph, nil
}

// scaleWorked decides what follows from the end of the work.
func scaleWorked(s *State, c scaleCursor) (*Phase, error) {
	isRolledBack := s.flagOr("rollback_if_failed", true)
	m := c.Modification
	switch {
	case s.Failure == nil && !s.Cancelled:
		c.Stage = scaleDone
		return changePhase(ChangeModificationFinish, ModificationArgs{ID: m.ID}, rawJSON(c)), nil
	case s.Cancelled && isRolledBack:
		return scaleRollback(c, nil)
	case s.Cancelled:
		return nil, nil
	}
	c.Failure = s.Failure
	switch {
	case !isRolledBack && c.IsOut:
		c.Stage = scaleFailedOpen
		return scaleMark(c, LogLine{Level: "error", Message: "Scale out failed."}), nil
	case !isRolledBack:
		return nil, s.Failure
	case !c.IsOut:
		return scaleRollback(c, nil)
	}
	c.Stage = scaleUndoing
	ph, err := scaleGraph(s, c, c.Entity+"_rollback", m.Added, m.AddedRelated, false)
	if err != nil {
		return nil, err
	}
	ph.Logs = append(ph.Logs, LogLine{Level: "error", Message: "Scale out failed, scaling back in."})
	return ph, nil
}

// scaleRollback brings the model back.
func scaleRollback(c scaleCursor, logs []LogLine) (*Phase, error) {
	id := c.Modification.ID
	c.Stage = scaleRolledBack
	ph := changePhase(ChangeModificationRollback, ModificationArgs{ID: id}, rawJSON(c))
	ph.Logs = append(logs, LogLine{
		Level: "warning", Message: fmt.Sprintf("Rolling back deployment modification. [modification_id=%s]", id),
	})
	return ph, nil
}

// resolve finds what is scaled and to how many instances, or says why the request is wrong (workflows, section 11).
func (q scaleRequest) resolve(v *view) (scaleCursor, error) {
	if q.delta > 0 && len(q.include)+len(q.exclude) > 0 {
		return scaleCursor{}, errors.New("Instances cannot be included or excluded when scaling up.") //nolint:staticcheck // the text of the reference
	}
	c := scaleCursor{Entity: q.name, IsOut: q.delta > 0}
	current := 0
	group, isGroup := v.snap.ScalingGroups[q.name]
	if isGroup {
		current = group.Properties.Current
	} else {
		n := v.nodes[model.NodeID(q.name)]
		if n == nil {
			return c, fmt.Errorf("No scalable entity named %s was found", q.name) //nolint:staticcheck // the text of the reference
		}
		if host := v.nodes[n.HostID]; q.isCompute && host != nil {
			n = host
		}
		c.Entity, current = string(n.ID), n.Number
	}
	c.Target = current + q.delta
	var problems string
	switch {
	case len(q.include)+len(q.exclude) == 0:
	case isGroup:
		problems = q.groupProblems(v, c.Target)
	default:
		problems = q.nodeProblems(v, c)
	}
	if problems != "" {
		return c, errors.New(problems)
	}
	if c.Target < 0 {
		return c, fmt.Errorf("Provided delta: %d is illegal. current number of instances of entity %s is %d", //nolint:staticcheck // the text of the reference
			q.delta, q.name, current)
	}
	return c, nil
}

// commonProblems are those about the lists themselves.
func (q scaleRequest) commonProblems(known map[string]bool) string {
	unknown := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return known[id] })
	}
	var b strings.Builder
	if u := unknown(q.include); len(u) > 0 {
		fmt.Fprintf(&b, "The following included instances did not exist: %s. ", strings.Join(u, ", "))
	}
	if u := unknown(q.exclude); len(u) > 0 {
		fmt.Fprintf(&b, "The following excluded instances did not exist: %s. ", strings.Join(u, ", "))
	}
	both := slices.DeleteFunc(slices.Clone(q.include), func(id string) bool { return !slices.Contains(q.exclude, id) })
	if len(both) > 0 {
		fmt.Fprintf(&b, "The following instances were both excluded and included: %s. ", strings.Join(both, ", "))
	}
	return b.String()
}

// groupProblems checks the lists against the instances of a scaling group.
func (q scaleRequest) groupProblems(v *view, target int) string {
	members := make(map[string][]string)
	known := make(map[string]bool)
	groupOf := make(map[string]string)
	for _, i := range v.snap.Instances {
		for _, g := range i.ScalingGroups {
			if g.Name == q.name {
				members[g.ID] = append(members[g.ID], string(i.ID))
				known[string(i.ID)], known[g.ID] = true, true
				groupOf[string(i.ID)], groupOf[g.ID] = g.ID, g.ID
			}
		}
	}
	text := q.commonProblems(known)
	excluded := make(map[string]bool)
	for _, id := range q.exclude {
		if g, ok := groupOf[id]; ok {
			excluded[g] = true
		}
	}
	if target < len(excluded) {
		text += fmt.Sprintf("Instances from too many different groups were excluded. Target number of group instances was "+
			"%d, but %d excluded groups.", target, len(excluded))
	}
	if text == "" {
		return ""
	}
	var groups []string
	for _, g := range slices.Sorted(maps.Keys(members)) {
		slices.Sort(members[g])
		groups = append(groups, g+": "+strings.Join(members[g], ", "))
	}
	return text + "Groups and member instances were: " + strings.Join(groups, "; ")
}

// nodeProblems checks the lists against the instances of a node.
func (q scaleRequest) nodeProblems(v *view, c scaleCursor) string {
	known := make(map[string]bool)
	for _, i := range v.snap.Instances {
		if string(i.Node) == c.Entity {
			known[string(i.ID)] = true
		}
	}
	text := q.commonProblems(known)
	if c.Target < len(q.exclude) {
		text += fmt.Sprintf("Target number of instances is less than excluded instance count. Target number of instances "+
			"was %d. Excluded instances were: %s. ", c.Target, strings.Join(q.exclude, ", "))
	}
	if q.isCompute && len(q.include)+len(q.exclude) > 0 {
		text += "Cannot include or exclude instances while scale_compute is True. Please specify the desired compute " +
			"instances and set scale_compute to False. "
	}
	if text == "" {
		return ""
	}
	return text + "Available instances were: " + strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}
