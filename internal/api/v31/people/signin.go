package people

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/reifyhq/reify/internal/api"
	"github.com/reifyhq/reify/internal/directory"
	"github.com/reifyhq/reify/internal/fault"
	"github.com/reifyhq/reify/internal/service"
)

// IdentityProvider answers GET /idp.
func (a *API) IdentityProvider(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	names, err := a.signin.Providers(r.Context(), actor)
	if err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, names)
	return nil
}

// LDAPStatus answers GET /ldap.
func (a *API) LDAPStatus(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	isOn, err := a.signin.HasLDAP(r.Context(), actor)
	if err != nil {
		return err
	}
	status := "disabled"
	if isOn {
		status = "enabled"
	}
	api.WriteJSON(w, http.StatusOK, status)
	return nil
}

// SetLDAP takes the settings in the form of the original; numbers may be text.
func (a *API) SetLDAP(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := actor.Require("ldap_set"); err != nil {
		return err
	}
	body, err := api.ReadJSON(w, r, false)
	if err != nil {
		return err
	}
	if err := body.Need("ldap_server"); err != nil {
		return err
	}
	if text, ok := body["ldap_nested_levels"].(string); ok {
		if body["ldap_nested_levels"], err = strconv.Atoi(text); err != nil {
			return fault.New(fault.BadParameters, "ldap_nested_levels must be a number but is %q", text)
		}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var c directory.Config
	if err := json.Unmarshal(data, &c); err != nil {
		return fault.New(fault.BadParameters, "a LDAP setting has the wrong type: ldap_is_active_directory is a boolean, ldap_nested_levels "+
			"a number, all others are text")
	}
	if c, err = a.signin.SetLDAP(r.Context(), actor, c); err != nil {
		return err
	}
	api.WriteJSON(w, http.StatusOK, api.Record{
		{Name: "ldap_server", Value: c.Server}, {Name: "ldap_username", Value: api.Text(c.Username)}, {Name: "ldap_domain", Value: c.Domain},
		{Name: "ldap_is_active_directory", Value: c.IsActive}, {Name: "ldap_dn_extra", Value: c.DNExtra}, {Name: "ldap_base_dn", Value: c.BaseDN},
		{Name: "ldap_group_dn", Value: c.GroupDN}, {Name: "ldap_bind_format", Value: c.BindFormat}, {Name: "ldap_user_filter", Value: c.UserFilter},
		{Name: "ldap_group_member_filter", Value: c.GroupFilter}, {Name: "ldap_attribute_email", Value: c.Email},
		{Name: "ldap_attribute_first_name", Value: c.FirstName}, {Name: "ldap_attribute_last_name", Value: c.LastName},
		{Name: "ldap_attribute_uid", Value: c.UID}, {Name: "ldap_attribute_group_membership", Value: c.Membership},
		{Name: "ldap_nested_levels", Value: c.NestedLevels}, {Name: "ldap_ca_path", Value: ""},
	})
	return nil
}

// RemoveLDAP answers DELETE /ldap.
func (a *API) RemoveLDAP(w http.ResponseWriter, r *http.Request, actor *service.Actor) error {
	if err := a.signin.RemoveLDAP(r.Context(), actor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

const (
	// signInCookie holds the sealed state of a sign-in while the browser is at the issuer.
	signInCookie = "reify-sign-in"
	signInTime   = 10 * time.Minute
	// sessionTime is how long the token of a browser's sign-in is good, as that of the original's console.
	sessionTime = 10 * time.Hour
)

// BeginSignIn sends a browser to the issuer. The parameter return is the path of this manager to come back to.
func (a *API) BeginSignIn(w http.ResponseWriter, r *http.Request, _ *service.Actor) error {
	back := r.URL.Query().Get("return")
	// Anything but a path of this manager would let a link lead people elsewhere.
	if back != "" && (!strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, "\\\r\n\t")) {
		return fault.New(fault.BadParameters, "return must be a path of this manager")
	}
	to, state, err := a.signin.Begin(r.Context(), back)
	if err != nil {
		return err
	}
	setCookie(w, r, signInCookie, state, signInTime, http.SameSiteLaxMode)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusFound)
	return nil
}

// setCookie sets a cookie that goes to this manager only. Pages read only those that are strictly of this site: they send
// the token in a header, as the API wants it.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration, same http.SameSite) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: same != http.SameSiteStrictMode, Secure: r.TLS != nil, SameSite: same})
}

// EndSignIn makes a token for who signed in at the issuer: it is answered, or given as the cookie XSRF-TOKEN to a browser
// that goes on to a page.
func (a *API) EndSignIn(w http.ResponseWriter, r *http.Request, _ *service.Actor) error {
	q := r.URL.Query()
	if reason := q.Get("error"); reason != "" {
		return fault.New(fault.Unauthorized, "User unauthorized: the issuer refuses the sign-in: %.200q", reason)
	}
	cookie, err := r.Cookie(signInCookie)
	if err != nil {
		return fault.New(fault.Unauthorized, "User unauthorized: the sign-in was not begun in this browser; begin again")
	}
	u, back, err := a.signin.End(r.Context(), cookie.Value, q.Get("state"), q.Get("code"))
	if err != nil {
		return err
	}
	actor, err := a.svc.SignedIn(r.Context(), u)
	if err != nil {
		return err
	}
	t, err := a.svc.CreateToken(r.Context(), actor, "sign-in at the issuer", a.svc.Clock.Now().Add(sessionTime))
	if err != nil {
		return err
	}
	setCookie(w, r, signInCookie, "", -time.Second, http.SameSiteLaxMode)
	w.Header().Set("Cache-Control", "no-store")
	if back == "" {
		api.WriteJSON(w, http.StatusOK, tokenRecord(t.Token, t.Value, actor.User.Role))
		return nil
	}
	setCookie(w, r, "XSRF-TOKEN", t.Value, sessionTime, http.SameSiteStrictMode)
	http.Redirect(w, r, back, http.StatusFound)
	return nil
}
