package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"agora/client"
	"agora/engine/native/store"
	"agora/validator/exam"
	"agora/wire/blob"
)

// weights fetches what is to be examined into the store of this machine, from the gateways of other validators and from where its
// author says that it lies. Nothing is fetched from a private address.
func weights(models *store.Store, chain *client.Client) func(context.Context, exam.Listed) (string, error) {
	peers := blob.NewClient(false)
	return func(ctx context.Context, m exam.Listed) (string, error) {
		digest := exam.SpellDigest(m.Digest)
		if e, err := models.FindDigest(digest); err == nil {
			return e.Path, nil
		}
		profiles, err := chain.Profiles(ctx)
		if err != nil {
			return "", fmt.Errorf("%w: %w", exam.ErrNotHere, err)
		}
		var gateways []string
		for _, p := range profiles {
			gateways = append(gateways, p.GatewayUrl)
		}
		e, err := models.Fetch(ctx, store.Published{
			Digest: digest, Name: cmp.Or(m.Name, digest[len("sha256:"):][:12]), Licence: m.Licence, Root: m.Root, Bytes: m.Bytes,
		}, blob.Peers(gateways, m.Sources, peers), nil)
		if err != nil {
			return "", errors.Join(exam.ErrNotHere, err)
		}
		return e.Path, nil
	}
}
