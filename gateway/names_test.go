package gateway

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"agora/wire/openai"
)

// rename is the table after one change of the standings, with the claims of before.
func rename(c *claims, subnets ...Subnet) *table {
	return newTable(subnets, func(ed25519.PublicKey) *health { return &health{} }, c, 0.05, time.Now())
}

func TestModelNamesLeadToTheirMiners(t *testing.T) {
	a, b := places(5, 9, 7), places(1)
	a[0].Model, a[2].Model, b[0].Model = "m", "m", "m"
	table := tableOf(Subnet{NetUID: 2, Name: "late", Miners: b}, Subnet{NetUID: 1, Name: "chat", Miners: a})
	for model, want := range map[string]uint32{"chat": 1, "chat:best": 1, "m": 0, "chat/m": 0, "chat/m@2": 2, "model-1": 1, "chat/model-1@1": 1} {
		require.Equal(t, want, table.routes[model].tiers[0][0].UID, model)
		require.Equal(t, "chat", table.routes[model].subnet, model)
	}
	require.Equal(t, "late", table.routes["late/m"].subnet)
	require.Equal(t, "late", table.routes["late/m@0"].subnet)
	require.Nil(t, table.routes["late/model-1"])
	require.Nil(t, table.routes[""])
}

// An open model has names that are no words of a miner's: its digest, and its author's account with the name that he gave it. The
// smallest one that has a place is a wish.
func TestOpenModelsHaveNamesBeyondDoubt(t *testing.T) {
	m := places(9, 9, 3, 2, 1)
	open := func(i int, model, digest, author string, parameters uint64, place int) {
		m[i].Model, m[i].Digest, m[i].Author, m[i].Parameters, m[i].Place = model, digest, author, parameters, place
	}
	open(0, "large", "sha256:aa", "agora1ann", 200_000, 1)
	open(1, "large", "sha256:aa", "agora1ann", 200_000, 1)
	open(2, "tiny", "sha256:bb", "agora1ben", 9_000, 2)
	open(3, "dust", "sha256:cc", "agora1ann", 100, 0)
	m[4].Model, m[4].Digest = "sha256:aa", "sha256:bb" // a card's word only
	table := tableOf(Subnet{NetUID: 1, Name: "chat", Miners: m})
	for id, want := range map[string][]uint32{
		"sha256:aa": {0, 1}, "agora1ann/large": {0, 1}, "sha256:bb": {2}, "agora1ben/tiny": {2}, "agora1ann/dust": {3}, "chat:small": {2},
	} {
		require.NotNil(t, table.routes[id], id)
		var got []uint32
		for _, tier := range table.routes[id].tiers {
			got = append(got, uids(tier)...)
		}
		require.ElementsMatch(t, want, got, id)
	}
	require.Nil(t, table.routes["continuation:small"])
	require.Equal(t, &openai.Open{Name: "large", Digest: "sha256:aa", Author: "agora1ann", Parameters: 200_000, Place: 1}, table.routes["chat"].open())
	require.Equal(t, "tiny", table.routes["chat:small"].open().Name)
	require.Nil(t, table.routes["chat/sha256:aa@4"].open(), "a card's word is no examination")
}

