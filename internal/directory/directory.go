// Package directory checks passwords against an LDAP server, Active Directory included, and finds the groups of who signs
// in.
//
// Each sign-in is a connection of its own: the user is bound with the given password, then the entry and the groups are
// looked for, as the service account when there is one and else as the user. Nothing is written to the server and nothing
// is kept. What users type becomes part of names and filters only in escaped form. Errors never hold a password.
package directory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// ErrRefused says that the server does not accept the name with the password.
var ErrRefused = errors.New("the LDAP server refuses the name and the password")

// ErrUnreachable says that the server cannot be spoken to.
var ErrUnreachable = errors.New("the LDAP server cannot be reached")

const (
	patience   = 10 * time.Second
	mostGroups = 1000
)

// Config says how a server is asked. The fields and their JSON names are those of the original's LDAP settings; empty ones
// have the defaults that With fills in.
type Config struct {
	// Server is ldap://host[:port] or ldaps://host[:port].
	Server string `json:"ldap_server"`
	// Username and Password are the service account's, as the bind format makes them.
	Username string `json:"ldap_username"`
	Password string `json:"ldap_password"`
	IsActive bool   `json:"ldap_is_active_directory"`
	// Domain is the DNS name of the directory, from which BaseDN follows; DNExtra comes between a name and BaseDN.
	Domain  string `json:"ldap_domain"`
	DNExtra string `json:"ldap_dn_extra"`
	BaseDN  string `json:"ldap_base_dn"`
	// GroupDN is where groups are looked for.
	GroupDN string `json:"ldap_group_dn"`
	// BindFormat makes the name for binding, UserFilter finds a user's entry and GroupFilter the groups that an entry is in.
	// They may hold {username}, {domain}, {base_dn}, {dn_extra} and {object_dn}, the name of the entry.
	BindFormat  string `json:"ldap_bind_format"`
	UserFilter  string `json:"ldap_user_filter"`
	GroupFilter string `json:"ldap_group_member_filter"`
	Email       string `json:"ldap_attribute_email"`
	FirstName   string `json:"ldap_attribute_first_name"`
	LastName    string `json:"ldap_attribute_last_name"`
	UID         string `json:"ldap_attribute_uid"`
	// Membership is the attribute of an entry that names its groups.
	Membership string `json:"ldap_attribute_group_membership"`
	// NestedLevels is how often groups of groups are looked for.
	NestedLevels int `json:"ldap_nested_levels"`
	// CACert is the certificate authority of the server, PEM; empty is those of the machine.
	CACert string `json:"ldap_ca_cert"`
}

// With returns the configuration with the defaults filled in, or what is wrong with it.
func (c Config) With() (Config, error) {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Host == "" {
		return c, errors.New("ldap_server must be the address of the server, such as ldaps://ldap.example.org")
	}
	if c.BaseDN == "" && c.Domain != "" {
		c.BaseDN = "dc=" + strings.Join(strings.Split(c.Domain, "."), ",dc=")
	}
	if c.BaseDN == "" {
		return c, errors.New("give ldap_base_dn, or ldap_domain from which it follows")
	}
	for _, dn := range []string{c.BaseDN, c.GroupDN, c.DNExtra} {
		if _, err := ldap.ParseDN(dn); err != nil {
			return c, fmt.Errorf("%q is not a distinguished name", dn)
		}
	}
	set := func(to *string, ordinary, active string) {
		if *to == "" {
			*to = ordinary
			if c.IsActive {
				*to = active
			}
		}
	}
	extra := "uid={username},{base_dn}"
	if c.DNExtra != "" {
		extra = "uid={username},{dn_extra},{base_dn}"
	}
	set(&c.GroupDN, c.BaseDN, c.BaseDN)
	set(&c.BindFormat, extra, "{username}@{domain}")
	set(&c.UserFilter, "(uid={username})", "(sAMAccountName={username})")
	set(&c.GroupFilter, "(|(member={object_dn})(uniqueMember={object_dn}))", "(member={object_dn})")
	set(&c.Email, "mail", "mail")
	set(&c.FirstName, "givenName", "givenName")
	set(&c.LastName, "sn", "sn")
	set(&c.UID, "uid", "sAMAccountName")
	set(&c.Membership, "memberOf", "memberOf")
	if c.NestedLevels < 0 || c.NestedLevels > 20 {
		return c, errors.New("ldap_nested_levels must be between 0 and 20")
	}
	if strings.Contains(c.BindFormat, "{domain}") && c.Domain == "" {
		return c, errors.New("ldap_bind_format names {domain}, but ldap_domain is not given")
	}
	for _, filter := range []string{c.UserFilter, c.GroupFilter} {
		if _, err := ldap.CompileFilter(c.fill(filter, "x", "cn=x", ldap.EscapeFilter)); err != nil {
			return c, fmt.Errorf("%q is not an LDAP filter", filter)
		}
	}
	return c, nil
}

