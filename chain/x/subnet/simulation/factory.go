// Package simulation plays the module at random, one move per message.
package simulation

import (
	"fmt"

	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/play"
	"agora/chain/x/subnet/keeper"
	"agora/chain/x/subnet/types"
)

// keysPerAccount is how many hot keys a simulated account has: its consensus key and some derived from it.
const keysPerAccount = 4

// proofLife is the expiry of a proof, in blocks from now.
const proofLife = 50

// Register adds every message of the module.
func Register(k *keeper.Keeper, weights simsx.WeightSource, reg simsx.Registry) {
	g := game{k, keeper.NewMsgServer(k)}
	reg.Add(weights.Get("msg_create_subnet", 10), play.Factory(g.create))
	reg.Add(weights.Get("msg_start_subnet", 10), play.Factory(g.start))
	reg.Add(weights.Get("msg_dissolve_subnet", 2), play.Factory(g.dissolve))
	reg.Add(weights.Get("msg_set_parameter", 20), play.Factory(g.setParameter))
	reg.Add(weights.Get("msg_register", 100), play.Factory(g.register))
	reg.Add(weights.Get("msg_rotate_hot_key", 20), play.Factory(g.rotate))
	reg.Add(weights.Get("msg_propose_owner", 15), play.Factory(g.proposeOwner))
	reg.Add(weights.Get("msg_cancel_owner", 5), play.Factory(g.cancelOwner))
	reg.Add(weights.Get("msg_accept_owner", 15), play.Factory(g.acceptOwner))
	reg.Add(weights.Get("msg_propose_subnet_owner", 8), play.Factory(g.proposeSubnetOwner))
	reg.Add(weights.Get("msg_cancel_subnet_owner", 3), play.Factory(g.cancelSubnetOwner))
	reg.Add(weights.Get("msg_accept_subnet_owner", 10), play.Factory(g.acceptSubnetOwner))
	reg.Add(weights.Get("msg_describe_subnet", 5), play.Factory(g.describe))
	reg.Add(weights.Get("msg_announce_key", 8), play.Factory(g.announceKey))
	reg.Add(weights.Get("msg_dispute_key", 2), play.Factory(g.disputeKey))
	reg.Add(weights.Get("msg_accept_key", 10), play.Factory(g.acceptKey))
	reg.Add(weights.Get("msg_set_model", 30), play.Factory(g.setModel))
	reg.Add(weights.Get("msg_set_profile", 10), play.Factory(g.setProfile))
	reg.Add(weights.Get("msg_set_voice", 20), play.Factory(g.setVoice))
}

// game is the module with its message server.
type game struct {
	k      *keeper.Keeper
	server types.MsgServer
}

// pay keeps the price of a message out of reach of its fee.
func pay(t play.Turn, payer simsx.SimAccount, rao uint64) {
	if !payer.LiquidBalance().BlockAmount(sdk.NewCoin(network.Denom, network.Coins(rao).AmountOf(network.Denom))) {
		t.Skip("too poor")
	}
}

// subnet is any subnet that fits.
func (g game) subnet(t play.Turn, fits func(types.Subnet) bool) (subnet types.Subnet) {
	var list []types.Subnet
	err := g.k.EachSubnet(t.Context, func(s types.Subnet) (bool, error) {
		if fits(s) {
			list = append(list, s)
		}
		return false, nil
	})
	if err != nil || len(list) == 0 {
		t.Skip("no subnet fits")
		return subnet
	}
	return list[t.Rand().Intn(len(list))]
}

// neuron is any neuron that fits, in any subnet.
func (g game) neuron(t play.Turn, fits func(types.Neuron) bool) (neuron types.Neuron) {
	var list []types.Neuron
	err := g.k.EachSubnet(t.Context, func(s types.Subnet) (bool, error) {
		neurons, err := g.k.Neurons(t.Context, s.Netuid)
		for _, n := range neurons {
			if fits(n) {
				list = append(list, n)
			}
		}
		return err != nil, err
	})
	if err != nil || len(list) == 0 {
		t.Skip("no neuron fits")
		return neuron
	}
	return list[t.Rand().Intn(len(list))]
}

func anySubnet(types.Subnet) bool { return true }
func anyNeuron(types.Neuron) bool { return true }

// hotKeys are the hot keys that an account holds.
func hotKeys(account simsx.SimAccount) []cryptotypes.PrivKey {
	keys := []cryptotypes.PrivKey{account.ConsKey}
	for i := 1; i < keysPerAccount; i++ {
		keys = append(keys, ed25519.GenPrivKeyFromSecret(fmt.Appendf(nil, "%x/%d", account.ConsKey.Bytes(), i)))
	}
	return keys
}

// claim is an account's claim to one of its hot keys in netuid.
func claim(t play.Turn, account simsx.SimAccount, netuid uint32) (types.Claim, bool) {
	keys := hotKeys(account)
	key := keys[t.Rand().Intn(len(keys))]
	expiry := t.BlockHeight() + proofLife
	proof, err := key.Sign(types.ProofBytes(t.ChainID(), netuid, account.AddressBech32, expiry))
	if err != nil {
		t.Skip(err.Error())
	}
	return types.Claim{HotKey: key.PubKey().Bytes(), Proof: proof, Expiry: expiry}, err == nil
}

// SignerOf is the account of a hot key, which signs with that key and has no coins for a fee. It skips the turn if no
// simulated account holds the key.
func SignerOf(t play.Turn, hotKey []byte) simsx.SimAccount {
	for i := range t.AccountsCount() {
		account := t.AccountAt(t, i)
		for _, key := range hotKeys(account) {
			if string(key.PubKey().Bytes()) != string(hotKey) {
				continue
			}
			account.PrivKey, account.PubKey = key, key.PubKey()
			account.Address = types.HotAccount(hotKey)
			account.AddressBech32 = account.Address.String()
			return account
		}
	}
	t.Skip("nobody holds this hot key")
	return simsx.SimAccount{}
}
