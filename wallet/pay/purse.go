// Package pay is a consumer's side of payment channels: a purse that signs vouchers and never for more than it owes and
// allows, and an OpenAI endpoint on this machine that pays for each request with it.
package pay

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"agora/mechanism/voucher"
)

// Why a purse does not pay.
var (
	ErrCap     = errors.New("above the spending cap")
	ErrDeposit = errors.New("the channel's deposit is used up: top it up")
	ErrDamaged = errors.New("the purse is damaged")
)

// Caps bound what a purse spends, in rao; 0 is no bound.
type Caps struct {
	Request uint64 `json:"request,omitempty"`
	Day     uint64 `json:"day,omitempty"`   // UTC
	Month   uint64 `json:"month,omitempty"` // UTC
}

// document is a purse's file. Amounts are rao.
type document struct {
	Version int       `json:"version"` // 1
	ChainID string    `json:"chain_id"`
	Channel uint64    `json:"channel"`
	Payer   string    `json:"payer"`
	Payee   string    `json:"payee"`
	Gateway string    `json:"gateway"`
	Seed    []byte    `json:"seed"` // of the key that signs; the channel knows its public half
	Deposit uint64    `json:"deposit"`
	Caps    Caps      `json:"caps"`
	Owed    amounts   `json:"owed"`   // for what was answered, by subnet
	Open    uint64    `json:"open"`   // most that requests may cost that are open
	Unseen  uint64    `json:"unseen"` // most that requests may have cost whose end was not seen
	Signed  amounts   `json:"signed"` // the highest voucher that left
	Day     period    `json:"day"`
	Month   period    `json:"month"`
	Opened  time.Time `json:"opened"`
}

type amounts = voucher.Parts

// period is what was spent in a day or month.
type period struct {
	Name  string `json:"name"`
	Spent uint64 `json:"spent"`
}

// Purse signs for one channel. It may be used concurrently, and by one program at a time.
type Purse struct {
	path string
	key  ed25519.PrivateKey
	now  func() time.Time

	mu       sync.Mutex
	doc      document
	reserved map[uint32]uint64 // of doc.Open, by subnet; 0 where it is not known yet
}

// usualCap is the most that one request may cost where nothing else was said, in rao.
const usualCap = 100_000_000

// File is where a wallet keeps the purse for a gateway.
func File(wallet, gateway string) string {
	tame := strings.NewReplacer("://", "-", "/", "-", ":", "-").Replace(strings.TrimSuffix(gateway, "/"))
	return filepath.Join(wallet, "pay", tame+".json")
}

// Terms are what a new purse is for.
type Terms struct {
	ChainID, Payer, Payee, Gateway string
	Channel, Deposit               uint64
	Caps                           Caps
}

// Create keeps a new purse with its key at path, mode 0600; there must be no file.
func Create(path string, key ed25519.PrivateKey, t Terms) (*Purse, error) {
	if _, err := os.Stat(path); err == nil {
		return nil, fmt.Errorf("there is a purse at %s already", path)
	}
	p := &Purse{path: path, key: key, now: time.Now, reserved: map[uint32]uint64{}}
	p.doc = document{
		Version: 1, ChainID: t.ChainID, Channel: t.Channel, Payer: t.Payer, Payee: t.Payee, Gateway: t.Gateway, Seed: key.Seed(),
		Deposit: t.Deposit, Caps: t.Caps, Opened: time.Now().UTC().Truncate(time.Second),
	}
	if p.doc.Caps.Request == 0 {
		p.doc.Caps.Request = usualCap
	}
	return p, p.save(true)
}

const maxPurse = 1 << 20

// Open reads a purse. What was open when its program ended may have been charged up to what it allowed.
func Open(path string) (*Purse, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxPurse {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrDamaged, path, info.Size())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &Purse{path: path, now: time.Now, reserved: map[uint32]uint64{}}
	if err := json.Unmarshal(raw, &p.doc); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if p.doc.Version != 1 || len(p.doc.Seed) != ed25519.SeedSize || p.doc.Channel == 0 || p.doc.Owed.Check() != nil || p.doc.Signed.Check() != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, path)
	}
	p.key = ed25519.NewKeyFromSeed(p.doc.Seed)
	p.doc.Unseen, p.doc.Open = p.doc.Unseen+p.doc.Open, 0
	return p, p.save(true)
}

// save puts a new file in the old one's place: after a kill there is one or the other. What a power cut must not take
// back is synced too.
func (p *Purse) save(sync bool) error {
	raw, err := json.MarshalIndent(p.doc, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(p.path), ".purse-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	_, err = f.Write(append(raw, '\n'))
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), p.path)
}

