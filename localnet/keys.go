package localnet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// keys derives every key of a local network from its seed. Such keys are for demonstration: whoever knows the seed
// owns the money.
type keys string

func (k keys) secret(kind, name string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "agora localnet\x00%s\x00%s\x00%s", string(k), kind, name))
	return sum[:]
}

// cold is the key that owns the money of name.
func (k keys) cold(name string) *secp256k1.PrivKey {
	return secp256k1.GenPrivKeyFromSecret(k.secret("cold", name))
}

// account is the address of name's cold key.
func (k keys) account(name string) sdk.AccAddress {
	return sdk.AccAddress(k.cold(name).PubKey().Address())
}

// hot is the key that the program called name shows on the network.
func (k keys) hot(name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(k.secret("hot", name))
}

// node is the CometBFT key of kind "consensus" or "p2p".
func (k keys) node(kind, name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(k.secret(kind, name))
}
