// Package vaulttest is a small vault for tests: the parts of the HTTP interface of OpenBao and HashiCorp Vault that reading
// values needs, with their status codes, on a port of this machine. It is imported by tests.
package vaulttest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Server is a running vault.
type Server struct {
	URL string
	mu  sync.Mutex
	// values are fields by mount and path.
	values map[string]map[string]any
	token  string
	reads  int
}

// Start runs a vault that accepts the token, until the test ends. Its store "secret" is of version 2, "old" of version 1.
func Start(t testing.TB, token string) *Server {
	s := &Server{values: map[string]map[string]any{}, token: token}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Put sets the value at a mount and path.
func (s *Server) Put(at string, fields map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[at] = fields
}

// Reads is how many values were read.
func (s *Server) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	if r.Method == http.MethodPost && path == "auth/approle/login" {
		var body struct {
			RoleID   string `json:"role_id"`
			SecretID string `json:"secret_id"`
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.RoleID != "role" || body.SecretID != "of "+s.token {
			answer(w, http.StatusBadRequest, map[string]any{"errors": []string{"invalid role or secret ID"}})
			return
		}
		answer(w, http.StatusOK, map[string]any{"auth": map[string]any{"client_token": s.token, "lease_duration": 3600}})
		return
	}
	if r.Header.Get("X-Vault-Token") != s.token {
		answer(w, http.StatusForbidden, map[string]any{"errors": []string{"permission denied"}})
		return
	}
	if path == "auth/token/lookup-self" {
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"display_name": "token"}})
		return
	}
	mount, rest, _ := strings.Cut(path, "/")
	isNew := mount == "secret"
	if isNew {
		rest = strings.TrimPrefix(rest, "data/")
	}
	fields, ok := s.values[mount+"/"+rest]
	if !ok || r.Method != http.MethodGet {
		answer(w, http.StatusNotFound, map[string]any{"errors": []string{}})
		return
	}
	s.reads++
	if isNew {
		answer(w, http.StatusOK, map[string]any{"data": map[string]any{"data": fields, "metadata": map[string]any{"version": 1}}})
		return
	}
	answer(w, http.StatusOK, map[string]any{"data": fields})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
