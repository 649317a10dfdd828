package compound_test

import (
	"errors"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	distributiontypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	_ "agora/chain/network" // sets the prefixes of addresses
	"agora/client/compound"
)

func account(b byte) sdk.AccAddress {
	address := make([]byte, 20)
	address[0] = b
	return address
}

// TestAGrantAllowsNothingButCompounding tries messages of other kinds, to other validators and of more rao.
func TestAGrantAllowsNothingButCompounding(t *testing.T) {
	nominator, helper := account(1), account(2)
	mine, other := sdk.ValAddress(account(3)).String(), sdk.ValAddress(account(4)).String()
	msgs, err := compound.Grant(nominator, helper, []string{mine}, 100, time.Now().Add(time.Hour))
	if err != nil || len(msgs) != 2 {
		t.Fatal(len(msgs), err)
	}
	grants := map[string]authz.Authorization{}
	for _, m := range msgs {
		a, err := m.(*authz.MsgGrant).GetAuthorization()
		if err != nil {
			t.Fatal(err)
		}
		grants[a.MsgTypeURL()] = a
	}
	withdraw := distributiontypes.NewMsgWithdrawDelegatorReward(nominator.String(), mine)
	if grants[sdk.MsgTypeURL(withdraw)] == nil || len(grants) != 2 {
		t.Fatalf("granted %v", grants)
	}
	stake := grants[sdk.MsgTypeURL(&stakingtypes.MsgDelegate{})].(*stakingtypes.StakeAuthorization)
	if list := stake.GetAllowList().GetAddress(); len(list) != 1 || list[0] != mine || list[0] == other {
		t.Errorf("validators %v", list)
	}
	if stake.MaxTokens == nil || stake.MaxTokens.Amount.Int64() != 100 {
		t.Errorf("at most %v", stake.MaxTokens)
	}
	for _, validators := range [][]string{nil, {"nobody"}} {
		if _, err := compound.Grant(nominator, helper, validators, 100, time.Now()); err == nil {
			t.Errorf("%v is taken", validators)
		}
	}
	if _, err := compound.Grant(nominator, helper, []string{mine}, 0, time.Now()); !errors.Is(err, compound.ErrNothing) {
		t.Errorf("a grant of nothing: %v", err)
	}
}
