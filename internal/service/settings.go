package service

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/store"
)

// Names of the installation's values that hold JSON documents.
const (
	settingsValue    = "settings"
	permissionsValue = "permissions"
)

func storedDocument(tx store.Reader, name string, v any) error {
	text, err := tx.Value(name)
	if err != nil || text == "" {
		return err
	}
	if err := model.DecodeJSON([]byte(text), v); err != nil {
		return fmt.Errorf("read the installation's %s: %w", name, err)
	}
	return nil
}

func storeDocument(tx store.Tx, name string, v any) error {
	data, err := model.EncodeJSON(v)
	if err != nil {
		return fmt.Errorf("write the installation's %s: %w", name, err)
	}
	return tx.SetValue(name, string(data))
}

func permissionChanges(tx store.Reader) (auth.Changes, error) {
	changes := auth.Changes{}
	err := storedDocument(tx, permissionsValue, &changes)
	return changes, err
}

// ChangePermission grants a permission to a role or takes it; it answers fault.Conflict or fault.NotFound when the role
// has it already or does not.
func (s *Service) ChangePermission(ctx context.Context, role, permission string, granted bool) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		changes, err := permissionChanges(tx)
		if err != nil {
			return err
		}
		switch has := changes.Has(role, permission); {
		case granted && has:
			return fault.New(fault.Conflict, "%s already has permission %s", role, permission)
		case !granted && !has:
			return fault.New(fault.NotFound, "%s does not have %s", role, permission)
		}
		changes.Set(role, permission, granted)
		return storeDocument(tx, permissionsValue, changes)
	})
}

// settingChange is a setting that is not as shipped.
type settingChange struct {
	Value     json.RawMessage `json:"value"`
	UpdatedAt time.Time       `json:"updated_at"`
	UpdatedBy model.UserName  `json:"updated_by"`
}

// SettingView is a setting with its value now.
type SettingView struct {
	model.Setting
	UpdatedAt time.Time
	UpdatedBy model.UserName
}

func settings(tx store.Reader) ([]*SettingView, error) {
	changes := map[string]settingChange{}
	if err := storedDocument(tx, settingsValue, &changes); err != nil {
		return nil, err
	}
	var out []*SettingView
	for _, d := range model.DefaultSettings() {
		v := &SettingView{Setting: d}
		if c, ok := changes[d.Scope+"."+d.Name]; ok {
			v.UpdatedAt, v.UpdatedBy = c.UpdatedAt, c.UpdatedBy
			if err := model.DecodeJSON(c.Value, &v.Value); err != nil {
				return nil, fmt.Errorf("read the setting %s: %w", d.Name, err)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// numberSetting is the value of a number that is named scope.name.
func numberSetting(tx store.Reader, name string) (float64, error) {
	all, err := settings(tx)
	if err != nil {
		return 0, err
	}
	for _, v := range all {
		if v.Scope+"."+v.Name == name {
			return v.Number()
		}
	}
	return 0, fmt.Errorf("there is no setting %s", name)
}

// Settings lists the settings of a scope, of all scopes when it is empty. Values for administrators are masked for others.
func (s *Service) Settings(ctx context.Context, a *Actor, scope string) (out []*SettingView, err error) {
	if err := a.Require("manager_config_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		all, err := settings(tx)
		for _, v := range all {
			if scope == "" || v.Scope == scope {
				out = append(out, v)
			}
		}
		return err
	})
	return out, err
}

// Setting finds a setting by its name, or by scope.name when several scopes have the name.
func (s *Service) Setting(ctx context.Context, a *Actor, name string) (*SettingView, error) {
	all, err := s.Settings(ctx, a, "")
	if err != nil {
		return nil, err
	}
	return pickSetting(all, name)
}

func pickSetting(all []*SettingView, name string) (*SettingView, error) {
	scope, short, scoped := strings.Cut(name, ".")
	if !scoped {
		scope, short = "", name
	}
	var found []*SettingView
	for _, v := range all {
		if v.Name == short && (scope == "" || v.Scope == scope) {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 0:
		return nil, fault.New(fault.NotFound, "%s", name)
	case 1:
		return found[0], nil
	}
	return nil, fault.New(fault.AmbiguousName, "Expected 1 value, but found %d", len(found))
}

// ChangeSetting sets a value that fits the setting's schema. One that is not editable needs force.
func (s *Service) ChangeSetting(ctx context.Context, a *Actor, name string, value any, force bool) (v *SettingView, err error) {
	if err := a.Require("manager_config_put"); err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		all, err := settings(tx)
		if err != nil {
			return err
		}
		if v, err = pickSetting(all, name); err != nil {
			return err
		}
		if !v.IsEditable && !force {
			return fault.New(fault.Conflict, "%s is not editable", v.Name)
		}
		value := v.Typed(value)
		if reason := v.Misfit(value); reason != "" {
			return fault.New(fault.Conflict, "Error validating %s: %s", v.Name, reason)
		}
		changes := map[string]settingChange{}
		if err := storedDocument(tx, settingsValue, &changes); err != nil {
			return err
		}
		data, err := model.EncodeJSON(value)
		if err != nil {
			return fmt.Errorf("write the setting %s: %w", v.Name, err)
		}
		v.Value, v.UpdatedAt, v.UpdatedBy = value, s.Clock.Now(), a.User.Name
		changes[v.Scope+"."+v.Name] = settingChange{Value: data, UpdatedAt: v.UpdatedAt, UpdatedBy: v.UpdatedBy}
		return storeDocument(tx, settingsValue, changes)
	})
	return v, err
}
