package scenario

import (
	"fmt"
	"strings"

	"cosmossdk.io/math"

	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
)

// verb makes a message of who's words. hot tells that who's hot key signs it.
type verb struct {
	least int
	hot   bool
	make  func(w *World, who string, words []string) (sdk.Msg, error)
}

// verbs is the table of what people can do.
func verbs() map[string]verb {
	return map[string]verb{
		"sends":       {2, false, makeSend},       // TO TAO
		"bonds":       {1, false, makeBond},       // TAO [take=10] [max=18] [change=1]: becomes a validator, shares in percent
		"delegates":   {2, false, makeDelegate},   // VALIDATOR TAO
		"undelegates": {2, false, makeUndelegate}, // VALIDATOR TAO
		"moves":       {3, false, makeMove},       // FROM TO TAO: redelegates
		"withdraws":   {1, false, makeWithdraw},   // VALIDATOR: rewards of the delegation
		"collects":    {0, false, makeCollect},    // the take
		"takes":       {1, false, makeTake},       // PERCENT
		"unjails":     {0, false, makeUnjail},

		"creates":   {1, false, makeCreate},   // NAME [max=TAO]
		"starts":    {0, false, makeStart},    // the subnet spoken of, as below
		"dissolves": {0, false, makeDissolve}, //
		"sets":      {1, false, makeSet},      // name=value
		"registers": {0, false, makeRegister}, // [key=NAME] [proof=NAME] [for=OWNER] [max=TAO]
		"rotates":   {2, false, makeRotate},   // OLD NEW [proof=NAME]
		"hands":     {2, false, makeHand},     // KEY NEWOWNER
		"keeps":     {1, false, makeKeep},     // KEY: cancels the change of owner
		"accepts":   {1, false, makeAccept},   // KEY
		"passes":    {1, false, makePass},     // NEWOWNER: of the subnet spoken of
		"recalls":   {0, false, makeRecall},   // takes that back
		"inherits":  {0, false, makeInherit},  // accepts it
		"describes": {1, false, makeDescribe}, // SOURCE: of the mechanism
		"announces": {1, false, makeAnnounce}, // NEWACCOUNT: to which all that one has shall move
		"disputes":  {1, false, makeDispute},  // ACCOUNT: stops that
		"succeeds":  {1, false, makeSucceed},  // ACCOUNT: takes over all that it has
		"speaks":    {1, false, makeSpeak},    // KEY: makes it the voice
		"lists":     {1, false, makeList},     // GATEWAY [markup=PERCENT]: an entry in the directory
		"publishes": {1, true, makePublish},   // MODEL
		"commits":   {1, true, makeCommit},    // miner=share… [epoch=N]
		"reveals":   {0, true, makeReveal},    // [miner=share…]: what was committed, or something else
		"copies":    {1, true, makeCopy},      // VOICE: commits to what another committed to
		"mimics":    {1, true, makeMimic},     // VOICE: reveals what another has revealed
		"rates":     {1, true, makeRate},      // miner=share…: open weights
		"allots":    {1, false, makeAllot},    // subnet=share…: a root vote

		"opens":   {2, false, makeOpen},   // PAYEE TAO [cap=TAO] [delay=DURATION]: a payment channel
		"tops":    {2, false, makeTopUp},  // PAYEE TAO
		"claims":  {1, false, makeClaim},  // PAYER/PAYEE=TAO…: vouchers for the subnet spoken of; !TAO is forged
		"asks":    {1, false, makeAsk},    // PAYEE: for what is left
		"regains": {1, false, makeRegain}, // PAYEE: takes it, after the delay
		"closes":  {1, false, makeClose},  // PAYER
		"devises": {1, false, makeDevise}, // MODEL: commits to its weights
		"unveils": {1, false, makeUnveil}, // MODEL [bytes=N] [licence=SPDX] [name=NAME]: publishes what one devised
		"retires": {1, false, makeRetire}, // MODEL
		"removes": {1, false, makeRemove}, // MODEL: that nobody serves
		"serves":  {1, true, makeServe},   // MODEL: a card that names it
		"frees":   {1, false, makeFree},   // MODEL…: says that they were public before

		"pauses":  {1, false, makePause},  // TYPE… [for=24h]: stops message types, or moves to
		"seconds": {1, false, makeSecond}, // MOTION: adds the stake to a motion
		"resumes": {1, false, makeResume}, // TYPE…

		"changes":  {2, false, makeChange},  // MODULE name=value…: governance
		"proposes": {2, false, makePropose}, // VERB WORDS: a proposal that governance does so
		"votes":    {1, false, makeVote},    // yes or no, on the last proposal
	}
}

