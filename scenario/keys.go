package scenario

import (
	"crypto/ed25519"
	"crypto/sha256"
	"strings"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"

	sdked25519 "github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"

	subnettypes "agora/chain/x/subnet/types"
)

// Governance is the name of the account that passed proposals sign with.
const Governance = "governance"

// hotPrefix before a name means the account of that person's hot key.
const hotPrefix = "hot:"

func secret(kind, name string) []byte {
	sum := sha256.Sum256([]byte("scenario\x00" + kind + "\x00" + name))
	return sum[:]
}

// Cold is the key of a person's account.
func Cold(name string) cryptotypes.PrivKey {
	return secp256k1.GenPrivKeyFromSecret(secret("cold", name))
}

// Hot is the hot key of that name. A person's first has the name of the person.
func Hot(name string) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(secret("hot", name)) }

// HotSigner is Hot as the SDK signs with it.
func HotSigner(name string) cryptotypes.PrivKey { return &sdked25519.PrivKey{Key: Hot(name)} }

// Public is the public half of Hot, 32 bytes.
func Public(name string) []byte { return Hot(name).Public().(ed25519.PublicKey) }

// Account is the account of a person, of the hot key NAME where it says hot:NAME, or of governance.
func Account(name string) sdk.AccAddress {
	if name == Governance {
		return authtypes.NewModuleAddress(govtypes.ModuleName)
	}
	if key, hot := strings.CutPrefix(name, hotPrefix); hot {
		return subnettypes.HotAccount(Public(key))
	}
	return sdk.AccAddress(Cold(name).PubKey().Address())
}

// signer is the key that signs for a name and whether its transactions are free.
func signer(name string) (key cryptotypes.PrivKey, free bool) {
	if hot, ok := strings.CutPrefix(name, hotPrefix); ok {
		return HotSigner(hot), true
	}
	return Cold(name), false
}

func operator(name string) string { return sdk.ValAddress(Account(name)).String() }

func consensus(name string) cmted25519.PrivKey {
	return cmted25519.PrivKey(ed25519.NewKeyFromSeed(secret("consensus", name)))
}