// Status is a purse as people read it, in rao.
type Status struct {
	Channel uint64 `json:"channel"`
	Payer   string `json:"payer"`
	Payee   string `json:"payee"`
	Gateway string `json:"gateway"`
	Deposit uint64 `json:"deposit"`
	Owed    uint64 `json:"owed"`
	Unseen  uint64 `json:"unseen"`
	Signed  uint64 `json:"signed"`
	Today   uint64 `json:"today"`
	Month   uint64 `json:"this_month"`
	Caps    Caps   `json:"caps"`
}

// Status is the purse now.
func (p *Purse) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, m := p.periods()
	return Status{
		Channel: p.doc.Channel, Payer: p.doc.Payer, Payee: p.doc.Payee, Gateway: p.doc.Gateway, Deposit: p.doc.Deposit,
		Owed: p.doc.Owed.Total(), Unseen: p.doc.Unseen, Signed: p.doc.Signed.Total(), Today: d.Spent, Month: m.Spent, Caps: p.doc.Caps,
	}
}

// periods are today's and this month's spending. A clock that was set back over midnight begins no day anew.
func (p *Purse) periods() (day, month period) {
	now := p.now().UTC()
	day, month = p.doc.Day, p.doc.Month
	if day.Name == now.AddDate(0, 0, 1).Format(time.DateOnly) {
		return day, month
	}
	if name := now.Format(time.DateOnly); day.Name != name {
		day = period{Name: name}
	}
	if name := now.Format("2006-01"); month.Name != name {
		month = period{Name: name}
	}
	return day, month
}

// Set changes deposit and caps; a deposit of 0 stays.
func (p *Purse) Set(deposit uint64, caps *Caps) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if deposit > 0 {
		p.doc.Deposit = deposit
	}
	if caps != nil {
		p.doc.Caps = *caps
	}
	return p.save(true)
}

// Allowance is what a request may cost now: the least of what the caps and the deposit leave. The error is ErrCap or
// ErrDeposit where nothing is left.
func (p *Purse) Allowance() (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.allowance()
}

func (p *Purse) allowance() (uint64, error) {
	used := p.doc.Owed.Total() + p.doc.Unseen + p.doc.Open
	if used >= p.doc.Deposit {
		return 0, fmt.Errorf("%w: %d rao of %d", ErrDeposit, used, p.doc.Deposit)
	}
	left := p.doc.Deposit - used
	day, month := p.periods()
	for _, c := range []struct {
		name        string
		most, spent uint64
		perRequest  bool
	}{
		{"per request", p.doc.Caps.Request, 0, true},
		{"per day", p.doc.Caps.Day, day.Spent, false},
		{"per month", p.doc.Caps.Month, month.Spent, false},
	} {
		if c.most == 0 {
			continue
		}
		spent := c.spent
		if !c.perRequest {
			spent += p.doc.Open
		}
		if spent >= c.most {
			return 0, fmt.Errorf("%w %s: %d rao of %d", ErrCap, c.name, spent, c.most)
		}
		left = min(left, c.most-spent)
	}
	return left, nil
}

// Begin opens a request that may cost up to ceiling in a subnet. The error is ErrCap or ErrDeposit.
func (p *Purse) Begin(netuid uint32, ceiling uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begin(netuid, ceiling)
}

// begin is Begin with the lock held.
func (p *Purse) begin(netuid uint32, ceiling uint64) error {
	left, err := p.allowance()
	if err != nil {
		return err
	}
	if ceiling > left {
		return fmt.Errorf("%w: the request may cost %d rao, %d are allowed", ErrCap, ceiling, left)
	}
	p.reserved[netuid] += ceiling
	p.doc.Open += ceiling
	return p.save(false)
}

// Most is what a request is let to cost before it is known what it may: the cap, or a part of what is left where that is
// less, so that others have room beside it.
func (p *Purse) Most() (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left, err := p.allowance()
	return min(left, max(1, (p.doc.Deposit-p.doc.Owed.Total())/8)), err
}

// Exchange begins a request anew of which more is known now. The error is ErrCap or ErrDeposit, and it is not open then.
func (p *Purse) Exchange(before uint64, netuid uint32, ceiling uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock() // throughout: a request that is charged already must not be seen closed in between
	p.release(0, before)
	return p.begin(netuid, ceiling)
}

