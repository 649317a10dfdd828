package types

import (
	"fmt"
	"math"

	subnettypes "agora/chain/x/subnet/types"
)

// ValidateBasic checks the message without state.
func (m *MsgCommitModel) ValidateBasic() error {
	if len(m.Hash) != 32 {
		return fmt.Errorf("%w: hash of %d bytes, want 32", ErrInvalid, len(m.Hash))
	}
	return wrap(subnettypes.CheckSpelling("author", m.Author))
}

// ValidateBasic checks the message without state.
func (m *MsgPublishModel) ValidateBasic() error {
	if len(m.Salt) < MinSalt || len(m.Salt) > MaxSalt {
		return fmt.Errorf("%w: salt of %d bytes, want %d to %d", ErrInvalid, len(m.Salt), MinSalt, MaxSalt)
	}
	if err := checkPlace(m.Author, m.Digest); err != nil {
		return err
	}
	return card{m.Name, m.Licence, m.Format, m.Template, m.Bytes, m.Parameters, m.Sources, m.Root}.check()
}

// ValidateBasic checks the message without state.
func (m *MsgRetireModel) ValidateBasic() error { return checkPlace(m.Author, m.Digest) }

// ValidateBasic checks the message without state.
func (m *MsgRemoveModel) ValidateBasic() error { return checkPlace(m.Sender, m.Digest) }

// ValidateBasic checks the message without state.
func (m *MsgListCommons) ValidateBasic() error {
	if n := len(m.Digests); n == 0 || n > MaxCommons {
		return fmt.Errorf("%w: %d digests, want 1 to %d", ErrInvalid, n, MaxCommons)
	}
	for _, d := range m.Digests {
		if err := wrap(subnettypes.CheckDigest("digest", d)); err != nil {
			return err
		}
	}
	return wrap(subnettypes.CheckSpelling("sender", m.Sender))
}

// ValidateBasic checks the message without state.
func (m *MsgSetServed) ValidateBasic() error {
	if err := CheckServed(m.Served); err != nil {
		return err
	}
	return wrap(subnettypes.CheckSpelling("sender", m.Sender))
}

// CheckServed holds the digests of a serving market to their form: at most MaxServed, each once, parts of 1 to 65,535.
func CheckServed(served []Served) error {
	if len(served) > MaxServed {
		return fmt.Errorf("%w: %d digests to serve, want at most %d", ErrInvalid, len(served), MaxServed)
	}
	seen := map[string]bool{}
	for _, s := range served {
		if err := wrap(subnettypes.CheckDigest("digest", s.Digest)); err != nil {
			return err
		}
		if s.Part == 0 || s.Part > math.MaxUint16 || seen[s.Digest] {
			return fmt.Errorf("%w: %s with part %d, want each digest once with a part of 1 to %d", ErrInvalid, s.Digest, s.Part, math.MaxUint16)
		}
		seen[s.Digest] = true
	}
	return nil
}

func checkPlace(account, digest string) error {
	if err := wrap(subnettypes.CheckDigest("digest", digest)); err != nil {
		return err
	}
	return wrap(subnettypes.CheckSpelling("account", account))
}

// Validate checks a stored model by itself. The error is ErrInvalid.
func (m Model) Validate() error {
	if err := checkPlace(m.Author, m.Digest); err != nil {
		return err
	}
	name := m.Name
	if m.Retired {
		name = "retired" // it has none
	}
	c := card{name, m.Licence, m.Format, m.Template, m.Bytes, m.Parameters, m.Sources, m.Root}
	if err := c.check(); err != nil {
		return err
	}
	if m.Netuid == 0 || m.Height < 0 || m.PublishedHeight < 0 || m.AuthorShare > basisPoints || m.Retired && m.Name != "" || m.EarnedAuthor > m.Earned {
		return fmt.Errorf("%w: model %s of netuid %d: height %d, published at %d, share %d, name %q, earned %d of %d",
			ErrInvalid, m.Digest, m.Netuid, m.Height, m.PublishedHeight, m.AuthorShare, m.Name, m.EarnedAuthor, m.Earned)
	}
	return nil
}

// Validate checks a stored commit by itself. The error is ErrInvalid.
func (c Commit) Validate() error {
	if c.Netuid == 0 || c.Height < 0 {
		return fmt.Errorf("%w: a commit of netuid %d at height %d", ErrInvalid, c.Netuid, c.Height)
	}
	return (&MsgCommitModel{Author: c.Author, Hash: c.Hash}).ValidateBasic()
}

