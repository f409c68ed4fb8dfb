// Package issuer trusts the sign-ins of an OpenID Connect issuer: it checks ID tokens and takes browsers through the
// authorization code flow with PKCE.
//
// The issuer's own documents say where its keys and addresses are; they are read when they are first needed, and keys are
// read again when a token names an unknown one. Signature, issuer, audience and expiry of every token are checked. The
// package keeps no users and makes no sessions. Errors never hold a token. It is safe for concurrent use.
package issuer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/reifyhq/reify/internal/clock"
)

// ErrRefused says that a token or an answer of the issuer is not good.
var ErrRefused = errors.New("the sign-in is not accepted")

const patience = 10 * time.Second

// Options say whom to trust.
type Options struct {
	// URL is the issuer's identifier, below which /.well-known/openid-configuration is.
	URL string
	// ClientID is the audience that tokens must be for; Secret belongs to it and may be empty.
	ClientID, Secret string
	// RedirectURL is where the issuer sends browsers back to.
	RedirectURL string
	// NameClaim and GroupsClaim are the claims that hold the user's name and groups.
	NameClaim, GroupsClaim string
	Scopes                 []string
	Clock                  clock.Clock
	// HTTP is optional.
	HTTP *http.Client
}

// Issuer is one trusted issuer.
type Issuer struct {
	o        Options
	mu       sync.Mutex
	provider *oidc.Provider
}

// New returns an issuer that nothing was asked of yet.
func New(o Options) *Issuer {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: patience}
	}
	return &Issuer{o: o}
}

// Identity is who signed in.
type Identity struct {
	Name   string
	Groups []string
	Email  string
}

// discover reads the issuer's documents once; a failure is tried again the next time.
func (i *Issuer) discover(ctx context.Context) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider != nil {
		return i.provider, nil
	}
	// What it returns reads keys later on, after this request has ended.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.o.HTTP), i.o.URL)
	if err != nil {
		return nil, fmt.Errorf("read the documents of the issuer %s: %w", i.o.URL, err)
	}
	i.provider = p
	return p, nil
}

// Verify checks an ID token and returns whose it is. An error that wraps ErrRefused is the token's fault.
func (i *Issuer) Verify(ctx context.Context, token string) (*Identity, error) {
	return i.verify(ctx, token, "")
}

func (i *Issuer) verify(ctx context.Context, token, nonce string) (*Identity, error) {
	p, err := i.discover(ctx)
	if err != nil {
		return nil, err
	}
	t, err := p.Verifier(&oidc.Config{ClientID: i.o.ClientID, Now: i.o.Clock.Now}).Verify(oidc.ClientContext(ctx, i.o.HTTP), token)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrRefused, err)
	}
	if nonce != "" && t.Nonce != nonce {
		return nil, fmt.Errorf("%w: the token belongs to another sign-in", ErrRefused)
	}
	var claims map[string]json.RawMessage
	if err := t.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: its claims cannot be read", ErrRefused)
	}
	id := &Identity{}
	if err := json.Unmarshal(claims[i.o.NameClaim], &id.Name); err != nil || id.Name == "" {
		return nil, fmt.Errorf("%w: the token has no claim %q with the name of the user", ErrRefused, i.o.NameClaim)
	}
	// Groups come as a list, or as a text when there is one only; without the claim there are none.
	var one string
	if json.Unmarshal(claims[i.o.GroupsClaim], &id.Groups) != nil && json.Unmarshal(claims[i.o.GroupsClaim], &one) == nil && one != "" {
		id.Groups = []string{one}
	}
	_ = json.Unmarshal(claims["email"], &id.Email)
	slices.Sort(id.Groups)
	return id, nil
}

// Flow is what has to be remembered while a browser is at the issuer. It must reach nobody else.
type Flow struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Return   string    `json:"return"`
	Until    time.Time `json:"until"`
}

// flowTime is how long a browser may stay at the issuer.
const flowTime = 10 * time.Minute

func (i *Issuer) client(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: i.o.ClientID, ClientSecret: i.o.Secret, RedirectURL: i.o.RedirectURL, Endpoint: p.Endpoint(),
		Scopes: append([]string{oidc.ScopeOpenID}, i.o.Scopes...)}
}

// Begin returns the address to send a browser to, and what to remember until it comes back.
func (i *Issuer) Begin(ctx context.Context, back string) (string, Flow, error) {
	p, err := i.discover(ctx)
	if err != nil {
		return "", Flow{}, err
	}
	f := Flow{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Return: back, Until: i.o.Clock.Now().Add(flowTime)}
	return i.client(p).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), f, nil
}

// End exchanges the code with which a browser came back for who signed in.
func (i *Issuer) End(ctx context.Context, f Flow, state, code string) (*Identity, error) {
	if f.State == "" || state != f.State || i.o.Clock.Now().After(f.Until) {
		return nil, fmt.Errorf("%w: it was begun elsewhere or too long ago; begin again", ErrRefused)
	}
	p, err := i.discover(ctx)
	if err != nil {
		return nil, err
	}
	token, err := i.client(p).Exchange(oidc.ClientContext(ctx, i.o.HTTP), code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) {
			return nil, fmt.Errorf("%w: the issuer answers %s", ErrRefused, refused.ErrorCode)
		}
		return nil, fmt.Errorf("exchange the code at the issuer: %w", err)
	}
	text, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("%w: the issuer gave no ID token", ErrRefused)
	}
	return i.verify(ctx, text, f.Nonce)
}

// random is a text with 192 random bits.
func random() string {
	buf := make([]byte, 24)
	rand.Read(buf)
	return base64.RawURLEncoding.EncodeToString(buf)
}