// release takes a request out of those that are open. The lock is held.
func (p *Purse) release(netuid uint32, ceiling uint64) {
	p.reserved[netuid] -= min(ceiling, p.reserved[netuid])
	p.doc.Open -= min(ceiling, p.doc.Open)
}

// Unsure says whether requests are open of which it is not known yet what they may cost, and where: no voucher is for them.
func (p *Purse) Unsure() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reserved[0] > 0
}

// End closes a request that had ceiling: it cost this much, at most the ceiling; or, if its end was not seen, nobody knows
// yet.
func (p *Purse) End(netuid uint32, ceiling, cost uint64, seen bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release(netuid, ceiling)
	if !seen {
		p.doc.Unseen += ceiling
		return p.save(false)
	}
	p.owe(netuid, min(cost, ceiling))
	return p.save(false)
}

// owe adds to what is owed and was spent. The lock is held.
func (p *Purse) owe(netuid uint32, cost uint64) {
	if cost == 0 {
		return
	}
	p.doc.Owed = p.doc.Owed.Plus(voucher.Parts{{Netuid: netuid, Amount: cost}})
	p.doc.Day, p.doc.Month = p.periods()
	p.doc.Day.Spent += cost
	p.doc.Month.Spent += cost
}

// Learn takes what the gateway says it charged in all, by subnet. More than is known to be owed is believed only as far as
// requests may have cost whose end was not seen; what may be of a request that is open waits for its end. open is how many
// the gateway still has open: until it has none, one whose end was not seen may yet be charged. It returns what is not
// believed.
func (p *Purse) Learn(charged voucher.Parts, open uint64) (disputed uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	allowed := p.doc.Unseen + p.doc.Open
	for _, part := range charged {
		have := p.doc.Owed.Of(part.Netuid)
		if part.Amount <= have {
			continue
		}
		more := min(part.Amount-have, allowed)
		allowed -= more
		disputed += part.Amount - have - more
		if p.doc.Open == 0 { // else it may be of a request whose cost is on its way
			p.doc.Unseen -= more
			p.owe(part.Netuid, more)
		}
	}
	if p.doc.Open == 0 && open == 0 && disputed == 0 {
		p.doc.Unseen = 0 // nothing is open, and all that was charged is known
	}
	return disputed, p.save(true)
}

// Sign promises what is owed, and ahead for the requests that are open where the payee asks for it; never less than before,
// and written down before it leaves. A purse that owes nothing promises one rao, which shows that it holds the key.
func (p *Purse) Sign(netuid uint32, ahead bool) (voucher.Voucher, []byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := p.doc.Owed
	if ahead {
		for id, ceiling := range p.reserved {
			if ceiling > 0 && id > 0 {
				parts = parts.Plus(voucher.Parts{{Netuid: id, Amount: ceiling}})
			}
		}
	}
	if len(parts) == 0 {
		parts = voucher.Parts{{Netuid: netuid, Amount: 1}}
	}
	for _, part := range p.doc.Signed {
		if have := parts.Of(part.Netuid); have < part.Amount {
			parts = parts.Plus(voucher.Parts{{Netuid: part.Netuid, Amount: part.Amount - have}})
		}
	}
	v := voucher.Voucher{Channel: p.doc.Channel, Parts: parts}
	signature, err := v.Sign(p.doc.ChainID, p.key)
	if err != nil {
		return v, nil, err
	}
	if !p.doc.Signed.Covers(parts) {
		p.doc.Signed = parts
		if err := p.save(true); err != nil {
			return v, nil, err
		}
	}
	return v, signature, nil
}

// Credit promises the whole deposit: whoever holds the voucher may use it up.
func (p *Purse) Credit(netuid uint32) (voucher.Voucher, []byte, error) {
	p.mu.Lock()
	if total := p.doc.Signed.Total(); total < p.doc.Deposit {
		p.doc.Signed = p.doc.Signed.Plus(voucher.Parts{{Netuid: netuid, Amount: p.doc.Deposit - total}})
	}
	err := p.save(true)
	p.mu.Unlock()
	if err != nil {
		return voucher.Voucher{}, nil, err
	}
	return p.Sign(netuid, false)
}

// ChainID is the chain that the purse's channel is on.
func (p *Purse) ChainID() string { return p.doc.ChainID }

// Redirect changes the gateway that is asked, for one that has moved.
func (p *Purse) Redirect(gateway string) { p.doc.Gateway = gateway }

// Gateway is the base URL of the gateway that it pays, without /v1.
func (p *Purse) Gateway() string { return p.doc.Gateway }