// The names of models are words on cards: who takes another's gets none of its requests, whatever its rank, its subnet or
// the weights that it leaves open.
func TestNameBelongsToWhoWasFirstWithIt(t *testing.T) {
	honest := Miner{UID: 7, Registered: 500, HotKey: places(1)[0].HotKey, Model: "smol", Incentive: 10}
	thief := Miner{UID: 3, Registered: 100, HotKey: places(1, 1)[1].HotKey, Model: "own-name", Incentive: 60_000}
	c := &claims{byName: map[string]claim{}}
	subnet := func(miners ...Miner) Subnet { return Subnet{NetUID: 5, Name: "chat", Miners: miners} }
	all := func(table *table, model string) (ids []uint32) {
		for _, tier := range table.routes[model].tiers {
			ids = append(ids, uids(tier)...)
		}
		return ids
	}
	require.Equal(t, []uint32{7}, all(rename(c, subnet(honest, thief)), "smol"))

	thief.Model = "smol"
	table := rename(c, subnet(honest, thief))
	for _, model := range []string{"smol", "chat/smol", "chat/smol@7"} {
		require.Equal(t, []uint32{7}, all(table, model), model)
	}
	require.Equal(t, []uint32{3}, all(table, "chat/smol@3"))
	require.Equal(t, []uint32{7}, all(rename(c, Subnet{NetUID: 1, Name: "art", Miners: []Miner{thief}}, subnet(honest)), "smol"), "a lower netuid gains nothing")
	longer := thief
	longer.Model = "chat/smol"
	require.Equal(t, []uint32{7}, all(rename(c, subnet(honest, longer)), "chat/smol"), "a name with a slash gains nothing")
	longer.Model = "smol@7"
	require.Equal(t, []uint32{7}, all(rename(c, subnet(honest, longer)), "chat/smol@7"))

	require.Equal(t, []uint32{3}, all(rename(c, subnet(thief)), "smol"), "when the holder is gone the name is free")
	require.Equal(t, []uint32{3}, all(rename(c, subnet(thief, honest)), "smol"), "and whoever comes back comes late")
	later := thief
	later.Registered = 900
	require.Equal(t, []uint32{7}, all(rename(c, subnet(later, honest)), "smol"), "another registration is another miner")
}

func TestSameWeightsShareAName(t *testing.T) {
	miners := places(100, 98, 60_000, 40, 99)
	for i := range miners {
		miners[i].Model, miners[i].Registered, miners[i].Digest = "m", uint64(i), "sha256:aa"
	}
	miners[4].Digest = "sha256:bb"
	r := rename(&claims{byName: map[string]claim{}}, Subnet{NetUID: 1, Name: "chat", Miners: miners}).routes["m"]
	require.Equal(t, []uint32{0, 1}, uids(r.tiers[0]), "ranked alike they share")
	require.Equal(t, []uint32{2}, uids(r.tiers[1]), "who says the same and is not alike is there for fail-over")
	require.Equal(t, []uint32{3}, uids(r.tiers[2]))
	require.Len(t, r.tiers, 3, "other weights have no part in it")
}

func TestNamesOutliveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.json")
	var c claims
	require.NoError(t, c.open(path))
	miners := places(1, 9)
	miners[0].Model, miners[0].Registered = "m", 50
	rename(&c, Subnet{NetUID: 1, Name: "chat", Miners: miners[:1]})
	require.NoError(t, c.save())
	var again claims
	require.NoError(t, again.open(path))
	miners[1].Model, miners[1].Registered = "m", 10
	r := rename(&again, Subnet{NetUID: 1, Name: "chat", Miners: miners}).routes["m"]
	require.Equal(t, []uint32{0}, uids(r.tiers[0]))
}

func TestOnlyServedModelsAreListed(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "here", says("x"))
	m.add(0, 1, "gone", says("x"))
	m.disconnect(1)
	resp, text := m.post("/v1/models", "", func(r *http.Request) { r.Method = http.MethodGet })
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, text, `"here"`)
	require.NotContains(t, text, "gone")
	require.NotContains(t, text, "continuation", "nobody serves that subnet")
	_, text = m.post("/v1/chat/completions", strings.Replace(ask, `"chat"`, `"gone"`, 1))
	require.Contains(t, text, "no_miner")
}

// A file is small however many names come and go.
func TestUnusedNamesAreForgotten(t *testing.T) {
	c := &claims{byName: map[string]claim{}}
	for i := range 100 {
		miners := places(1)
		miners[0].Model = fmt.Sprint("m", i)
		rename(c, Subnet{NetUID: 1, Name: "chat", Miners: miners})
	}
	require.Len(t, c.byName, 2)
}
