package component

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"

	"github.com/reifyhq/reify/internal/client"
	"github.com/reifyhq/reify/internal/model"
)

// kinds are the kinds of characters of a password in the order of their properties.
var kinds = []struct{ name, letters string }{
	{"uppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {"lowercase", "abcdefghijklmnopqrstuvwxyz"}, {"digits", "0123456789"},
	{"symbols", "!#$%&()*+,-./:;<=>?@[]^_{|}~"},
}

const (
	minPassword     = 6
	defaultPassword = 8
)

func number(v any, otherwise int) int {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
	case int:
		return v
	}
	return otherwise
}

// policy is what a password must be: its length, and of each kind how many characters at least; -1 is none.
func (r *run) policy() (length int, least []int) {
	length = number(r.setting("length"), defaultPassword)
	for _, k := range kinds {
		least = append(least, number(r.setting(k.name), 0))
	}
	return length, least
}

// validatePassword refuses a policy that no password satisfies (workflows, section 13.3).
func (r *run) validatePassword() error {
	length, least := r.policy()
	sum, allowed := 0, 0
	for k, n := range least {
		if n < -1 {
			return fmt.Errorf("%s must be -1 or more, but is %d", kinds[k].name, n)
		}
		if n >= 0 {
			allowed++
			sum += n
		}
	}
	switch {
	case length < minPassword:
		return fmt.Errorf("length must be at least %d, but is %d", minPassword, length)
	case sum > length:
		return fmt.Errorf("the kinds of characters need %d characters together, but length is %d", sum, length)
	case allowed == 0:
		return errors.New("no kind of characters is allowed: at least one of uppercase, lowercase, digits and symbols must not be -1")
	}
	return nil
}

func (r *run) secretName() string {
	if name := text(r.setting("secret_name")); name != "" {
		return name
	}
	c := r.context()
	return fmt.Sprintf("ps_%s_%s", c.DeploymentID, c.NodeID)
}

// createPassword makes a password and keeps it as a secret; the runtime property only says how to read it.
func (r *run) createPassword() error {
	if err := r.validatePassword(); err != nil {
		return err
	}
	name := r.secretName()
	err := r.own.Call(r.ctx, http.MethodGet, "secrets/"+url.PathEscape(name)+"?_skip_value=true", nil, nil)
	switch {
	case err == nil && !truth(r.setting("use_secret_if_exists"), false) && r.properties()["_secret_created"] == nil:
		return fmt.Errorf("secret %s exists already; choose another secret_name, or set use_secret_if_exists", name)
	case client.IsNotFound(err):
		value, err := password(r.policy())
		if err != nil {
			return err
		}
		// The note comes first: a secret that nobody knows of would stay for ever.
		if err := r.set("_secret_created", true); err != nil {
			return err
		}
		if err := r.own.Call(r.ctx, http.MethodPut, "secrets/"+url.PathEscape(name), model.Document{"value": value}, nil); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	return r.set("password", map[string]any{"get_secret": name})
}

// deletePassword removes the secret that createPassword made; one that was there before stays.
func (r *run) deletePassword() error {
	if r.properties()["_secret_created"] != nil {
		err := r.own.Call(r.ctx, http.MethodDelete, "secrets/"+url.PathEscape(r.secretName()), nil, nil)
		if err != nil && !client.IsNotFound(err) {
			return err
		}
	}
	return r.forget("password", "_secret_created")
}

// password draws a password that satisfies a policy.
func password(length int, least []int) (string, error) {
	var out []byte
	var all strings.Builder
	for k, n := range least {
		if n < 0 {
			continue
		}
		all.WriteString(kinds[k].letters)
		for range n {
			c, err := pick(kinds[k].letters)
			if err != nil {
				return "", err
			}
			out = append(out, c)
		}
	}
	for len(out) < length {
		c, err := pick(all.String())
		if err != nil {
			return "", err
		}
		out = append(out, c)
	}
	for k := len(out) - 1; k > 0; k-- {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(k+1)))
		if err != nil {
			return "", err
		}
		j := n.Int64()
		out[k], out[j] = out[j], out[k]
	}
	return string(out), nil
}

func pick(letters string) (byte, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
	if err != nil {
		return 0, err
	}
	return letters[n.Int64()], nil
}
