package types

import (
	"crypto/ed25519"
	"fmt"

	"agora/chain/network"
)

const (
	maxAddresses = 4
	maxMarkup    = 100_000 // ten times the miner's price
	maxAmount    = 21e15   // rao that can ever be
)

// TaskModule is the id of a mechanism that is a module: a WebAssembly task, run by its digest.
const TaskModule = "wasm"

// Validate checks lengths and forms of what a mechanism says of itself. A module has a digest.
func (m Mechanism) Validate() error {
	if err := CheckToken("mechanism id", m.Id, maxField); err != nil {
		return err
	}
	if m.Id == TaskModule && m.Digest == "" {
		return fmt.Errorf("%w: the mechanism %q needs the module's digest, \"sha256:<hex>\"; agora task pack prints it", ErrInvalid, m.Id)
	}
	if m.Digest != "" {
		if err := CheckDigest("mechanism digest", m.Digest); err != nil {
			return err
		}
	}
	if m.SourceUri != "" {
		return CheckURL("mechanism source", m.SourceUri)
	}
	return nil
}

// Validate checks lengths and forms; every field may be empty.
func (i Identity) Validate() error {
	for _, f := range []struct{ name, text string }{
		{"identity name", i.Name}, {"identity contact", i.Contact}, {"identity description", i.Description},
	} {
		if err := checkText(f.name, f.text, maxText); err != nil {
			return err
		}
	}
	if i.Url != "" {
		return CheckURL("identity url", i.Url)
	}
	return nil
}

// Validate checks lengths and forms; name, licence and both modalities are required. The digest is empty where it is
// unknown, as for a model behind another server.
func (c ModelCard) Validate() error {
	for _, f := range []struct{ name, text string }{
		{"model name", c.Name}, {"licence", c.Licence}, {"input modality", c.Input}, {"output modality", c.Output},
	} {
		if err := CheckToken(f.name, f.text, maxField); err != nil {
			return err
		}
	}
	for _, f := range []struct{ name, text string }{
		{"precision", c.Precision}, {"engine", c.Engine}, {"engine version", c.EngineVersion},
	} {
		if err := checkText(f.name, f.text, maxField); err != nil {
			return err
		}
	}
	if c.PriceIn > maxAmount || c.PriceOut > maxAmount {
		return fmt.Errorf("%w: price above %d rao per million tokens", ErrInvalid, uint64(maxAmount))
	}
	if err := checkText("metadata", c.Metadata, maxMetadata); err != nil {
		return err
	}
	if c.Digest == "" {
		return nil
	}
	return CheckDigest("model digest", c.Digest)
}

// Validate checks the operator's address and the forms of a directory entry; every other field may be empty.
func (p Profile) Validate() error {
	if err := checkAddress("operator", p.Operator); err != nil {
		return err
	}
	if len(p.Addresses) > maxAddresses {
		return fmt.Errorf("%w: %d addresses, want at most %d", ErrInvalid, len(p.Addresses), maxAddresses)
	}
	for _, address := range p.Addresses {
		if err := checkHostPort("address", address); err != nil {
			return err
		}
	}
	if p.MarkupBps > maxMarkup {
		return fmt.Errorf("%w: mark-up of %d, want at most %d", ErrInvalid, p.MarkupBps, maxMarkup)
	}
	if p.GatewayUrl != "" {
		if err := CheckURL("gateway url", p.GatewayUrl); err != nil {
			return err
		}
	}
	return p.Identity.Validate()
}

// ValidateBasic checks the message without state.
func (m *MsgCreateSubnet) ValidateBasic() error {
	if err := checkAddress("sender", m.Sender); err != nil {
		return err
	}
	if err := checkName(m.Name); err != nil {
		return err
	}
	if err := m.Mechanism.Validate(); err != nil {
		return err
	}
	return m.Identity.Validate()
}

// ValidateBasic checks the message without state.
func (m *MsgStartSubnet) ValidateBasic() error { return checkAddress("owner", m.Owner) }

// ValidateBasic checks the message without state.
func (m *MsgDissolveSubnet) ValidateBasic() error { return checkAddress("sender", m.Sender) }

// ValidateBasic checks the message without state.
func (m *MsgSetParameter) ValidateBasic() error { return checkAddress("sender", m.Sender) }

// ValidateBasic checks the message without state.
func (m *MsgRegister) ValidateBasic() error {
	return checkClaim(m.Owner, m.HotKey, m.Proof, m.ProofExpiry)
}

// ValidateBasic checks the message without state.
func (m *MsgRotateHotKey) ValidateBasic() error {
	return checkClaim(m.Owner, m.HotKey, m.Proof, m.ProofExpiry)
}

// ValidateBasic checks the message without state.
func (m *MsgProposeOwner) ValidateBasic() error {
	if err := checkAddress("owner", m.Owner); err != nil {
		return err
	}
	if m.Owner == m.NewOwner {
		return fmt.Errorf("%w: %s is the owner already", ErrInvalid, m.Owner)
	}
	return checkAddress("new owner", m.NewOwner)
}

// ValidateBasic checks the message without state.
func (m *MsgCancelOwner) ValidateBasic() error { return checkAddress("sender", m.Sender) }

// ValidateBasic checks the message without state.
func (m *MsgAcceptOwner) ValidateBasic() error { return checkAddress("new owner", m.NewOwner) }

// ValidateBasic checks the message without state.
func (m *MsgSetModel) ValidateBasic() error {
	if err := checkAddress("hot account", m.HotAccount); err != nil {
		return err
	}
	return m.Card.Validate()
}

// ValidateBasic checks the message without state.
func (m *MsgSetProfile) ValidateBasic() error { return m.Profile().Validate() }

// Profile is the entry that the message publishes.
func (m *MsgSetProfile) Profile() Profile {
	return Profile{
		Operator: m.Operator, Addresses: m.Addresses, GatewayUrl: m.GatewayUrl,
		MarkupBps: m.MarkupBps, Identity: m.Identity,
	}
}

// ValidateBasic checks the message without state.
func (m *MsgSetVoice) ValidateBasic() error { return checkAddress("operator", m.Operator) }

// ValidateBasic checks the message without state.
func (m *MsgUpdateParams) ValidateBasic() error {
	if err := checkAddress("authority", m.Authority); err != nil {
		return err
	}
	return m.Params.Validate()
}

// checkClaim checks the form of an owner's claim to a hot key; the signature itself needs the chain's id and height.
func checkClaim(owner string, hotKey, proof []byte, expiry int64) error {
	if len(hotKey) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: hot key of %d bytes, want %d", ErrInvalid, len(hotKey), ed25519.PublicKeySize)
	}
	if len(proof) != ed25519.SignatureSize {
		return fmt.Errorf("%w: proof of %d bytes, want %d", ErrInvalid, len(proof), ed25519.SignatureSize)
	}
	if expiry <= 0 {
		return fmt.Errorf("%w: proof expiry %d, want a block height", ErrInvalid, expiry)
	}
	return checkAddress("owner", owner)
}

func checkAddress(field, address string) error {
	if len(address) > maxText {
		return fmt.Errorf("%w: %s of %d bytes", ErrInvalid, field, len(address))
	}
	if _, err := network.Account(address); err != nil {
		return fmt.Errorf("%w: %s %q: %w", ErrInvalid, field, address, err)
	}
	return nil
}
