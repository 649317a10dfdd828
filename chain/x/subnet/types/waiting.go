package types

import (
	"fmt"

	"cosmossdk.io/collections"
)

// Key is where a held lock is kept: by when it is due, and subnet.
func (l HeldLock) Key() collections.Pair[int64, uint32] {
	return collections.Join(l.DueUnixNano, l.Netuid)
}

// Validate checks the owner's spelling and that there is something to pay back. The error is ErrInvalid.
func (l HeldLock) Validate() error {
	if l.Netuid == 0 || l.Amount == 0 || l.Amount > maxAmount || l.DueUnixNano <= 0 {
		return fmt.Errorf("%w: a lock of %d rao of netuid %d, due at %d", ErrInvalid, l.Amount, l.Netuid, l.DueUnixNano)
	}
	return CheckSpelling("owner", l.Owner)
}

// Validate checks how both accounts are spelled, and that they are two. The error is ErrInvalid.
func (c KeyChange) Validate() error {
	if err := CheckSpelling("account", c.Account); err != nil {
		return err
	}
	if c.Account == c.NewAccount {
		return fmt.Errorf("%w: %s goes to itself", ErrInvalid, c.Account)
	}
	return CheckSpelling("new account", c.NewAccount)
}

// ValidateBasic checks the message without state.
func (m *MsgProposeSubnetOwner) ValidateBasic() error {
	if err := checkAddress("sender", m.Sender); err != nil {
		return err
	}
	return checkAddress("new owner", m.NewOwner)
}

// ValidateBasic checks the message without state.
func (m *MsgCancelSubnetOwner) ValidateBasic() error { return checkAddress("sender", m.Sender) }

// ValidateBasic checks the message without state.
func (m *MsgAcceptSubnetOwner) ValidateBasic() error { return checkAddress("new owner", m.NewOwner) }

// ValidateBasic checks the message without state.
func (m *MsgDescribeSubnet) ValidateBasic() error {
	if err := checkAddress("sender", m.Sender); err != nil {
		return err
	}
	if err := m.Mechanism.Validate(); err != nil {
		return err
	}
	return m.Identity.Validate()
}

// ValidateBasic checks the message without state.
func (m *MsgAnnounceKey) ValidateBasic() error {
	return KeyChange{Account: m.Account, NewAccount: m.NewAccount}.Validate()
}

// ValidateBasic checks the message without state.
func (m *MsgDisputeKey) ValidateBasic() error {
	if err := checkAddress("sender", m.Sender); err != nil {
		return err
	}
	return checkAddress("account", m.Account)
}

// ValidateBasic checks the message without state.
func (m *MsgAcceptKey) ValidateBasic() error {
	return KeyChange{Account: m.Account, NewAccount: m.NewAccount}.Validate()
}

// checkWaiting checks what waits in a genesis: held locks of subnets that are gone, each once, and one change per account.
func (g GenesisState) checkWaiting(subnets map[uint32]Subnet) error {
	held := map[uint32]bool{}
	for _, l := range g.HeldLocks {
		if err := l.Validate(); err != nil {
			return err
		}
		if _, there := subnets[l.Netuid]; there || held[l.Netuid] || l.Netuid >= g.NextNetuid {
			return fmt.Errorf("%w: a held lock of netuid %d, which is there, has one already, or never was", ErrInvalid, l.Netuid)
		}
		held[l.Netuid] = true
	}
	moving := map[string]bool{}
	for _, c := range g.KeyChanges {
		if err := c.Validate(); err != nil {
			return err
		}
		if moving[c.Account] {
			return fmt.Errorf("%w: two changes of %s", ErrInvalid, c.Account)
		}
		moving[c.Account] = true
	}
	return nil
}

// checkProposals checks the proposed owner and the announced description of a subnet.
func (s Subnet) checkProposals() error {
	if s.NewOwner != "" {
		if err := CheckSpelling("new owner", s.NewOwner); err != nil {
			return err
		}
	}
	if s.Next == nil {
		return nil
	}
	if s.Next.Mechanism.Id != s.Mechanism.Id {
		return fmt.Errorf("%w: netuid %d would change its mechanism's id", ErrInvalid, s.Netuid)
	}
	if err := s.Next.Mechanism.Validate(); err != nil {
		return err
	}
	return s.Next.Identity.Validate()
}
