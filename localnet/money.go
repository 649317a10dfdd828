package localnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	modeltypes "agora/chain/x/model/types"
	"agora/client"
)

// nomination is what the check delegates in the nominator's name, half of which it moves on.
const nomination = 100 * network.TAO

// conserved compares the emission's book with itself.
func (c *checker) conserved(ctx context.Context) (string, error) {
	l, err := c.chain.Ledger(ctx)
	if err != nil {
		return "", err
	}
	b := l.Ledger
	detail := fmt.Sprintf("minted %d = paid %d + pending %d + burned %d", b.Minted, b.Paid, b.Pending, b.Burned)
	if b.Minted != b.Paid+b.Pending+b.Burned {
		return "", errors.New(detail + " does not hold")
	}
	waiting, err := c.chain.Dividends(ctx)
	if err != nil {
		return "", err
	}
	var dividends uint64
	for _, w := range waiting {
		dividends += w.Waiting
	}
	if b.Promised > b.Pending {
		return "", fmt.Errorf("%s, of which %d are promised", detail, b.Promised)
	}
	return fmt.Sprintf("%s; %d dividends of %d validators are on their way", detail, dividends, len(waiting)), nil
}

// standing is what every miner's owner holds when a set of epochs has run.
type standing struct {
	epochs   map[uint32]uint64
	balances map[string]uint64
	claimed  map[string]uint64 // of them, through payment channels that are open
}

// standings reads the balances after one block, so that they belong to one moment of the book.
func (c *checker) standings(ctx context.Context) (standing, error) {
	height, err := c.chain.Height(ctx)
	if err != nil {
		return standing{}, err
	}
	ctx = client.AtHeight(ctx, height)
	s := standing{balances: map[string]uint64{}, claimed: map[string]uint64{}}
	if s.epochs, err = c.lastEpochs(ctx); err != nil {
		return standing{}, err
	}
	channels, err := c.chain.Channels(ctx, "", "")
	if err != nil {
		return standing{}, err
	}
	for _, v := range channels {
		s.claimed[v.Payee] += v.Paid
	}
	for _, name := range c.earners() {
		if s.balances[name], err = c.chain.Balance(ctx, c.file.Accounts[name].Address); err != nil {
			return standing{}, err
		}
	}
	return s, nil
}

// earners are the accounts that epochs pay: the miners' owners and the author of what they serve.
func (c *checker) earners() []string {
	names := []string{authorName}
	for _, m := range c.file.Miners {
		names = append(names, m.Name)
	}
	return names
}

func (c *checker) lastEpochs(ctx context.Context) (map[uint32]uint64, error) {
	last := map[uint32]uint64{}
	for _, n := range c.file.Subnets {
		records, err := c.chain.Epochs(ctx, n.NetUID, 1)
		if err != nil {
			return nil, err
		}
		if len(records) > 0 {
			last[n.NetUID] = records[0].Epoch
		}
	}
	return last, nil
}

// pay compares what owners' balances gained over an epoch with what the epochs say they were paid.
func (c *checker) pay(ctx context.Context) (string, error) {
	before, err := c.standings(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range c.file.Subnets {
		if _, err := c.afterEpochs(ctx, n.NetUID, 1); err != nil {
			return "", err
		}
	}
	after, err := c.standings(ctx)
	if err != nil {
		return "", err
	}
	owed, err := c.owed(ctx, before.epochs, after.epochs)
	if err != nil {
		return "", err
	}
	var total uint64
	for _, name := range c.earners() {
		owner := c.file.Accounts[name].Address
		gained := after.balances[name] - before.balances[name] - (after.claimed[owner] - before.claimed[owner])
		if gained != owed[name] {
			return "", fmt.Errorf("%s gained %d rao, the epochs say %d", name, gained, owed[name])
		}
		total += gained
	}
	author := after.balances[authorName] - before.balances[authorName]
	if author == 0 {
		return "", errors.New("the author of the chat models was paid nothing")
	}
	return fmt.Sprintf("%d miners and their models' author gained %d rao, as the epochs say, of which the author %d: %d %% of what his models earned", len(c.file.Miners), total, author, authorShare/100), nil
}

// authorsPart is what the author of a miner's model has of what the miner earned: a fifth in the chat market, whose models have an author.
func authorsPart(netuid uint32, m Miner, earned uint64) uint64 {
	if netuid != chatNet || m.Engine == openModel {
		return 0
	}
	return (&modeltypes.Model{AuthorShare: authorShare}).AuthorPart(earned)
}

// owed sums the emission of every miner over the epochs after `from` up to `to`.
func (c *checker) owed(ctx context.Context, from, to map[uint32]uint64) (map[string]uint64, error) {
	owed := map[string]uint64{}
	for _, n := range c.file.Subnets {
		records, err := c.chain.Epochs(ctx, n.NetUID, 100)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.Epoch <= from[n.NetUID] || r.Epoch > to[n.NetUID] {
				continue
			}
			for _, m := range c.minersOf(n.NetUID) {
				if int(m.UID) >= len(r.Emissions) {
					continue
				}
				var author uint64
				if int(m.UID) < len(r.Authors) {
					author = r.Authors[m.UID]
				}
				if due := authorsPart(n.NetUID, m, r.Emissions[m.UID]); author != due {
					return nil, fmt.Errorf("in epoch %d of subnet %d the author of what uid %d serves has %d rao, of %d that serving it earned are due %d", r.Epoch, n.NetUID, m.UID, author, r.Emissions[m.UID], due)
				}
				owed[m.Name] += r.Emissions[m.UID] - author
				owed[authorName] += author
			}
		}
	}
	return owed, nil
}

