package main

import (
	"context"
	"fmt"
	"strings"

	modeltypes "agora/chain/x/model/types"
	"agora/client"
	"agora/gateway"
)

// source is where an account's money came from: a model of which it is the author, or a place that it owns in a subnet.
type source struct {
	Netuid uint32  `json:"netuid"`
	Model  string  `json:"model,omitempty"` // name, empty once retired
	Digest string  `json:"digest,omitempty"`
	UID    *uint32 `json:"uid,omitempty"` // of a place
	Rao    uint64  `json:"rao"`           // a model's so far; a place's in the subnet's last epoch, without the part of the author whose model it served
}

// String names the source as a line of a table does.
func (s source) String() string {
	switch {
	case s.UID != nil:
		return fmt.Sprintf("uid %d of subnet %d", *s.UID, s.Netuid)
	case s.Model == "":
		return fmt.Sprintf("%.15s… in subnet %d", s.Digest, s.Netuid)
	}
	return fmt.Sprintf("%s in subnet %d", s.Model, s.Netuid)
}

// authored says what each of an author's models has earned him.
func authored(made []modeltypes.Model) []source {
	list := []source{}
	for _, m := range made {
		list = append(list, source{Netuid: m.Netuid, Model: m.Name, Digest: m.Digest, Rao: m.EarnedAuthor})
	}
	return list
}

// places says what each of an account's places had of its subnet's last epoch.
func places(ctx context.Context, c *client.Client, account string) ([]source, error) {
	list := []source{}
	subnets, err := c.Subnets(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range subnets {
		g, err := c.Metagraph(ctx, s.Netuid)
		if err != nil {
			return nil, err
		}
		for _, u := range g.Uids {
			if u.Owner == account {
				list = append(list, source{Netuid: s.Netuid, UID: &u.Uid, Rao: u.Emission - min(u.Emission, u.AuthorEmission)})
			}
		}
	}
	return list, nil
}

// sum is what sources brought together.
func sum(sources []source) (rao uint64) {
	for _, s := range sources {
		rao += s.Rao
	}
	return rao
}

// rows are the lines of a table for sources under the sum of them; nothing where there is none.
func rows(what string, sources []source) string {
	if len(sources) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %-28s %20s TAO\n", what, gateway.TAO(sum(sources)))
	for _, s := range sources {
		fmt.Fprintf(&b, "    %-26s %20s TAO\n", s, gateway.TAO(s.Rao))
	}
	return b.String()
}
