package people

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// maxPassword is the greatest length of a password (rest-model, section 10).
const maxPassword = 256

func user(tx store.Reader, name model.UserName) (*model.User, error) {
	u, err := tx.User(name)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Requested `User` was not found (filters: {'username': '%s'})", name)
	}
	return u, err
}

func checkPassword(password string) error {
	switch {
	case len(password) < service.MinPasswordLength:
		return fault.New(fault.BadParameters, "The password is too short. Minimum allowed length is %d characters", service.MinPasswordLength)
	case len(password) > maxPassword:
		return fault.New(fault.BadParameters, "The password is too long. Maximum allowed length is %d characters", maxPassword)
	}
	return nil
}

// Users lists users.
func (s *Service) Users(ctx context.Context, a *service.Actor, q service.Query) (p service.Page[*model.User], err error) {
	if err := a.Require("user_list"); err != nil {
		return p, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if p, err = tx.Users(q); err != nil {
			return err
		}
		return s.MarkLocked(tx, p.Items...)
	})
	return p, err
}

// User returns a user.
func (s *Service) User(ctx context.Context, a *service.Actor, name model.UserName) (u *model.User, err error) {
	if err := a.Require("user_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		if u, err = user(tx, name); err != nil {
			return err
		}
		return s.MarkLocked(tx, u)
	})
	return u, err
}

// NewUser is a request to create a user. With IsHash set the password is already in its stored form.
type NewUser struct {
	Name     model.UserName
	Password string
	Role     string
	IsHash   bool
	// CreatedAt, when set, is kept; it needs set_timestamp.
	CreatedAt time.Time
}

// CreateUser makes an active user without tenants.
func (s *Service) CreateUser(ctx context.Context, a *service.Actor, n NewUser) (*model.User, error) {
	if err := a.Require("user_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("username", string(n.Name)); err != nil {
		return nil, err
	}
	if n.Role == "" {
		n.Role = auth.RoleDefault
	}
	if err := checkRole(n.Role, "system_role"); err != nil {
		return nil, err
	}
	u := &model.User{Name: n.Name, PasswordHash: n.Password, Role: n.Role, Active: true, CreatedAt: n.CreatedAt, ShowGettingStarted: true}
	if u.CreatedAt.IsZero() {
		u.CreatedAt = s.Clock.Now()
	} else if err := a.Require("set_timestamp"); err != nil {
		return nil, err
	}
	if !n.IsHash {
		if err := checkPassword(n.Password); err != nil {
			return nil, err
		}
		u.PasswordHash = service.HashPassword(n.Password)
	}
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.User(u.Name)
		if err == nil {
			return fault.New(fault.Conflict, "<User username=`%s`> already exists", u.Name)
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		return tx.PutUser(u)
	})
	return u, err
}

// UserChange sets exactly one thing of a user.
type UserChange struct {
	Password, Role     *string
	ShowGettingStarted *bool
}

// UpdateUser changes a user; nobody needs permission for an own password.
func (s *Service) UpdateUser(ctx context.Context, a *service.Actor, name model.UserName, c UserChange) (*model.User, error) {
	var given []string
	if c.Password != nil {
		given = append(given, "`password`")
	}
	if c.Role != nil {
		given = append(given, "`role`")
	}
	if c.ShowGettingStarted != nil {
		given = append(given, "`show_getting_started`")
	}
	own := c.Password != nil && strings.EqualFold(string(name), string(a.User.Name))
	if err := a.Require("user_update"); err != nil && !own {
		return nil, err
	}
	switch len(given) {
	case 0:
		return nil, fault.New(fault.BadParameters, "No valid user settings provided. Available settings: password, role, show_getting_started")
	case 1:
	default:
		return nil, fault.New(fault.BadParameters, "Both %s provided", strings.Join(given, " and "))
	}
	if c.Role != nil {
		if err := checkRole(*c.Role, "system_role"); err != nil {
			return nil, err
		}
	}
	hash := ""
	if c.Password != nil {
		if err := checkPassword(*c.Password); err != nil {
			return nil, err
		}
		hash = service.HashPassword(*c.Password)
	}
	return s.change(ctx, name, func(u *model.User) error {
		switch {
		case hash != "":
			u.PasswordHash, u.FailedLogins = hash, 0
		case c.Role != nil:
			u.Role = *c.Role
		default:
			u.ShowGettingStarted = *c.ShowGettingStarted
		}
		return nil
	})
}

func (s *Service) change(ctx context.Context, name model.UserName, fn func(*model.User) error) (u *model.User, err error) {
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if u, err = user(tx, name); err != nil {
			return err
		}
		if err := fn(u); err != nil {
			return err
		}
		return tx.PutUser(u)
	})
	return u, err
}

// SetActive lets a user log in, or not any more. Who is the administrator of the first start stays active.
func (s *Service) SetActive(ctx context.Context, a *service.Actor, name model.UserName, active bool) (*model.User, error) {
	if err := a.Require("user_set_activated"); err != nil {
		return nil, err
	}
	return s.change(ctx, name, func(u *model.User) error {
		if u.IsBootstrap && !active {
			return fault.New(fault.IllegalAction, "The bootstrap admin user cannot be deactivated")
		}
		u.Active = active
		return nil
	})
}

