package client

import (
	"context"
	"net/http"

	"github.com/reifyhq/reify/internal/model"
)

// Token is an API token. Value is complete only in the answer that creates it.
type Token struct {
	ID          model.TokenID  `json:"id"`
	Username    model.UserName `json:"username"`
	Value       string         `json:"value"`
	Role        string         `json:"role"`
	Description string         `json:"description"`
	Expires     Time           `json:"expiration_date"`
	LastUsed    Time           `json:"last_used"`
}

// CreateToken makes a token of the caller. Expiration is absolute (2026-01-31 14:30) or relative (+10h); empty means
// never.
func (c *Client) CreateToken(ctx context.Context, description, expiration string) (Token, error) {
	body := map[string]string{}
	if description != "" {
		body["description"] = description
	}
	if expiration != "" {
		body["expiration_date"] = expiration
	}
	return send[Token](ctx, c, request{method: http.MethodPost, path: path("tokens"), json: body})
}

// ListTokens returns the tokens that the caller may see.
func (c *Client) ListTokens(ctx context.Context, o ListOptions) (Page[Token], error) {
	return get[Page[Token]](ctx, c, path("tokens"), o.values())
}

// GetToken returns a token, its secret masked.
func (c *Client) GetToken(ctx context.Context, id model.TokenID) (Token, error) {
	return get[Token](ctx, c, path("tokens", string(id)), nil)
}

// DeleteToken revokes a token.
func (c *Client) DeleteToken(ctx context.Context, id model.TokenID) error {
	return c.call(ctx, request{method: http.MethodDelete, path: path("tokens", string(id))}, nil)
}