// act carries out `WHO VERB words…` in a block of its own.
func (w *World) act(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("%q is neither a command nor a person who acts", words)
	}
	msg, err := w.message(words)
	if err != nil {
		return err
	}
	if words[0] == Governance {
		return w.govern(msg)
	}
	who := words[0]
	if verbs()[words[1]].hot && !strings.HasPrefix(who, hotPrefix) {
		who = hotPrefix + who
	}
	key, free := signer(who)
	if free {
		return w.Deliver(key, FreeGas(msg), 0, msg)
	}
	return w.Deliver(key, Gas, Fee, msg)
}

// message makes the message of `WHO VERB words…`.
func (w *World) message(words []string) (sdk.Msg, error) {
	v, ok := verbs()[words[1]]
	if !ok {
		return nil, fmt.Errorf("nobody knows how one %q", words[1])
	}
	if len(words)-2 < v.least {
		return nil, fmt.Errorf("%s wants at least %d words", words[1], v.least)
	}
	return v.make(w, words[0], words[2:])
}

func coin(word string) (sdk.Coin, error) {
	rao, err := tao(word)
	return sdk.NewCoin(network.Denom, math.NewIntFromUint64(rao)), err
}

func makeSend(_ *World, who string, words []string) (sdk.Msg, error) {
	c, err := coin(words[1])
	return banktypes.NewMsgSend(Account(who), Account(words[0]), sdk.Coins{c}), err
}

func makeBond(w *World, who string, words []string) (sdk.Msg, error) {
	c, err := coin(words[0])
	if err != nil {
		return nil, err
	}
	s, err := settings(words[1:])
	if err != nil {
		return nil, err
	}
	var rates [3]math.LegacyDec
	for i, r := range []struct{ name, percent string }{{"take", "10"}, {"max", "18"}, {"change", "1"}} {
		if v, set := s[r.name]; set {
			r.percent = v
		}
		if rates[i], err = number(r.percent + "%"); err != nil {
			return nil, err
		}
	}
	key, err := cryptocodec.FromCmtPubKeyInterface(consensus(who).PubKey())
	if err != nil {
		return nil, err
	}
	w.people.names = append(w.people.names, who)
	return stakingtypes.NewMsgCreateValidator(operator(who), key, c, stakingtypes.NewDescription(who, "", "", "", ""),
		stakingtypes.NewCommissionRates(rates[0], rates[1], rates[2]), math.NewInt(network.TAO))
}

func makeDelegate(_ *World, who string, words []string) (sdk.Msg, error) {
	c, err := coin(words[1])
	return stakingtypes.NewMsgDelegate(Account(who).String(), operator(words[0]), c), err
}

func makeUndelegate(_ *World, who string, words []string) (sdk.Msg, error) {
	c, err := coin(words[1])
	return stakingtypes.NewMsgUndelegate(Account(who).String(), operator(words[0]), c), err
}

func makeMove(_ *World, who string, words []string) (sdk.Msg, error) {
	c, err := coin(words[2])
	return stakingtypes.NewMsgBeginRedelegate(Account(who).String(), operator(words[0]), operator(words[1]), c), err
}

func makeWithdraw(_ *World, who string, words []string) (sdk.Msg, error) {
	return distrtypes.NewMsgWithdrawDelegatorReward(Account(who).String(), operator(words[0])), nil
}

func makeCollect(_ *World, who string, _ []string) (sdk.Msg, error) {
	return distrtypes.NewMsgWithdrawValidatorCommission(operator(who)), nil
}

func makeTake(_ *World, who string, words []string) (sdk.Msg, error) {
	rate, err := number(words[0] + "%")
	description := stakingtypes.NewDescription(who, "", "", "", "")
	return stakingtypes.NewMsgEditValidator(operator(who), description, &rate, nil), err
}

func makeUnjail(_ *World, who string, _ []string) (sdk.Msg, error) {
	return slashingtypes.NewMsgUnjail(operator(who)), nil
}
