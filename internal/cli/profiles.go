package cli

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/profile"
	"github.com/reifyhq/reify/internal/cli/table"
)

func (a *app) profilesCommand() *cobra.Command {
	return noun("profiles", "Managers that this program knows", []string{"profile"}, a.profilesUse(),
		verb("list", "List profiles", 0, 0, a.profilesList),
		verb("show-current", "Show the profile in use", 0, 0, a.profilesShow),
		a.profilesSet(), a.profilesUnset(),
		verb("delete NAME", "Delete a profile", 1, 1, a.profilesDelete))
}

// profileFlags are the fields of a profile as options.
type profileFlags struct {
	username, password, token, certificate string
	skipCheck                              bool
}

func (f *profileFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.username, "manager-username", "u", "", "user name")
	flags.StringVarP(&f.password, "manager-password", "p", "", "password; - reads it from standard input (default: ask for it)")
	flags.StringVarP(&f.token, "manager-token", "k", "", "API token, instead of user name and password; - reads it from standard input")
	flags.StringVarP(&f.certificate, "rest-certificate", "c", "", "PEM file with the authorities to trust for https")
	flags.BoolVar(&f.skipCheck, "skip-credentials-validation", false, "do not ask the manager whether the credentials are right")
}

// apply lays what was given over p. User name and password replace a token and the other way round.
func (a *app) apply(p profile.Profile, f profileFlags) (profile.Profile, error) {
	password, err := a.secret(f.password)
	if err != nil {
		return p, err
	}
	token, err := a.secret(f.token)
	if err != nil {
		return p, err
	}
	if token != "" && (f.username != "" || password != "") {
		return p, exit.Usagef("a token and a user name exclude each other")
	}
	if f.username != "" && password == "" {
		if password, err = a.askPassword(f.username); err != nil {
			return p, err
		}
	}
	if f.certificate != "" {
		if p.Certificate, err = filepath.Abs(f.certificate); err != nil {
			return p, err
		}
	}
	if f.username != "" {
		p.Username, p.Token = f.username, ""
	}
	if password != "" {
		p.Password, p.Token = password, ""
	}
	if token != "" {
		p.Token, p.Username, p.Password = token, "", ""
	}
	if a.tenant != "" {
		p.Tenant = a.tenant
	}
	return p, nil
}

// check asks the manager whether it takes the credentials of p.
func (a *app) check(ctx context.Context, p profile.Profile) error {
	c, err := a.clientFor(p)
	if err != nil {
		return err
	}
	defer c.Close()
	if u, err := url.Parse(p.URL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		fmt.Fprintf(a.Stderr, "Warning: %s is not encrypted; everybody on the way can read the credentials.\n", p.URL)
	}
	_, err = c.GetStatus(ctx)
	return err
}

func (a *app) profilesUse() *cobra.Command {
	var f profileFlags
	var name, ssl string
	var port int
	cmd := verb("use MANAGER", "Use a manager from now on: the name of a profile, an address or a URL", 1, 1,
		func(ctx context.Context, args []string) error {
			store, err := a.profiles()
			if err != nil {
				return err
			}
			file, err := store.Load()
			if err != nil {
				return err
			}
			p, known := file.Profiles[args[0]]
			if !known {
				address, err := managerURL(args[0], ssl, port)
				if err != nil {
					return err
				}
				p = profile.Profile{Name: address.Hostname(), URL: address.String(), Tenant: "default_tenant"}
				if name != "" {
					p.Name = name
				}
				if old, ok := file.Profiles[p.Name]; ok && old.URL == p.URL {
					p = old
				}
			}
			if p, err = a.apply(p, f); err != nil {
				return err
			}
			if !f.skipCheck && (p.Token != "" || p.Username != "") {
				if err := a.check(ctx, p); err != nil {
					return err
				}
			}
			file.Profiles[p.Name], file.Current = p, p.Name
			if err := store.Save(file); err != nil {
				return err
			}
			a.say("Using manager %s (profile %s)", p.URL, p.Name)
			return nil
		})
	f.register(cmd)
	cmd.Flags().StringVar(&name, "profile-name", "", "name of the profile (default: the host name)")
	cmd.Flags().StringVar(&ssl, "ssl", "", "on or off: whether an address without scheme means https")
	cmd.Flags().IntVar(&port, "rest-port", 0, "port of an address without one")
	cmd.Example = "  reify profiles use http://127.0.0.1:53333 -u admin -p - < reify-data/admin-password"
	return cmd
}

// managerURL turns what the user typed into a URL. An address on this machine means http, any other https.
func managerURL(text, ssl string, port int) (*url.URL, error) {
	full := text
	if !strings.Contains(text, "://") {
		full = "//" + text
	}
	u, err := url.Parse(strings.TrimRight(full, "/"))
	if err != nil || u.Hostname() == "" {
		return nil, exit.Usagef("cannot read the manager's address %q", text)
	}
	if u.Scheme == "" {
		u.Scheme = "https"
		if ssl == "off" || ssl == "" && isLoopback(u.Hostname()) {
			u.Scheme = "http"
		}
	}
	if ssl != "" && ssl != "on" && ssl != "off" {
		return nil, exit.Usagef("--ssl takes on or off, not %q", ssl)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return nil, exit.Usagef("cannot use %q; want http://HOST:PORT or https://HOST:PORT, credentials with -u and -p", text)
	}
	if port != 0 && u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	}
	return u, nil
}

