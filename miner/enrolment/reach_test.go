package enrolment_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/miner/enrolment"
	"agora/scenario/stage"
	"agora/wire"
)

// young is a chain whose only subnet has a voice that no miner can dial yet.
func young(t *testing.T) (*stage.Stage, *client.Client, context.Context) {
	t.Helper()
	s, err := stage.Open(stage.Plan{
		ChainID: "agora-enrolment-test", Validators: 1, Miners: 1, Tempo: 40, RevealDelay: 1,
		Subnets: []stage.Subnet{{Name: "chat", Family: "exact"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	c := client.New(s, "agora-enrolment-test")
	c.PollEvery(5 * time.Millisecond)
	return s, c, ctx
}

// publishes has the validator say where miners find it.
func publishes(t *testing.T, s *stage.Stage, c *client.Client, addresses ...string) {
	t.Helper()
	operator := stage.ValidatorKey(0)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Queue(client.ColdSigner(operator)).Send(t.Context(), &subnettypes.MsgSetProfile{
			Operator: stage.Address(operator), Addresses: addresses, Identity: subnettypes.Identity{Name: "validator"},
		})
		sent <- err
	}()
	play(t, s, func() bool { return s.Pending() > 0 }, func() bool { return len(sent) > 0 })
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// door is an address on this machine that can be dialled.
func door(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// Who comes in the first minute of a subnet waits for a validator, is told so once, and pays only when one can be dialled.
func TestAMinerOfANewSubnetWaitsForAValidatorBeforeItPays(t *testing.T) {
	s, c, ctx := young(t)
	told, enrolled := make(chan error, 10), make(chan error, 1)
	r := bidder(0, 100*tao, nil)
	p := enrolment.Patience{For: time.Minute, Every: 10 * time.Millisecond, Told: func(reason error) { told <- reason }}
	r.Before = func() error { return p.Await(ctx, c, 1, true) }
	go func() {
		_, err := enrolment.Enrol(ctx, c, r)
		enrolled <- err
	}()
	if reason := <-told; !errors.Is(reason, enrolment.ErrUnjudged) || !strings.Contains(reason.Error(), "published an address") {
		t.Errorf("it is told %v", reason)
	}
	publishes(t, s, c, "127.0.0.1:9") // where nobody listens
	time.Sleep(50 * time.Millisecond)
	if s.Pending() > 0 || len(enrolled) > 0 {
		t.Fatal("it did not wait for a validator that can be dialled")
	}
	publishes(t, s, c, door(t))
	play(t, s, func() bool { return s.Pending() > 0 }, func() bool { return len(enrolled) > 0 })
	if err := <-enrolled; err != nil || len(told) > 0 {
		t.Errorf("it ends with %v, told %d times more", err, len(told))
	}
}

// Waiting does not help where every address is one that the miner may not dial, and it has an end.
func TestAMinerDoesNotWaitInVainOrForEver(t *testing.T) {
	s, c, ctx := young(t)
	told := 0
	p := enrolment.Patience{For: 30 * time.Millisecond, Every: 10 * time.Millisecond, Told: func(error) { told++ }}
	began := time.Now()
	if err := p.Await(ctx, c, 1, true); !errors.Is(err, enrolment.ErrUnjudged) || told != 1 || time.Since(began) < p.For {
		t.Errorf("after %v and %d words: %v", time.Since(began), told, err)
	}
	if err := (enrolment.Patience{}).Await(ctx, c, 1, true); !errors.Is(err, enrolment.ErrUnjudged) {
		t.Errorf("without patience: %v", err)
	}
	publishes(t, s, c, door(t))
	p.For, told = time.Minute, 0
	if err := p.Await(ctx, c, 1, false); !errors.Is(err, wire.ErrPrivate) || errors.Is(err, enrolment.ErrUnjudged) || told != 0 {
		t.Errorf("private addresses, %d words: %v", told, err)
	}
}
