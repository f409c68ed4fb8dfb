package catalog

import (
	"context"
	"strconv"
	"strings"

	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
	"github.com/reifyhq/reify/internal/store"
)

// ParseLocation reads "latitude,longitude"; "" is no location.
func ParseLocation(text string) (*model.Location, error) {
	if text == "" {
		return nil, nil
	}
	first, second, ok := strings.Cut(text, ",")
	latitude, errLat := strconv.ParseFloat(strings.TrimSpace(first), 64)
	longitude, errLong := strconv.ParseFloat(strings.TrimSpace(second), 64)
	if !ok || errLat != nil || errLong != nil {
		return nil, fault.New(fault.BadParameters, "Invalid location `%s`, the format is expected to be \"latitude,longitude\" such as "+
			"\"32.071072,34.787274\"", text)
	}
	if !(latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180) {
		return nil, fault.New(fault.BadParameters, "Invalid location `%s`. The latitude must be a number between -90 and 90 and the "+
			"longitude between -180 and 180", text)
	}
	return &model.Location{Latitude: latitude, Longitude: longitude}, nil
}

// Sites lists sites.
func (s *Service) Sites(ctx context.Context, a *service.Actor, q service.Query, all bool) (service.Page[*model.Site], error) {
	return list(ctx, s, a, "site_list", q, all, store.Reader.Sites)
}

func visibleSite(tx store.Reader, a *service.Actor, name model.SiteName) (*model.Site, error) {
	site, err := tx.Site(a.Tenant, name)
	if err == nil && !a.Sees(site.Resource) {
		return nil, fault.Missing("Site", string(name))
	}
	return site, err
}

// Site returns a site.
func (s *Service) Site(ctx context.Context, a *service.Actor, name model.SiteName) (site *model.Site, err error) {
	if err := a.RequireTenant("site_get"); err != nil {
		return nil, err
	}
	err = s.Store.View(ctx, func(tx store.Reader) error {
		site, err = visibleSite(tx, a, name)
		return err
	})
	return site, err
}

// CreateSite stores a site.
func (s *Service) CreateSite(ctx context.Context, a *service.Actor, name model.SiteName, location string, v model.Visibility) (*model.Site, error) {
	if err := a.RequireTenant("site_create"); err != nil {
		return nil, err
	}
	if err := service.CheckID("name", string(name)); err != nil {
		return nil, err
	}
	at, err := ParseLocation(location)
	if err != nil {
		return nil, err
	}
	r, err := s.NewResource(a, v)
	if err != nil {
		return nil, err
	}
	site := &model.Site{Resource: r, Name: name, Location: at}
	return site, s.Store.Update(ctx, func(tx store.Tx) error { return tx.InsertSite(site) })
}

// SiteChange changes a site; a nil location stays, an empty one is cleared.
type SiteChange struct {
	Location   *string
	NewName    model.SiteName
	Visibility model.Visibility
}

// UpdateSite changes a site.
func (s *Service) UpdateSite(ctx context.Context, a *service.Actor, name model.SiteName, c SiteChange) (site *model.Site, err error) {
	if err := a.RequireTenant("site_update"); err != nil {
		return nil, err
	}
	if c.NewName != "" {
		if err := service.CheckID("new_name", string(c.NewName)); err != nil {
			return nil, err
		}
	}
	var at *model.Location
	if c.Location != nil {
		if at, err = ParseLocation(*c.Location); err != nil {
			return nil, err
		}
	}
	err = s.Store.Update(ctx, func(tx store.Tx) error {
		if site, err = visibleSite(tx, a, name); err != nil {
			return err
		}
		if err := service.Foreign(a, site.Resource, string(name)); err != nil {
			return err
		}
		if c.Location != nil {
			site.Location = at
		}
		if c.Visibility != "" {
			if err := service.Widen(a, &site.Resource, string(name), c.Visibility); err != nil {
				return err
			}
		}
		if c.NewName != "" {
			site.Name = c.NewName
		}
		err := tx.UpdateSite(name, site)
		if fault.Is(err, fault.Conflict) && c.NewName != "" {
			return fault.Wrap(err, fault.Conflict, "Invalid new name `%s`, it already exists on <Tenant name=`%s`> or with global visibility",
				c.NewName, a.Tenant)
		}
		return err
	})
	return site, err
}

// DeleteSite removes a site; its deployments stay without one.
func (s *Service) DeleteSite(ctx context.Context, a *service.Actor, name model.SiteName) error {
	if err := a.RequireTenant("site_delete"); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		site, err := visibleSite(tx, a, name)
		if err != nil {
			return err
		}
		if err := service.Foreign(a, site.Resource, string(name)); err != nil {
			return err
		}
		return tx.DeleteSite(a.Tenant, name)
	})
}
