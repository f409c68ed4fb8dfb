// Package issuertest is a small OpenID Connect issuer for tests: discovery, keys that can be exchanged, signed tokens, and
// the authorization code flow with PKCE, on a port of this machine. It is imported by tests.
package issuertest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Claims are what a token says.
type Claims map[string]any

// Issuer is a running issuer.
type Issuer struct {
	URL string
	t   testing.TB

	mu     sync.Mutex
	key    *rsa.PrivateKey
	keyID  string
	claims Claims
	codes  map[string]url.Values
}

// Start runs an issuer until the test ends.
func Start(t testing.TB) *Issuer {
	i := &Issuer{t: t, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", i.configuration)
	mux.HandleFunc("/keys", i.keys)
	mux.HandleFunc("/authorize", i.authorize)
	mux.HandleFunc("/token", i.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.URL = server.URL
	i.Rotate()
	return i
}

// Rotate exchanges the key: only the new one is published.
func (i *Issuer) Rotate() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.keyID = key, fmt.Sprintf("key-%x", key.N.Bytes()[:4])
}

// SignsIn says who signs in at the issuer from now on.
func (i *Issuer) SignsIn(c Claims) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = c
}

// Token returns a signed token that is good for an hour, unless the claims say otherwise.
func (i *Issuer) Token(audience string, c Claims) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sign(audience, c)
}

func (i *Issuer) sign(audience string, c Claims) string {
	all := Claims{"iss": i.URL, "aud": audience, "sub": "subject", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for k, v := range c {
		all[k] = v
	}
	part := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			i.t.Error(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	text := part(Claims{"alg": "RS256", "kid": i.keyID, "typ": "JWT"}) + "." + part(all)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (i *Issuer) configuration(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, Claims{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	encode := base64.RawURLEncoding.EncodeToString
	answer(w, http.StatusOK, Claims{"keys": []Claims{{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": i.keyID,
		"n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes())}}})
}

// authorize signs in at once and sends the browser back.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.URL.Query()
	code := fmt.Sprintf("code-%d", len(i.codes))
	i.codes[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// token exchanges a code once, for who has the verifier of its challenge.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	code := r.FormValue("code")
	q, ok := i.codes[code]
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) ||
		r.FormValue("redirect_uri") != q.Get("redirect_uri") {
		answer(w, http.StatusBadRequest, Claims{"error": "invalid_grant"})
		return
	}
	i.codes[code] = nil
	claims := Claims{"nonce": q.Get("nonce")}
	for k, v := range i.claims {
		claims[k] = v
	}
	answer(w, http.StatusOK, Claims{"access_token": "a", "token_type": "Bearer", "id_token": i.sign(q.Get("client_id"), claims)})
}
