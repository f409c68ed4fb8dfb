package client

import (
	"context"
	"net/http"
)

// KeyRotation tells how an exchange of the key of secrets ended.
type KeyRotation struct {
	// KeyID names the key that is active now; Sealed is how many values were sealed under it.
	KeyID  string `json:"key_id"`
	Sealed int    `json:"sealed"`
}

// RotateSecretsKey makes a new key for values of secrets and seals all of them under it, or brings an interrupted exchange
// to its end.
func (c *Client) RotateSecretsKey(ctx context.Context) (KeyRotation, error) {
	return send[KeyRotation](ctx, c, request{method: http.MethodPost, path: path("secrets-key", "rotate"), json: map[string]any{}})
}
