package scenario

import (
	"errors"
	"fmt"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"

	"agora/chain/network"
)

// deposit is what a proposal needs.
const deposit = 100 * network.TAO

func makeChange(w *World, who string, words []string) (sdk.Msg, error) {
	if who != Governance {
		return nil, fmt.Errorf("only %s changes parameters", Governance)
	}
	values, err := settings(words[1:])
	if err != nil {
		return nil, err
	}
	return w.changed(words[0], values)
}

func makePropose(w *World, who string, words []string) (sdk.Msg, error) {
	inner, err := w.message(append([]string{Governance}, words...))
	if err != nil {
		return nil, err
	}
	return govv1.NewMsgSubmitProposal([]sdk.Msg{inner}, network.Coins(deposit), Account(who).String(), "", words[0], "a proposal", false)
}

func makeVote(w *World, who string, words []string) (sdk.Msg, error) {
	last, err := w.proposal()
	option := map[string]govv1.VoteOption{"yes": govv1.OptionYes, "no": govv1.OptionNo, "veto": govv1.OptionNoWithVeto}[words[0]]
	return govv1.NewMsgVote(Account(who), last.Id, option, ""), err
}

// proposal is the last one.
func (w *World) proposal() (last govv1.Proposal, err error) {
	err = w.App.Gov.Proposals.Walk(w.Ctx(), nil, func(_ uint64, p govv1.Proposal) (bool, error) {
		last = p
		return false, nil
	})
	return last, err
}

// govern proposes msg in the name of the first validator, lets every validator vote for it, and waits for the end. The
// error is why the proposal failed.
func (w *World) govern(msg sdk.Msg) error {
	names := w.people.names
	propose, err := govv1.NewMsgSubmitProposal([]sdk.Msg{msg}, network.Coins(deposit), Account(names[0]).String(), "", "change", "a proposal", false)
	if err != nil {
		return err
	}
	if err := w.Deliver(Cold(names[0]), Gas, Fee, propose); err != nil {
		return err
	}
	for _, name := range names {
		vote, err := makeVote(w, name, []string{"yes"})
		if err != nil {
			return err
		}
		if err := w.Deliver(Cold(name), Gas, Fee, vote); err != nil {
			return err
		}
	}
	w.Now = w.Now.Add(pace.VotingPeriod + time.Second)
	if _, err := w.Step(); err != nil {
		return err
	}
	last, err := w.proposal()
	if err == nil && last.Status != govv1.StatusPassed {
		err = errors.New(last.FailedReason + " (" + last.Status.String() + ")")
	}
	return err
}
