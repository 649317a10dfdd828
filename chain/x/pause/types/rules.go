package types

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"agora/chain/network"
)

const (
	// LongestPause and LongestMotion bound what parameters may allow, in seconds.
	LongestPause  = 72 * 3600
	LongestMotion = longestWait

	longestWait = 30 * 86_400
	maxTypes    = 16
	maxType     = 128
	maxReason   = 256
	maxAddress  = 256
)

// never lists what no majority can stop: the way to a decision, the way out of stake, the way to earned money, and the
// way back from a pause.
var never = []string{
	"/cosmos.gov.",
	"/cosmos.staking.v1beta1.MsgUndelegate",
	"/agora.market.v1.MsgClaim",
	"/agora.market.v1.MsgRequestWithdraw",
	"/agora.market.v1.MsgWithdraw",
	"/agora.market.v1.MsgClose",
	"/agora.pause.",
}

// CheckPausable refuses what is never paused. The error is ErrNever.
func CheckPausable(typeURL string) error {
	for _, prefix := range never {
		if strings.HasPrefix(typeURL, prefix) {
			return fmt.Errorf("%w: %s", ErrNever, typeURL)
		}
	}
	return nil
}

// DefaultParams are the module's parameters at genesis.
func DefaultParams() Params {
	return Params{MaxSeconds: LongestPause, MotionSeconds: 86_400, RestSeconds: 86_400}
}

// Validate checks every bound. The error is ErrOutOfBounds.
func (p Params) Validate() error {
	for _, b := range []struct {
		name            string
		value, min, max uint64
	}{
		{"max_seconds", p.MaxSeconds, 1, LongestPause},
		{"motion_seconds", p.MotionSeconds, 60, longestWait},
		{"rest_seconds", p.RestSeconds, 0, longestWait},
	} {
		if b.value < b.min || b.value > b.max {
			return fmt.Errorf("%w: %s = %d, want %d to %d", ErrOutOfBounds, b.name, b.value, b.min, b.max)
		}
	}
	return nil
}

// ValidateBasic checks the message without state.
func (m *MsgPause) ValidateBasic() error {
	if err := checkForm(m.Sender, m.TypeUrls, m.Reason); err != nil {
		return err
	}
	if m.Seconds == 0 || m.Seconds > LongestPause {
		return fmt.Errorf("%w: a pause of %d seconds, want 1 to %d", ErrInvalid, m.Seconds, LongestPause)
	}
	return nil
}

// ValidateBasic checks the message without state.
func (m *MsgResume) ValidateBasic() error { return checkForm(m.Sender, m.TypeUrls, m.Reason) }

// ValidateBasic checks the message without state.
func (m *MsgVote) ValidateBasic() error { return checkAddress(m.Operator) }

// ValidateBasic checks the message without state.
func (m *MsgUpdateParams) ValidateBasic() error {
	if err := checkAddress(m.Authority); err != nil {
		return err
	}
	return m.Params.Validate()
}

// checkForm checks what pauses and resumptions share.
func checkForm(sender string, typeURLs []string, reason string) error {
	if len(typeURLs) == 0 || len(typeURLs) > maxTypes {
		return fmt.Errorf("%w: %d message types, want 1 to %d", ErrInvalid, len(typeURLs), maxTypes)
	}
	for i, url := range typeURLs {
		if len(url) < 2 || len(url) > maxType || url[0] != '/' || !printable(url) {
			return fmt.Errorf("%w: message type %.40q, want /package.Message", ErrInvalid, url)
		}
		if slices.Contains(typeURLs[:i], url) {
			return fmt.Errorf("%w: %s twice", ErrInvalid, url)
		}
		if err := CheckPausable(url); err != nil {
			return err
		}
	}
	if reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) {
		return fmt.Errorf("%w: reason of %d bytes, want 1 to %d of UTF-8", ErrInvalid, len(reason), maxReason)
	}
	return checkAddress(sender)
}

// printable tells whether text is ASCII without blanks.
func printable(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r <= 0x20 || r > 0x7e }) < 0
}

// checkAddress accepts one spelling of each account: bech32 can also be read in capitals, and a second spelling would be
// a second voter.
func checkAddress(address string) error {
	if len(address) > maxAddress {
		return fmt.Errorf("%w: address of %d bytes", ErrInvalid, len(address))
	}
	if _, err := network.Account(address); err != nil {
		return fmt.Errorf("%w: address %q: %w", ErrInvalid, address, err)
	}
	return nil
}

// DefaultGenesis pauses nothing.
func DefaultGenesis() *GenesisState {
	return &GenesisState{Params: DefaultParams(), NextMotion: 1}
}

// Validate checks that nothing is paused twice or can never be, and that motions have ids of their own.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	paused := map[string]bool{}
	for _, p := range g.Pauses {
		if err := CheckPausable(p.TypeUrl); err != nil {
			return err
		}
		if paused[p.TypeUrl] {
			return fmt.Errorf("%w: %s is paused twice", ErrInvalid, p.TypeUrl)
		}
		paused[p.TypeUrl] = true
	}
	ids := map[uint64]bool{}
	for _, m := range g.Motions {
		if m.Id == 0 || m.Id >= g.NextMotion || ids[m.Id] {
			return fmt.Errorf("%w: motion %d, next %d", ErrInvalid, m.Id, g.NextMotion)
		}
		if err := m.Validate(); err != nil {
			return err
		}
		ids[m.Id] = true
	}
	return nil
}

// Validate checks the motion's form, and that its mover voted first and nobody twice.
func (m Motion) Validate() error {
	if err := checkForm(m.Mover, m.TypeUrls, m.Reason); err != nil {
		return err
	}
	if m.Seconds > LongestPause || len(m.Voters) == 0 || m.Voters[0] != m.Mover {
		return fmt.Errorf("%w: motion %d of %s for %d seconds with voters %v", ErrInvalid, m.Id, m.Mover, m.Seconds, m.Voters)
	}
	for i, voter := range m.Voters {
		if err := checkAddress(voter); err != nil {
			return err
		}
		if slices.Contains(m.Voters[:i], voter) {
			return fmt.Errorf("%w: %s voted twice for motion %d", ErrInvalid, voter, m.Id)
		}
	}
	return nil
}
