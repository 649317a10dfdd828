package app_test

import (
	"path"
	"slices"
	"strings"
	"testing"

	cosmos_proto "github.com/cosmos/cosmos-proto"
	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	msgv1 "cosmossdk.io/api/cosmos/msg/v1"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	"agora/scenario"
)

// free lists the messages that a hot key may sign. They cost nothing, are counted, and move no money.
var free = []string{
	"/agora.subnet.v1.MsgSetModel",
	"/agora.yuma.v1.MsgCommitWeights",
	"/agora.yuma.v1.MsgRevealWeights",
	"/agora.yuma.v1.MsgSetWeights",
}

// cold lists the messages that only a cold key may sign. Whoever adds a message to the chain decides here.
var cold = strings.Fields(`
	/agora.emission.v1.MsgSetRootWeights
	/agora.emission.v1.MsgUpdateParams
	/agora.fee.v1.MsgUpdateParams
	/agora.market.v1.MsgClaim
	/agora.market.v1.MsgClose
	/agora.market.v1.MsgOpenChannel
	/agora.market.v1.MsgRequestWithdraw
	/agora.market.v1.MsgTopUp
	/agora.market.v1.MsgUpdateParams
	/agora.market.v1.MsgWithdraw
	/agora.model.v1.MsgCommitModel
	/agora.model.v1.MsgListCommons
	/agora.model.v1.MsgPublishModel
	/agora.model.v1.MsgRemoveModel
	/agora.model.v1.MsgRetireModel
	/agora.model.v1.MsgSetServed
	/agora.pause.v1.MsgPause
	/agora.pause.v1.MsgResume
	/agora.pause.v1.MsgUpdateParams
	/agora.pause.v1.MsgVote
	/agora.subnet.v1.MsgAcceptKey
	/agora.subnet.v1.MsgAcceptOwner
	/agora.subnet.v1.MsgAcceptSubnetOwner
	/agora.subnet.v1.MsgAnnounceKey
	/agora.subnet.v1.MsgCancelOwner
	/agora.subnet.v1.MsgCancelSubnetOwner
	/agora.subnet.v1.MsgCreateSubnet
	/agora.subnet.v1.MsgDescribeSubnet
	/agora.subnet.v1.MsgDisputeKey
	/agora.subnet.v1.MsgDissolveSubnet
	/agora.subnet.v1.MsgProposeOwner
	/agora.subnet.v1.MsgProposeSubnetOwner
	/agora.subnet.v1.MsgRegister
	/agora.subnet.v1.MsgRotateHotKey
	/agora.subnet.v1.MsgSetParameter
	/agora.subnet.v1.MsgSetProfile
	/agora.subnet.v1.MsgSetVoice
	/agora.subnet.v1.MsgStartSubnet
	/agora.subnet.v1.MsgUpdateParams
	/agora.yuma.v1.MsgUpdateParams
	/cosmos.auth.v1beta1.MsgUpdateParams
	/cosmos.authz.v1beta1.MsgExec
	/cosmos.authz.v1beta1.MsgGrant
	/cosmos.authz.v1beta1.MsgRevoke
	/cosmos.bank.v1beta1.MsgMultiSend
	/cosmos.bank.v1beta1.MsgSend
	/cosmos.bank.v1beta1.MsgSetSendEnabled
	/cosmos.bank.v1beta1.MsgUpdateParams
	/cosmos.consensus.v1.MsgUpdateParams
	/cosmos.distribution.v1beta1.MsgCommunityPoolSpend
	/cosmos.distribution.v1beta1.MsgDepositValidatorRewardsPool
	/cosmos.distribution.v1beta1.MsgFundCommunityPool
	/cosmos.distribution.v1beta1.MsgSetWithdrawAddress
	/cosmos.distribution.v1beta1.MsgUpdateParams
	/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward
	/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission
	/cosmos.evidence.v1beta1.MsgSubmitEvidence
	/cosmos.feegrant.v1beta1.MsgGrantAllowance
	/cosmos.feegrant.v1beta1.MsgPruneAllowances
	/cosmos.feegrant.v1beta1.MsgRevokeAllowance
	/cosmos.gov.v1.MsgCancelProposal
	/cosmos.gov.v1.MsgDeposit
	/cosmos.gov.v1.MsgExecLegacyContent
	/cosmos.gov.v1.MsgSubmitProposal
	/cosmos.gov.v1.MsgUpdateParams
	/cosmos.gov.v1.MsgVote
	/cosmos.gov.v1.MsgVoteWeighted
	/cosmos.gov.v1beta1.MsgDeposit
	/cosmos.gov.v1beta1.MsgSubmitProposal
	/cosmos.gov.v1beta1.MsgVote
	/cosmos.gov.v1beta1.MsgVoteWeighted
	/cosmos.slashing.v1beta1.MsgUnjail
	/cosmos.slashing.v1beta1.MsgUpdateParams
	/cosmos.staking.v1beta1.MsgBeginRedelegate
	/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation
	/cosmos.staking.v1beta1.MsgCreateValidator
	/cosmos.staking.v1beta1.MsgDelegate
	/cosmos.staking.v1beta1.MsgEditValidator
	/cosmos.staking.v1beta1.MsgRotateConsPubKey
	/cosmos.staking.v1beta1.MsgUndelegate
	/cosmos.staking.v1beta1.MsgUpdateParams
	/cosmos.upgrade.v1beta1.MsgCancelUpgrade
	/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade
`)

