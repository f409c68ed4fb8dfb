package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/reifyhq/reify/internal/cli/exit"
	"github.com/reifyhq/reify/internal/cli/profile"
	"github.com/reifyhq/reify/internal/cli/table"
	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// app is one run of the command line.
type app struct {
	Options
	json, quiet, verbose bool
	tenant, manager      string
}

func (a *app) profiles() (profile.Store, error) {
	dir, err := profile.Dir(a.Env)
	return profile.Store{Dir: dir}, err
}

// target says which manager to talk to as whom: the profile, overlaid by the environment, overlaid by options. An
// address from the environment takes no credentials from a profile: they belong to another manager.
func (a *app) target() (profile.Profile, error) {
	p, err := a.storedTarget()
	if err != nil {
		return p, err
	}
	if url := a.Env("REIFY_URL"); url != "" && a.manager == "" && url != p.URL {
		p = profile.Profile{URL: url, Tenant: p.Tenant, Certificate: p.Certificate}
	}
	if v := a.Env("REIFY_CA_CERT"); v != "" {
		p.Certificate = v
	}
	if token := a.Env("REIFY_TOKEN"); token != "" {
		p.Token = token
	} else if user := a.Env("REIFY_USERNAME"); user != "" {
		p.Username, p.Password, p.Token = user, a.Env("REIFY_PASSWORD"), ""
	}
	if v := a.Env("REIFY_TENANT"); v != "" {
		p.Tenant = v
	}
	if a.tenant != "" {
		p.Tenant = a.tenant
	}
	if p.Tenant == "" {
		p.Tenant = string(model.DefaultTenant)
	}
	if p.URL == "" {
		return p, exit.Hint(&exit.UsageError{Text: "no manager is set"},
			"Tell which one to use: reify profiles use http://HOST:PORT -u USER -p PASSWORD, or set REIFY_URL.")
	}
	return p, nil
}

func (a *app) storedTarget() (profile.Profile, error) {
	store, err := a.profiles()
	if err != nil {
		if a.Env("REIFY_URL") != "" && a.manager == "" {
			return profile.Profile{}, nil
		}
		return profile.Profile{}, err
	}
	file, err := store.Load()
	if err != nil {
		return profile.Profile{}, err
	}
	if a.manager != "" {
		p, ok := file.Profiles[a.manager]
		if !ok {
			return p, exit.Usagef("there is no profile %q; reify profiles list shows them", a.manager)
		}
		return p, nil
	}
	p, _ := file.Active()
	return p, nil
}

// client returns a client for the manager in use. The caller closes it.
func (a *app) client() (*client.Client, error) {
	p, err := a.target()
	if err != nil {
		return nil, err
	}
	return a.clientFor(p)
}

func (a *app) clientFor(p profile.Profile) (*client.Client, error) {
	cfg := client.Config{
		URL: p.URL, Tenant: model.TenantName(p.Tenant), Username: p.Username, Password: p.Password, Token: p.Token,
		UserAgent: "reify/" + a.Version,
	}
	if p.Certificate != "" {
		pem, err := os.ReadFile(p.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authorities: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", p.Certificate)
		}
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, &exit.UsageError{Text: err.Error()}
	}
	return c, nil
}

// with runs f with a client for the manager in use.
func (a *app) with(f func(c *client.Client) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c)
}

// call makes a verb whose run gets a client.
func (a *app) call(f func(ctx context.Context, c *client.Client, args []string) error) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		return a.with(func(c *client.Client) error { return f(ctx, c, args) })
	}
}

// say tells people what is going on; scripts that want results only do not see it.
func (a *app) say(format string, args ...any) {
	if a.json || a.quiet {
		return
	}
	fmt.Fprintf(a.Stdout, format+"\n", args...)
}

// printJSON writes v as the one JSON value of standard output.
func (a *app) printJSON(v any) error {
	data, err := model.EncodeJSON(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "%s\n", data)
	return err
}

func (a *app) style() table.Style {
	width, _ := a.screen()
	return table.Style{Colour: a.colour(), Width: width}
}

// isTerminal reports whether somebody looks at standard output.
func (a *app) isTerminal() bool {
	f, ok := a.Stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && a.Env("TERM") != "dumb"
}

func (a *app) colour() bool { return a.isTerminal() && a.Env("NO_COLOR") == "" }

// screen returns the size of the terminal, zeros when there is none.
func (a *app) screen() (width, height int) {
	f, ok := a.Stdout.(*os.File)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

func (a *app) errorLine(message string) string {
	word := "Error:"
	if f, ok := a.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) && a.Env("NO_COLOR") == "" {
		word = "\x1b[31mError:\x1b[0m"
	}
	return word + " " + table.Clean(message)
}

// secret returns value, or the first line of standard input when value is "-".
func (a *app) secret(value string) (string, error) {
	if value != "-" {
		return value, nil
	}
	data, err := io.ReadAll(io.LimitReader(a.Stdin, 1<<16))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// askPassword asks for a password without showing it. Where nobody can be asked it returns an empty one.
func (a *app) askPassword(username string) (string, error) {
	f, ok := a.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", nil
	}
	fmt.Fprintf(a.Stderr, "Password of %s: ", table.Clean(username))
	password, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.Stderr)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(password), nil
}

// until calls ready, often at first and once a second later, until it returns true or an error.
func (a *app) until(ctx context.Context, ready func() (bool, error)) error {
	delay := 50 * time.Millisecond
	for {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		timer := a.Clock.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C():
		}
		delay = min(delay*3/2, time.Second)
	}
}

// save writes what is downloaded to path; a directory or an empty path takes the name that the manager proposes.
func (a *app) save(d *client.Download, path, fallback string) (string, error) {
	defer d.Body.Close()
	info, err := os.Stat(path)
	if path == "" || err == nil && info.IsDir() {
		path = joinName(path, d.Name, fallback)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return "", err
	}
	n, err := io.Copy(f, d.Body)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("download to %s: %w", path, err)
	}
	if d.Size >= 0 && n != d.Size {
		return "", fmt.Errorf("download to %s: got %d of %d bytes", path, n, d.Size)
	}
	return path, nil
}