// isLoopback reports whether a host name leads to this machine.
func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (a *app) profilesList(context.Context, []string) error {
	store, err := a.profiles()
	if err != nil {
		return err
	}
	file, err := store.Load()
	if err != nil {
		return err
	}
	list := make([]shown, 0, len(file.Profiles))
	for _, name := range file.Names() {
		list = append(list, show(file.Profiles[name], name == file.Current))
	}
	if a.json {
		return a.printJSON(list)
	}
	t := table.New("Profiles:", a.style(), "name", "url", "user", "tenant", "current")
	for _, p := range list {
		mark := ""
		if p.IsCurrent {
			mark = "*"
		}
		t.Add(p.Name, p.URL, p.credentials(), p.Tenant, mark)
	}
	return t.Write(a.Stdout)
}

// shown is a profile without its secrets.
type shown struct {
	Name        string `json:"name"`
	URL         string `json:"url"`
	Username    string `json:"username"`
	HasToken    bool   `json:"has_token"`
	Tenant      string `json:"tenant"`
	Certificate string `json:"certificate"`
	IsCurrent   bool   `json:"is_current"`
}

func show(p profile.Profile, isCurrent bool) shown {
	return shown{p.Name, p.URL, p.Username, p.Token != "", p.Tenant, p.Certificate, isCurrent}
}

func (s shown) credentials() string {
	if s.HasToken {
		return "(token)"
	}
	return s.Username
}

func (a *app) profilesShow(context.Context, []string) error {
	p, err := a.target()
	if err != nil {
		return err
	}
	s := show(p, true)
	return a.printOne("Profile in use:", s, "name", s.Name, "url", s.URL, "user", s.credentials(), "tenant", s.Tenant,
		"certificate", s.Certificate)
}

// edit changes the current profile, or the one named with -m.
func (a *app) edit(change func(profile.Profile) (profile.Profile, error)) error {
	store, err := a.profiles()
	if err != nil {
		return err
	}
	file, err := store.Load()
	if err != nil {
		return err
	}
	name := file.Current
	if a.manager != "" {
		name = a.manager
	}
	p, ok := file.Profiles[name]
	if !ok {
		return exit.Usagef("there is no profile to change; make one with: reify profiles use URL")
	}
	if p, err = change(p); err != nil {
		return err
	}
	file.Profiles[name] = p
	if err := store.Save(file); err != nil {
		return err
	}
	a.say("Profile %s saved", name)
	return nil
}

func (a *app) profilesSet() *cobra.Command {
	var f profileFlags
	cmd := verb("set", "Change the profile in use", 0, 0, func(ctx context.Context, _ []string) error {
		if f == (profileFlags{skipCheck: f.skipCheck}) && a.tenant == "" {
			return exit.Usagef("nothing to set; give -u, -p, -k, -t or -c")
		}
		return a.edit(func(p profile.Profile) (profile.Profile, error) {
			p, err := a.apply(p, f)
			if err == nil && !f.skipCheck {
				err = a.check(ctx, p)
			}
			return p, err
		})
	})
	f.register(cmd)
	return cmd
}

func (a *app) profilesUnset() *cobra.Command {
	var username, password, token, tenant, certificate bool
	cmd := verb("unset", "Clear fields of the profile in use", 0, 0, func(context.Context, []string) error {
		if !username && !password && !token && !tenant && !certificate {
			return exit.Usagef("nothing to unset; give -u, -p, -k, -c or -t")
		}
		return a.edit(func(p profile.Profile) (profile.Profile, error) {
			for _, field := range []struct {
				clear bool
				value *string
			}{
				{username, &p.Username}, {password, &p.Password}, {token, &p.Token}, {tenant, &p.Tenant},
				{certificate, &p.Certificate},
			} {
				if field.clear {
					*field.value = ""
				}
			}
			return p, nil
		})
	})
	flags := cmd.Flags()
	flags.BoolVarP(&username, "manager-username", "u", false, "clear the user name")
	flags.BoolVarP(&password, "manager-password", "p", false, "clear the password")
	flags.BoolVarP(&token, "manager-token", "k", false, "clear the token")
	flags.BoolVarP(&certificate, "rest-certificate", "c", false, "clear the certificate authorities")
	flags.BoolVarP(&tenant, "tenant-name", "t", false, "clear the tenant")
	return cmd
}

func (a *app) profilesDelete(_ context.Context, args []string) error {
	store, err := a.profiles()
	if err != nil {
		return err
	}
	file, err := store.Load()
	if err != nil {
		return err
	}
	if _, ok := file.Profiles[args[0]]; !ok {
		return exit.Usagef("there is no profile %q; reify profiles list shows them", args[0])
	}
	delete(file.Profiles, args[0])
	if file.Current == args[0] {
		file.Current = ""
	}
	if err := store.Save(file); err != nil {
		return err
	}
	a.say("Profile %s deleted", args[0])
	return nil
}
