package issuer_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reifyhq/reify/internal/clock"
	"github.com/reifyhq/reify/internal/issuer"
	"github.com/reifyhq/reify/internal/issuer/issuertest"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	s, other := issuertest.Start(t), issuertest.Start(t)
	i := issuer.New(issuer.Options{URL: s.URL, ClientID: "reify", NameClaim: "preferred_username", GroupsClaim: "groups", Clock: clock.Real{}})
	ada := issuertest.Claims{"preferred_username": "ada", "groups": []string{"ops", "dev"}, "email": "ada@example.org"}
	with := func(more issuertest.Claims) issuertest.Claims {
		all := issuertest.Claims{}
		for _, c := range []issuertest.Claims{ada, more} {
			for k, v := range c {
				all[k] = v
			}
		}
		return all
	}
	good := s.Token("reify", ada)
	got, err := i.Verify(t.Context(), good)
	if err != nil || got.Name != "ada" || !slices.Equal(got.Groups, []string{"dev", "ops"}) || got.Email != "ada@example.org" {
		t.Fatalf("verify: %+v, %v", got, err)
	}
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"another audience": s.Token("other", ada),
		"expired":          s.Token("reify", with(issuertest.Claims{"exp": time.Now().Add(-time.Minute).Unix()})),
		"another issuer":   other.Token("reify", ada),
		"a false issuer":   s.Token("reify", with(issuertest.Claims{"iss": other.URL})),
		"forged key":       other.Token("reify", with(issuertest.Claims{"iss": s.URL})),
		"no name":          s.Token("reify", issuertest.Claims{"groups": []string{"ops"}}),
		"no signature":     parts[0] + "." + parts[1] + ".",
		"unsigned":         "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"nonsense":         "nonsense",
	} {
		if got, err := i.Verify(t.Context(), token); !errors.Is(err, issuer.ErrRefused) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	s.Rotate()
	if _, err := i.Verify(t.Context(), s.Token("reify", ada)); err != nil {
		t.Errorf("after the issuer exchanged its key: %v", err)
	}
	if _, err := i.Verify(t.Context(), good); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("with the issuer's old key: %v", err)
	}
	one, err := i.Verify(t.Context(), s.Token("reify", with(issuertest.Claims{"groups": "ops"})))
	if err != nil || !slices.Equal(one.Groups, []string{"ops"}) {
		t.Errorf("one group as a text: %+v, %v", one, err)
	}
	away := issuer.New(issuer.Options{URL: "http://127.0.0.1:1", ClientID: "reify", Clock: clock.Real{}})
	if _, err := away.Verify(t.Context(), good); err == nil || errors.Is(err, issuer.ErrRefused) {
		t.Errorf("an issuer that is away: %v", err)
	}
}

func TestFlow(t *testing.T) {
	t.Parallel()
	s := issuertest.Start(t)
	s.SignsIn(issuertest.Claims{"preferred_username": "ada"})
	at := clock.NewManual(time.Now())
	i := issuer.New(issuer.Options{URL: s.URL, ClientID: "reify", RedirectURL: "http://here.invalid/back", NameClaim: "preferred_username",
		GroupsClaim: "groups", Clock: at})
	visit := func() (issuer.Flow, url.Values) {
		to, f, err := i.Begin(t.Context(), "/console")
		if err != nil {
			t.Fatal(err)
		}
		browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := browser.Get(to)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		back, err := res.Location()
		if err != nil {
			t.Fatal(err)
		}
		return f, back.Query()
	}
	f, q := visit()
	if got, err := i.End(t.Context(), f, q.Get("state"), q.Get("code")); err != nil || got.Name != "ada" || f.Return != "/console" {
		t.Errorf("end: %+v, %v", got, err)
	}
	if _, err := i.End(t.Context(), f, q.Get("state"), q.Get("code")); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("the same code again: %v", err)
	}
	first, _ := visit()
	_, q = visit()
	if _, err := i.End(t.Context(), first, first.State, q.Get("code")); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("the code of another sign-in: %v", err)
	}
	if _, err := i.End(t.Context(), first, "other", q.Get("code")); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("another state: %v", err)
	}
	f, q = visit()
	at.Advance(time.Hour)
	if _, err := i.End(t.Context(), f, q.Get("state"), q.Get("code")); !errors.Is(err, issuer.ErrRefused) {
		t.Errorf("too late: %v", err)
	}
}