// nominator delegates, moves half to another validator, and waits for both to bring rewards.
func (c *checker) nominator(ctx context.Context) (string, error) {
	key, err := c.coldKey("nominator")
	if err != nil {
		return "", err
	}
	me := c.file.Accounts["nominator"].Address
	first, second := c.file.Validators[0].Operator, c.file.Validators[len(c.file.Validators)-1].Operator
	if err := c.nominate(ctx, key, me, first, second); err != nil {
		return "", err
	}
	before, err := c.rewards(ctx, me)
	if err != nil {
		return "", err
	}
	for _, n := range c.file.Subnets {
		if _, err := c.afterEpochs(ctx, n.NetUID, 1); err != nil {
			return "", err
		}
	}
	after, err := c.rewards(ctx, me)
	if err != nil {
		return "", err
	}
	for _, v := range []string{first, second} {
		if !after[v].GT(before[v]) {
			return "", fmt.Errorf("an epoch brought no reward from %s", v)
		}
	}
	return fmt.Sprintf("an epoch brought %s rao on %d TAO with two validators",
		after[first].Sub(before[first]).Add(after[second].Sub(before[second])).TruncateInt(), uint64(nomination/network.TAO)), nil
}

// nominate delegates and moves once; a market that was checked before has done so already.
func (c *checker) nominate(ctx context.Context, key client.Signer, me, first, second string) error {
	have, err := stakingtypes.NewQueryClient(c.chain.Conn()).DelegatorDelegations(ctx, &stakingtypes.QueryDelegatorDelegationsRequest{DelegatorAddr: me})
	if err != nil {
		return err
	}
	if len(have.DelegationResponses) > 0 || first == second {
		return nil
	}
	queue := c.chain.Queue(key)
	coin := func(rao int64) sdk.Coin { return sdk.NewCoin(network.Denom, math.NewInt(rao)) }
	if _, err := queue.Send(ctx, stakingtypes.NewMsgDelegate(me, first, coin(nomination))); err != nil {
		return fmt.Errorf("delegate: %w", err)
	}
	if _, err := queue.Send(ctx, stakingtypes.NewMsgBeginRedelegate(me, first, second, coin(nomination/2))); err != nil {
		return fmt.Errorf("move: %w", err)
	}
	return nil
}

// rewards is what a delegator can withdraw from each validator.
func (c *checker) rewards(ctx context.Context, me string) (map[string]math.LegacyDec, error) {
	r, err := distrtypes.NewQueryClient(c.chain.Conn()).DelegationTotalRewards(ctx, &distrtypes.QueryDelegationTotalRewardsRequest{DelegatorAddress: me})
	if err != nil {
		return nil, err
	}
	out := map[string]math.LegacyDec{}
	for _, v := range c.file.Validators {
		out[v.Operator] = math.LegacyZeroDec()
	}
	for _, d := range r.Rewards {
		out[d.ValidatorAddress] = d.Reward.AmountOf(network.Denom)
	}
	return out, nil
}

// coldKey reads a demonstration account's key file.
func (c *checker) coldKey(name string) (client.Signer, error) {
	bz, err := os.ReadFile(c.file.Accounts[name].KeyFile)
	if err != nil {
		return nil, err
	}
	var file struct {
		PrivateKey hexBytes `json:"private_key"`
	}
	if err := json.Unmarshal(bz, &file); err != nil {
		return nil, damaged(c.home, err)
	}
	return client.ColdSigner(&secp256k1.PrivKey{Key: file.PrivateKey}), nil
}