// fill replaces the placeholders of a format, escaping what comes from users and entries.
func (c Config) fill(format, username, object string, escape func(string) string) string {
	return strings.NewReplacer("{username}", escape(username), "{domain}", c.Domain, "{base_dn}", c.BaseDN, "{domain_dn}", c.BaseDN,
		"{dn_extra}", c.DNExtra, "{object_dn}", escape(object)).Replace(format)
}

// Entry is who signed in. Groups are the distinguished names of all groups, in lower case and normal form.
type Entry struct {
	DN, UID                    string
	Email, FirstName, LastName string
	Groups                     []string
}

// Normal returns the form in which distinguished names are compared; a text that is none is only put in lower case.
func Normal(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(dn))
	}
	return strings.ToLower(parsed.String())
}

// connect opens a connection that ends with ctx.
func (c Config) connect(ctx context.Context) (*ldap.Conn, func(), error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CACert != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(c.CACert)) {
			return nil, nil, errors.New("ldap_ca_cert holds no certificate")
		}
	}
	conn, err := ldap.DialURL(c.Server, ldap.DialWithDialer(&net.Dialer{Timeout: patience}), ldap.DialWithTLSConfig(config))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	conn.SetTimeout(patience)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, func() {
		stop()
		// It is closed when the context ended first.
		_ = conn.Close()
	}, nil
}

// escapeName escapes for a distinguished name, or not at all for formats like user@domain.
func (c Config) escapeName() func(string) string {
	if strings.Contains(c.BindFormat, "=") {
		return ldap.EscapeDN
	}
	return func(s string) string { return s }
}

func (c Config) bind(conn *ldap.Conn, username, password string) error {
	// A bind without a password is anonymous and would succeed.
	if username == "" || password == "" {
		return ErrRefused
	}
	name := c.fill(c.BindFormat, username, "", c.escapeName())
	err := conn.Bind(name, password)
	switch {
	case err == nil:
		return nil
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax,
		ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultUnwillingToPerform):
		return ErrRefused
	}
	return fmt.Errorf("%w: %v", ErrUnreachable, err)
}

// service binds the service account: its name may be a whole distinguished name.
func (c Config) service(conn *ldap.Conn) error {
	if dn, err := ldap.ParseDN(c.Username); err == nil && len(dn.RDNs) > 1 {
		if err := conn.Bind(c.Username, c.Password); err != nil {
			return fmt.Errorf("bind the LDAP service account: %w", ErrRefused)
		}
		return nil
	}
	if err := c.bind(conn, c.Username, c.Password); err != nil {
		return fmt.Errorf("bind the LDAP service account: %w", err)
	}
	return nil
}

// Check reports whether the server can be reached and, if there is a service account, accepts it.
func (c Config) Check(ctx context.Context) error {
	conn, done, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	if c.Username == "" {
		return nil
	}
	return c.service(conn)
}

// SignIn checks a password and returns who it is. It answers ErrRefused or an error that wraps ErrUnreachable.
func (c Config) SignIn(ctx context.Context, username, password string) (*Entry, error) {
	conn, done, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := c.bind(conn, username, password); err != nil {
		return nil, err
	}
	if c.Username != "" {
		if err := c.service(conn); err != nil {
			return nil, err
		}
	}
	found, err := c.search(conn, c.BaseDN, c.fill(c.UserFilter, username, "", ldap.EscapeFilter),
		c.UID, c.Email, c.FirstName, c.LastName, c.Membership)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d entries fit the user filter: %w", len(found), ErrRefused)
	}
	e := found[0]
	out := &Entry{DN: e.DN, UID: e.GetAttributeValue(c.UID), Email: e.GetAttributeValue(c.Email),
		FirstName: e.GetAttributeValue(c.FirstName), LastName: e.GetAttributeValue(c.LastName)}
	for _, group := range e.GetAttributeValues(c.Membership) {
		out.Groups = append(out.Groups, Normal(group))
	}
	return out, c.groups(conn, out)
}

// groups adds the groups that hold the entry, and those that hold them, as many levels as are wanted.
func (c Config) groups(conn *ldap.Conn, out *Entry) error {
	level := append([]string{out.DN}, out.Groups...)
	for range c.NestedLevels + 1 {
		var next []string
		for _, object := range level {
			found, err := c.search(conn, c.GroupDN, c.fill(c.GroupFilter, out.UID, object, ldap.EscapeFilter), "1.1")
			if err != nil {
				return err
			}
			for _, g := range found {
				if name := Normal(g.DN); !slices.Contains(out.Groups, name) && len(out.Groups) < mostGroups {
					out.Groups = append(out.Groups, name)
					next = append(next, g.DN)
				}
			}
		}
		level = next
	}
	slices.Sort(out.Groups)
	return nil
}

func (c Config) search(conn *ldap.Conn, base, filter string, attributes ...string) ([]*ldap.Entry, error) {
	res, err := conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, mostGroups, int(patience.Seconds()), false,
		filter, attributes, nil))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("search %s below %s: %w: %v", filter, base, ErrUnreachable, err)
	}
	return res.Entries, nil
}
