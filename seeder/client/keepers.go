package client

import (
	"context"
	"net/http"

	"cobox/seeder/api"
	"cobox/seeder/identity"
)

// SetKeepers has the box follow a list of the boxes that keep the partner's feeds,
// signed by the partner, unless it follows a newer one. It returns the list that
// the box follows.
func (b *Box) SetKeepers(ctx context.Context, list identity.Statement) (identity.Keepers, error) {
	var answer api.Keepers
	if err := b.call(ctx, http.MethodPut, "/v1/keepers", api.Keepers{Keepers: list.String()}, &answer); err != nil {
		return identity.Keepers{}, err
	}
	return b.openKeepers(answer.Keepers)
}

// Keepers returns the list that the box follows, zero for none.
func (b *Box) Keepers(ctx context.Context) (identity.Keepers, error) {
	var answer api.Keepers
	if err := b.call(ctx, http.MethodGet, "/v1/keepers", nil, &answer); err != nil || answer.Keepers == "" {
		return identity.Keepers{}, err
	}
	return b.openKeepers(answer.Keepers)
}

func (b *Box) openKeepers(text string) (identity.Keepers, error) {
	st, err := identity.ParseStatement([]byte(text))
	if err != nil {
		return identity.Keepers{}, err
	}
	return identity.OpenKeepers(st, b.Welcome.Partner)
}