func TestEveryMessageIsClassified(t *testing.T) {
	w := market(t)
	known := append(slices.Clone(free), cold...)
	for _, url := range w.App.Registry.ListImplementations(sdk.MsgInterfaceProtoName) {
		if !slices.Contains(known, url) {
			t.Errorf("%s is new: decide whether a hot key may sign it", url)
		}
		known = slices.DeleteFunc(known, func(k string) bool { return k == url })
	}
	for _, url := range known {
		t.Errorf("%s is classified but the chain does not have it", url)
	}
}

func TestHotKeySignsFreeMessagesOnly(t *testing.T) {
	const open = "stake val1 1000\nfunds bob 1000\nsubnet text commit_reveal=0 miners a b\nweights val1 a=0.7 b=0.3\nsilent val1"
	for _, url := range free {
		w := market(t)
		switch path.Ext(url) {
		case ".MsgRevealWeights":
			do(t, w, "silent val1\nuntil reveal")
		case ".MsgSetWeights":
			w = tell(t, open)
		}
		if err := admit(t, w, signedByHot(t, w, "val1", url, 0)); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	w := market(t)
	for _, url := range cold {
		for _, fee := range []uint64{0, scenario.Fee} {
			err := admit(t, w, signedByHot(t, w, "val1", url, fee))
			if err == nil || !strings.Contains(err.Error(), "hot key") {
				t.Errorf("%s with a fee of %d rao signed by a hot key: %v", url, fee, err)
			}
		}
	}
}

func TestHotKeyHidesNothingBehindAFreeMessage(t *testing.T) {
	w := market(t)
	hot, bob := scenario.Account("hot:val1"), scenario.Account("bob")
	commit := message(t, w, free[1], hot)
	send := banktypes.NewMsgSend(hot, bob, network.Coins(1))
	gift := banktypes.NewMsgSend(bob, hot, network.Coins(1))
	for name, try := range map[string]struct {
		msgs []sdk.Msg
		want string
	}{
		"free then paid":      {[]sdk.Msg{commit, send}, "hot key"},
		"paid then free":      {[]sdk.Msg{send, commit}, "hot key"},
		"with another signer": {[]sdk.Msg{commit, gift}, "wrong number of signers"},
	} {
		raw, err := w.Sign(scenario.HotSigner("val1"), 200_000, 0, try.msgs...)
		if err == nil {
			err = admit(t, w, raw)
		}
		if err == nil || !strings.Contains(err.Error(), try.want) {
			t.Errorf("%s: a hot key's transaction: %v", name, err)
		}
	}
}

// signedByHot is a transaction of one message of that type, signed by name's hot key.
func signedByHot(t *testing.T, w *scenario.World, name, url string, fee uint64) []byte {
	t.Helper()
	raw, err := w.Sign(scenario.HotSigner(name), 200_000, fee, message(t, w, url, scenario.Account("hot:"+name)))
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return raw
}

// admit runs the ante handler on a state of its own.
func admit(t *testing.T, w *scenario.World, raw []byte) error {
	t.Helper()
	tx, err := w.App.TxConfig.TxDecoder()(raw)
	if err != nil {
		t.Fatal(err)
	}
	ctx := w.Ctx().WithTxBytes(raw).WithConsensusParams(w.App.GetConsensusParams(w.Ctx())).WithIsCheckTx(false).WithBlockHeight(w.Height + 1)
	_, err = w.App.AnteHandler()(ctx, tx, false)
	return err
}

// message makes an empty message of that type whose signer is account and whose subnet is 1.
func message(t *testing.T, w *scenario.World, url string, account sdk.AccAddress) sdk.Msg {
	t.Helper()
	msg, err := w.App.Registry.Resolve(url)
	if err != nil {
		t.Fatal(err)
	}
	d, err := gogoproto.HybridResolver.FindDescriptorByName(protoreflect.FullName(strings.TrimPrefix(url, "/")))
	if err != nil {
		t.Fatal(err)
	}
	form := dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
	sign(t, form, account)
	if f := form.Descriptor().Fields().ByName("netuid"); f != nil {
		form.Set(f, protoreflect.ValueOfUint32(1))
	}
	bz, err := proto.Marshal(form)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.App.Codec.Unmarshal(bz, msg); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return msg
}

// sign writes account into the fields that name a message's signers, in messages within it too.
func sign(t *testing.T, m *dynamicpb.Message, account sdk.AccAddress) {
	t.Helper()
	names := proto.GetExtension(m.Descriptor().Options(), msgv1.E_Signer).([]string)
	if len(names) == 0 {
		t.Fatalf("%s names no signer", m.Descriptor().FullName())
	}
	for _, name := range names {
		f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		switch {
		case f.Kind() == protoreflect.MessageKind && f.IsList():
			inner := m.Mutable(f).List().AppendMutable().Message().(*dynamicpb.Message)
			sign(t, inner, account)
		case f.Kind() == protoreflect.MessageKind:
			sign(t, m.Mutable(f).Message().(*dynamicpb.Message), account)
		default:
			m.Set(f, protoreflect.ValueOfString(spell(f, account)))
		}
	}
}

// spell writes an address as the field wants it.
func spell(f protoreflect.FieldDescriptor, account sdk.AccAddress) string {
	if proto.GetExtension(f.Options(), cosmos_proto.E_Scalar).(string) == "cosmos.ValidatorAddressString" {
		return sdk.ValAddress(account).String()
	}
	return account.String()
}