// Unlock forgets the failed logins of a user.
func (s *Service) Unlock(ctx context.Context, a *service.Actor, name model.UserName) (*model.User, error) {
	if err := a.Require("user_unlock"); err != nil {
		return nil, err
	}
	return s.change(ctx, name, func(u *model.User) error {
		u.FailedLogins = 0
		return nil
	})
}

// DeleteUser removes a user with its tokens and memberships. What the user created stays.
func (s *Service) DeleteUser(ctx context.Context, a *service.Actor, name model.UserName) error {
	if err := a.Require("user_delete"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		u, err := user(tx, name)
		if err != nil {
			return err
		}
		if u.IsBootstrap || u.Name == a.User.Name {
			return fault.New(fault.IllegalAction, "User `%s` cannot be deleted: it is the administrator of this manager or yourself", u.Name)
		}
		return tx.DeleteUser(name)
	})
}

func group(tx store.Reader, name model.GroupName) (*model.Group, error) {
	g, err := tx.Group(name)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Requested `Group` was not found (filters: {'name': '%s'})", name)
	}
	return g, err
}

// Groups lists user groups.
func (s *Service) Groups(ctx context.Context, a *service.Actor, q service.Query) (p service.Page[*model.Group], err error) {
	if err := a.Require("user_group_list"); err != nil {
		return p, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		all, err := tx.Groups()
		p = page(all, q, func(g *model.Group) string { return string(g.Name) })
		return err
	})
	return p, err
}

// Group returns a user group.
func (s *Service) Group(ctx context.Context, a *service.Actor, name model.GroupName) (g *model.Group, err error) {
	if err := a.Require("user_group_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		g, err = group(tx, name)
		return err
	})
	return g, err
}

// CreateGroup makes a group without members.
func (s *Service) CreateGroup(ctx context.Context, a *service.Actor, g *model.Group) error {
	if err := a.Require("user_group_create"); err != nil {
		return err
	}
	if err := service.CheckID("group_name", string(g.Name)); err != nil {
		return err
	}
	if g.Role == "" {
		g.Role = auth.RoleDefault
	}
	if err := checkRole(g.Role, "system_role"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Group(g.Name)
		if err == nil {
			return fault.New(fault.Conflict, "<Group name=`%s`> already exists", g.Name)
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		return tx.PutGroup(g)
	})
}

// SetGroupRole changes the system role of a group.
func (s *Service) SetGroupRole(ctx context.Context, a *service.Actor, name model.GroupName, role string) (*model.Group, error) {
	if err := a.Require("user_group_update"); err != nil {
		return nil, err
	}
	if err := checkRole(role, "system_role"); err != nil {
		return nil, err
	}
	return s.changeGroup(ctx, name, func(_ store.Tx, g *model.Group) error {
		g.Role = role
		return nil
	})
}

func (s *Service) changeGroup(ctx context.Context, name model.GroupName, fn func(store.Tx, *model.Group) error) (g *model.Group, err error) {
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if g, err = group(tx, name); err != nil {
			return err
		}
		if err := fn(tx, g); err != nil {
			return err
		}
		return tx.PutGroup(g)
	})
	return g, err
}

// AddToGroup makes a user a member of a group.
func (s *Service) AddToGroup(ctx context.Context, a *service.Actor, name model.GroupName, who model.UserName) (*model.Group, error) {
	if err := a.Require("user_group_add_user"); err != nil {
		return nil, err
	}
	return s.changeGroup(ctx, name, func(tx store.Tx, g *model.Group) error {
		u, err := user(tx, who)
		if err != nil {
			return err
		}
		if slices.Contains(g.Users, u.Name) {
			return fault.New(fault.Conflict, "User `%s` is already associated with Group `%s`", u.Name, g.Name)
		}
		g.Users = append(g.Users, u.Name)
		return nil
	})
}

// RemoveFromGroup ends a membership.
func (s *Service) RemoveFromGroup(ctx context.Context, a *service.Actor, name model.GroupName, who model.UserName) error {
	if err := a.Require("user_group_remove_user"); err != nil {
		return err
	}
	_, err := s.changeGroup(ctx, name, func(tx store.Tx, g *model.Group) error {
		u, err := user(tx, who)
		if err != nil {
			return err
		}
		i := slices.Index(g.Users, u.Name)
		if i < 0 {
			return fault.New(fault.NotFound, "User `%s` is not associated with Group `%s`", u.Name, g.Name)
		}
		g.Users = slices.Delete(g.Users, i, i+1)
		return nil
	})
	return err
}

// DeleteGroup removes a group; its members stay.
func (s *Service) DeleteGroup(ctx context.Context, a *service.Actor, name model.GroupName) error {
	if err := a.Require("user_group_delete"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := group(tx, name); err != nil {
			return err
		}
		return tx.DeleteGroup(name)
	})
}
