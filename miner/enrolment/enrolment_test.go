package enrolment_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/chain/network"
	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/miner/enrolment"
	"agora/scenario/stage"
)

const tao = network.TAO

// fullMarket is a chain whose only subnet has a neuron on each of its 16 seats. Its blocks come on demand.
func fullMarket(t *testing.T) (*stage.Stage, *client.Client, context.Context) {
	t.Helper()
	s, err := stage.Open(stage.Plan{
		ChainID: "agora-enrolment-test", Validators: 2, Miners: 14, Tempo: 40, RevealDelay: 1, MaxUids: 16,
		Subnets: []stage.Subnet{{Name: "chat", Family: "exact"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	c := client.New(s, "agora-enrolment-test")
	c.PollEvery(5 * time.Millisecond)
	return s, c, ctx
}

// bidder asks for a seat with a hot key of its own, in the name of miner i, and reports to waiting that it waits.
func bidder(i int, rao uint64, waiting func(uint64)) enrolment.Request {
	seed := sha256.Sum256(fmt.Appendf(nil, "bidder %d", i))
	return enrolment.Request{
		NetUID: 1, Hot: ed25519.NewKeyFromSeed(seed[:]), Owner: client.ColdSigner(stage.MinerKey(i)), MaxPrice: rao,
		Card: subnettypes.ModelCard{Name: "model", Licence: "MIT", Input: "text", Output: "text"}, Waiting: waiting,
	}
}

// Who cannot publish his card does not pay for a place.
func TestAModelThatIsNotListedIsRefusedBeforeAnythingIsPaid(t *testing.T) {
	good := "sha256:" + strings.Repeat("ab", 32)
	s, err := stage.Open(stage.Plan{
		ChainID: "agora-enrolment-test", Validators: 2, Miners: 1, Tempo: 40, RevealDelay: 1,
		Subnets: []stage.Subnet{{Name: "chat", Family: "exact", Models: []modeltypes.Model{{Netuid: 1, Digest: good, Name: "model", Licence: "MIT", Format: "gguf", Parameters: 1, Bytes: 1}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := client.New(s, "agora-enrolment-test")
	account := stage.Address(stage.MinerKey(0))
	before, err := c.Balance(ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{"", "sha256:" + strings.Repeat("cd", 32)} {
		r := bidder(0, 100*tao, nil)
		r.Card.Digest = digest
		if _, err := enrolment.Enrol(ctx, c, r); !errors.Is(err, enrolment.ErrUnlisted) || !strings.Contains(err.Error(), "agora model publish") {
			t.Errorf("digest %q: %v", digest, err)
		}
	}
	if after, err := c.Balance(ctx, account); err != nil || after != before {
		t.Errorf("%d rao before, %d after: %v", before, after, err)
	}
	if s.Pending() > 0 {
		t.Error("a transaction was sent")
	}
}

// TestAMinerBidsForASeatOfAFullSubnet enrols five miners at once where four seats change hands: four wait for the end of the
// tempo and sit then, and who offered least is told so and has its money back.
func TestAMinerBidsForASeatOfAFullSubnet(t *testing.T) {
	s, c, ctx := fullMarket(t)
	const bidders = 5
	before, err := c.Balance(ctx, stage.Address(stage.MinerKey(0)))
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan uint64, bidders)
	var lost [bidders]error
	var uids [bidders]uint32
	var left sync.WaitGroup
	for i := range bidders {
		left.Go(func() {
			res, err := enrolment.Enrol(ctx, c, bidder(i, uint64(2+i)*tao, func(rao uint64) { waits <- rao }))
			lost[i], uids[i] = err, res.UID
		})
		play(t, s, func() bool { return s.Pending() > 0 }, func() bool { return len(waits) == i+1 })
	}
	over := make(chan struct{})
	go func() { left.Wait(); close(over) }()
	play(t, s, func() bool { return true }, func() bool {
		select {
		case <-over:
			return true
		default:
			return false
		}
	})
	if err := lost[0]; !errors.Is(err, enrolment.ErrOutbid) || !strings.Contains(err.Error(), "raise --max-price") {
		t.Errorf("the lowest bid ends with %v", err)
	}
	for i := 1; i < bidders; i++ {
		if lost[i] != nil || uids[i] < 2 {
			t.Errorf("bid %d: uid %d, %v", i, uids[i], lost[i])
		}
	}
	neurons, err := c.Neurons(ctx, 1)
	if err != nil || len(neurons) != 16 {
		t.Fatalf("%d neurons: %v", len(neurons), err)
	}
	for i := 1; i < bidders; i++ {
		if card := neurons[uids[i]].Card; card == nil || card.Name != "model" {
			t.Errorf("uid %d has the card %v", uids[i], card)
		}
	}
	if after, err := c.Balance(ctx, stage.Address(stage.MinerKey(0))); err != nil || before-after > tao/10 {
		t.Errorf("the lowest bidder had %d rao and has %d: %v", before, after, err)
	}
}

// play makes a block whenever it is time for one, until done holds.
func play(t *testing.T, s *stage.Stage, due, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(100 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("100 seconds went by and it did not happen")
		}
		if !due() {
			continue
		}
		if err := s.Play(1); err != nil {
			t.Fatal(err)
		}
	}
}
