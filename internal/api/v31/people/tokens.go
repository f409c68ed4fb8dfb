package people

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/auth"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/model"
	"github.com/reifyhq/reify/internal/service"
)

func tokenRecord(t *model.Token, value, role string) api.Record {
	return api.Record{
		{Name: "id", Value: t.ID}, {Name: "username", Value: t.User}, {Name: "value", Value: value}, {Name: "role", Value: role},
		{Name: "expiration_date", Value: api.Instant(t.ExpiresAt)}, {Name: "last_used", Value: api.Instant(t.LastUsedAt)},
		{Name: "description", Value: api.Text(t.Description)},
	}
}

func masked(t *model.Token) string { return auth.FormatToken(t.ID, "********") }

// CreateToken answers POST /tokens.
func (a *API) CreateToken(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	description, err := body.Text("description")
	if err != nil {
		return err
	}
	text, err := body.Text("expiration_date")
	if err != nil {
		return err
	}
	expires, err := parseExpiry(text, a.svc.Clock.Now())
	if err != nil {
		return err
	}
	t, err := a.svc.CreateToken(r.Context(), actor, description, expires)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, tokenRecord(t.Token, t.Value, actor.User.Role))
	return nil
}

// expiryUnits are the units of relative expiry dates, longest name first where one begins another.
var expiryUnits = []struct {
	name string
	unit time.Duration
}{
	{"s", time.Second}, {"sec", time.Second}, {"second", time.Second}, {"min", time.Minute}, {"minute", time.Minute},
	{"h", time.Hour}, {"hour", time.Hour}, {"d", 24 * time.Hour}, {"day", 24 * time.Hour}, {"w", 7 * 24 * time.Hour},
	{"week", 7 * 24 * time.Hour}, {"mo", 30 * 24 * time.Hour}, {"month", 30 * 24 * time.Hour}, {"y", 365 * 24 * time.Hour},
	{"year", 365 * 24 * time.Hour},
}

// parseExpiry reads "+10h" or "YYYY-MM-DD HH:MM"; "" is no expiry.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	bad := fault.New(fault.BadParameters, "%q is not an expiration date; write +<number><unit> such as +10h, or YYYY-MM-DD HH:MM", text)
	rel, isRelative := strings.CutPrefix(text, "+")
	if !isRelative {
		t, err := api.ParseInstant(text)
		if err != nil {
			return t, bad
		}
		return t, nil
	}
	digits := strings.TrimRightFunc(rel, func(r rune) bool { return r < '0' || r > '9' })
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > 1_000_000 {
		return time.Time{}, bad
	}
	name := strings.TrimSpace(rel[len(digits):])
	for _, u := range expiryUnits {
		if name == u.name || name == u.name+"s" {
			return now.Add(time.Duration(n) * u.unit), nil
		}
	}
	return time.Time{}, bad
}

// ListTokens answers GET /tokens.
func (a *API) ListTokens(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	l, err := api.ParseList(r, api.ListSpec{Blank: tokenRecord(&model.Token{}, "", "")})
	if err != nil {
		return err
	}
	tokens, err := a.svc.Tokens(r.Context(), actor)
	if err != nil {
		return err
	}
	var items []api.Record
	for i, t := range tokens {
		if i < l.Offset || l.Query.Limit >= 0 && len(items) == l.Query.Limit {
			continue
		}
		role, err := a.svc.UserRole(r.Context(), t.User)
		if err != nil {
			return err
		}
		items = append(items, tokenRecord(t, masked(t), role))
	}
	return l.Write(w, items, len(tokens))
}

// GetToken answers GET /tokens/{id}.
func (a *API) GetToken(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	t, err := a.svc.Token(r.Context(), actor, model.TokenID(api.Param(r, "id")))
	if err != nil {
		return err
	}
	role, err := a.svc.UserRole(r.Context(), t.User)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, tokenRecord(t, masked(t), role))
	return nil
}

// DeleteToken answers DELETE /tokens/{id}.
func (a *API) DeleteToken(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := a.svc.DeleteToken(r.Context(), actor, model.TokenID(api.Param(r, "id"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
