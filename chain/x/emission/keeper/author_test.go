package keeper_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"agora/chain/x/emission/types"
	"agora/chain/x/yuma/yumatest"
)

// TestAuthorsPayIsConserved pays random miners, whose models random people made, the subnet's owner and an account that
// cannot receive among them: every rao is with somebody who may have it, or burned, and the books say which.
func TestAuthorsPayIsConserved(t *testing.T) {
	m, netuids := voted(t)
	r := rand.New(rand.NewPCG(1, 2))
	blocked := authtypes.NewModuleAddress(types.ModuleName)
	people := []sdk.AccAddress{yumatest.Address("owner0"), blocked, yumatest.Address("a"), yumatest.Address("b"), yumatest.Address("c")}
	for round := range 40 {
		mintFor(m, 12*time.Second)
		budget := m.Pending(netuids[0])
		payout := types.Payout{Epoch: uint64(round + 1), Uids: 8, OwnerShare: m.OwnerShare()}
		want := map[string]uint64{}
		var toAuthors uint64
		for uid := range uint32(8) {
			p := types.MinerPay{Uid: uid, Owner: people[r.IntN(5)], Amount: r.Uint64N(budget.Shared/16 + 1)}
			if r.IntN(3) > 0 {
				p.Model, p.Author, p.ToAuthor = "some", people[r.IntN(5)], r.Uint64N(p.Amount+1)
			}
			payout.Miners = append(payout.Miners, p)
			if p.Owner.Equals(people[0]) {
				continue // burned whole
			}
			want[p.Owner.String()] += p.Amount - p.ToAuthor
			if p.ToAuthor > 0 {
				want[p.Author.String()] += p.ToAuthor
			}
			if p.ToAuthor > 0 && !p.Author.Equals(people[0]) && !p.Author.Equals(blocked) {
				toAuthors += p.ToAuthor
			}
		}
		before, supply := balances(m, people), m.Supply()
		paid, err := m.Emission.Pay(m.Ctx, netuids[0], payout)
		m.Must(err)
		after := balances(m, people)
		var miners uint64
		for i, name := range []string{"the owner", "the blocked", "a", "b", "c"} {
			got, due := after[i]-before[i], want[people[i].String()]
			switch i {
			case 0:
				due = budget.Owner
			case 1:
				due = 0
				got = 0 // its balance is the module's own
			default:
				miners += got
			}
			if got != due {
				t.Errorf("round %d: %s got %d, want %d", round, name, got, due)
			}
		}
		if paid.Miners != miners || paid.Authors != toAuthors || paid.Total != paid.Owner+paid.Miners+paid.Validators+paid.Burned || supply-m.Supply() != paid.Burned {
			t.Errorf("round %d: %s", round, fmt.Sprintf("%+v, miners and authors got %d, authors %d", paid, miners, toAuthors))
		}
		if sum(paid.ByUID) != paid.Miners || sum(paid.ByAuthor) != paid.Authors {
			t.Errorf("round %d: by uid %v, by author %v", round, paid.ByUID, paid.ByAuthor)
		}
		m.CheckMoney()
	}
}

func balances(m *yumatest.Market, people []sdk.AccAddress) []uint64 {
	all := make([]uint64, len(people))
	for i, p := range people {
		all[i] = m.Bank.GetBalance(m.Ctx, p, "rao").Amount.Uint64()
	}
	return all
}

func sum(column []uint64) (total uint64) {
	for _, v := range column {
		total += v
	}
	return total
}