// Validate checks a stored tombstone by itself. The error is ErrInvalid.
func (t Tombstone) Validate() error {
	if t.Netuid == 0 || t.Height < 0 || t.AuthorShare > basisPoints {
		return fmt.Errorf("%w: a tombstone of netuid %d, height %d, share %d", ErrInvalid, t.Netuid, t.Height, t.AuthorShare)
	}
	return checkPlace(t.Author, t.Digest)
}

// Validate checks a stored market by itself. The error is ErrInvalid.
func (m Market) Validate() error {
	if m.Netuid == 0 || m.NextFromUnixNano < 0 {
		return fmt.Errorf("%w: a market of netuid %d with a change at %d", ErrInvalid, m.Netuid, m.NextFromUnixNano)
	}
	if err := CheckServed(m.Served); err != nil {
		return err
	}
	return CheckServed(m.Next)
}

// ServedAt is what a serving market names at a time.
func (m Market) ServedAt(unixNano int64) []Served {
	if m.NextFromUnixNano != 0 && unixNano >= m.NextFromUnixNano {
		return m.Next
	}
	return m.Served
}

// Validate checks stored cards by themselves: by uid, each once. The error is ErrInvalid.
func (c Cards) Validate() error {
	next := uint32(0)
	for _, card := range c.Cards {
		if card.Uid < next || card.Registered < 0 {
			return fmt.Errorf("%w: cards of netuid %d, epoch %d: uid %d, want uids in order", ErrInvalid, c.Netuid, c.Epoch, card.Uid)
		}
		if err := wrap(subnettypes.CheckDigest("card", card.Digest)); err != nil {
			return err
		}
		next = card.Uid + 1
	}
	if c.Netuid == 0 || c.Height < 0 {
		return fmt.Errorf("%w: cards of netuid %d at height %d", ErrInvalid, c.Netuid, c.Height)
	}
	return nil
}

// DefaultGenesis has no models.
func DefaultGenesis() *GenesisState { return &GenesisState{} }

// Validate checks what can be checked without other modules: forms, that a digest is listed or buried once per subnet, that
// names are their author's alone, and that every order lies below the next. The error is ErrInvalid.
func (g GenesisState) Validate() error {
	if err := g.checkModels(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range g.Commits {
		key := fmt.Sprintf("%d/%s/%x", c.Netuid, c.Author, c.Hash)
		if err := c.Validate(); err != nil {
			return err
		}
		if seen[key] || c.Index >= g.NextIndex {
			return fmt.Errorf("%w: commit %d of netuid %d twice, or not below next_index %d", ErrInvalid, c.Index, c.Netuid, g.NextIndex)
		}
		seen[key] = true
	}
	for _, m := range g.Markets {
		if err := m.Validate(); err != nil {
			return err
		}
	}
	for _, c := range g.Commons {
		if err := wrap(subnettypes.CheckDigest("commons", c.Digest)); err != nil {
			return err
		}
	}
	for _, c := range g.Cards {
		if err := c.Validate(); err != nil {
			return err
		}
	}
	return nil
}

func (g GenesisState) checkModels() error {
	digests, names, counts := map[string]bool{}, map[string]bool{}, map[uint32]int{}
	place := func(netuid uint32, digest string, index uint64) error {
		key := fmt.Sprintf("%d/%s", netuid, digest)
		if digests[key] || index >= g.NextIndex {
			return fmt.Errorf("%w: %s of netuid %d twice, or index %d not below next_index %d", ErrInvalid, digest, netuid, index, g.NextIndex)
		}
		digests[key] = true
		return nil
	}
	for _, m := range g.Models {
		if err := m.Validate(); err != nil {
			return err
		}
		if err := place(m.Netuid, m.Digest, m.Index); err != nil {
			return err
		}
		name := fmt.Sprintf("%d/%s/%s", m.Netuid, m.Author, m.Name)
		if counts[m.Netuid]++; counts[m.Netuid] > MaxModels || !m.Retired && names[name] {
			return fmt.Errorf("%w: netuid %d has more than %d models, or two called %s", ErrInvalid, m.Netuid, MaxModels, m.Name)
		}
		names[name] = true
	}
	for _, t := range g.Tombstones {
		if err := t.Validate(); err != nil {
			return err
		}
		if err := place(t.Netuid, t.Digest, t.Index); err != nil {
			return err
		}
	}
	return nil
}
