package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Validate reports everything that makes the configuration unusable, each with the name of its key.
func (c *Config) Validate() error {
	var errs []error
	bad := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
	}
	if c.DataDir == "" {
		bad("data_dir", "it must not be empty")
	}
	if err := checkAddress(c.Listen); err != nil {
		bad("listen", "%v", err)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls", "tls.cert and tls.key must be given together")
	}
	if c.PlainHTTP && c.TLS.Cert != "" {
		bad("plain_http", "it contradicts tls.cert; remove one of them")
	}
	for _, u := range []struct {
		name, text string
		schemes    []string
	}{
		{"store", c.Store, []string{"postgres", "postgresql"}},
		{"bus", c.Bus, []string{"nats", "tls"}},
		{"blob", c.Blob, []string{"s3"}},
	} {
		if u.text == "" {
			continue
		}
		parsed, err := url.Parse(u.text)
		if err != nil || !slices.Contains(u.schemes, parsed.Scheme) || parsed.Host == "" {
			// The text may hold a password, and so may the parser's error.
			bad(u.name, "it must be a URL that begins with %s://, or empty", strings.Join(u.schemes, ":// or "))
		}
	}
	if u, err := url.Parse(c.Agents.URL); c.Agents.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		bad("agents.url", "it must be a URL that begins with http:// or https://, or empty")
	}
	for _, e := range []struct {
		name, text string
		allowed    []string
	}{
		{"log.level", c.Log.Level, []string{"debug", "info", "warn", "error"}},
		{"log.format", c.Log.Format, []string{"auto", "text", "json"}},
	} {
		if !slices.Contains(e.allowed, e.text) {
			bad(e.name, "%q is not one of %s", e.text, strings.Join(e.allowed, ", "))
		}
	}
	if strings.TrimSpace(c.Admin.Username) != c.Admin.Username || c.Admin.Username == "" {
		bad("admin.username", "it must not be empty nor begin or end with a space")
	}
	if c.OIDC.Issuer != "" && c.OIDC.ClientID == "" {
		bad("oidc.client_id", "it is needed with oidc.issuer, because tokens for others must not be accepted")
	}
	for origin := range strings.SplitSeq(c.CORS.Origins, ",") {
		u, err := url.Parse(strings.TrimSpace(origin))
		if c.CORS.Origins != "" && origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			bad("cors.origins", "%q is not an origin such as https://console.example", origin)
		}
	}
	c.checkNumbers(bad)
	return errors.Join(errs...)
}

func (c *Config) checkNumbers(bad func(name, format string, args ...any)) {
	for _, n := range []struct {
		name       string
		value, min int64
	}{
		{"workflow.task_retries", int64(c.Workflow.TaskRetries), -1},
		{"workflow.subgraph_retries", int64(c.Workflow.SubgraphRetries), -1},
		{"executor.slots", int64(c.Executor.Slots), 1},
		{"executions.max_concurrent", int64(c.Executions.MaxConcurrent), 1},
		{"limits.blueprint_archive_size", int64(c.Limits.BlueprintArchiveSize), 1},
		{"limits.blueprint_size", int64(c.Limits.BlueprintSize), 1},
		{"limits.blueprint_files", int64(c.Limits.BlueprintFiles), 1},
		{"limits.requests_per_second", int64(c.Limits.RequestsPerSecond), 0},
		{"limits.request_size", int64(c.Limits.RequestSize), 0},
	} {
		if n.value < n.min {
			bad(n.name, "it must be %d or more", n.min)
		}
	}
	for name, negative := range map[string]bool{
		"workflow.task_retry_interval": c.Workflow.TaskRetryInterval < 0,
		"workflow.wait_after_fail":     c.Workflow.WaitAfterFail < 0,
		"shutdown.grace":               c.Shutdown.Grace < 0,
		"audit.retention":              c.Audit.Retention < 0,
	} {
		if negative {
			bad(name, "it must not be negative")
		}
	}
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not a port between 0 and 65535", port)
	}
	return nil
}

// Loopback reports whether the listen address can be reached from this machine only.
func (c *Config) Loopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
