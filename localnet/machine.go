package localnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/engine"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/miner"
	"agora/miner/enrolment"
	"agora/wire/openai"
)

// A market that serves the smallest model, in which one machine stands behind one key and one of the same speed behind five.
const (
	machinesName  = "machines" // the account that opens it, and the market
	machinesTempo = 30         // blocks
	machineKeys   = 5
	machineSlots  = 64      // that the one key declares; each of the five a quarter
	machineSpeed  = 500     // tokens a second that a machine writes, or reads four times
	machinesNoise = 0.05    // by which the five may earn more or less than the one
	machinesWait  = 14      // epochs in which they must
	machinesPrice = 1 << 40 // rao at most, for a key
)

// machine is an engine of a fixed speed, whoever asks: of two on one processor each is as fast as it says.
type machine struct {
	*llm.Engine
	mu    sync.Mutex
	ready time.Time // when it has done all that it was asked so far
}

// Chat answers with the engine's tokens when the machine's time has come.
func (m *machine) Chat(ctx context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	var tokens []engine.Token
	usage, finish, err := m.Engine.Chat(ctx, r, func(t engine.Token) error {
		tokens = append(tokens, t)
		return nil
	})
	if err != nil {
		return usage, finish, err
	}
	select {
	case <-time.After(time.Until(m.take(float64(usage.CompletionTokens) + float64(usage.PromptTokens)/4))):
	case <-ctx.Done():
		return usage, finish, ctx.Err()
	}
	for _, t := range tokens {
		if err := emit(t); err != nil {
			return usage, finish, err
		}
	}
	return usage, finish, nil
}

// take is when the machine has done so many tokens more.
func (m *machine) take(tokens float64) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); m.ready.Before(now) {
		m.ready = now
	}
	m.ready = m.ready.Add(time.Duration(tokens / machineSpeed * float64(time.Second)))
	return m.ready
}

// machines lets two machines of the same speed serve, one behind one key and one behind five, and waits until the five earn together what
// the one does.
func (c *checker) machines(ctx context.Context) (string, error) {
	card := ladder.Cards()[0]
	netuid, err := c.openMachines(ctx, card)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	one, err := c.runMachine(ctx, &work, netuid, card.Name, machineSlots, []string{machinesName + "-one"})
	if err != nil {
		return "", err
	}
	var names []string
	for i := range machineKeys {
		names = append(names, fmt.Sprintf("%s-%d", machinesName, i+1))
	}
	five, err := c.runMachine(ctx, &work, netuid, card.Name, machineSlots/4, names)
	if err != nil {
		return "", err
	}
	return c.alike(ctx, netuid, one[0], five)
}

// alike waits for an epoch in which some seats together are paid what another one is.
func (c *checker) alike(ctx context.Context, netuid, one uint32, five []uint32) (string, error) {
	detail := "no epoch has paid them"
	for range machinesWait {
		record, err := c.afterEpochs(ctx, netuid, 1)
		if err != nil {
			return "", fmt.Errorf("%w: %s", err, detail)
		}
		in := incentives(record)
		var sum uint32
		for _, uid := range five {
			sum += in[uid]
		}
		if in[one] == 0 || sum == 0 {
			continue
		}
		ratio := float64(sum) / float64(in[one])
		detail = fmt.Sprintf("%d keys on one machine earn %.3f of what one key on such a machine does", machineKeys, ratio)
		if ratio >= 1-machinesNoise && ratio <= 1+machinesNoise {
			return detail, nil
		}
		fmt.Fprintf(c.out, "        %s\n", detail)
	}
	return "", errors.New(detail)
}

// runMachine lets one machine serve behind keys of these names, which share its places, until ctx ends.
func (c *checker) runMachine(ctx context.Context, work *sync.WaitGroup, netuid uint32, model string, slots int, names []string) (uids []uint32, err error) {
	e, err := ladder.Open(model, llm.Options{})
	if err != nil {
		return nil, err
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	server := miner.NewServer(&machine{Engine: e}, miner.Options{Capacity: minerCapacity, Queue: 1024, Log: quiet})
	var running sync.WaitGroup
	defer work.Go(func() {
		<-ctx.Done()
		running.Wait()
		_ = e.Close() // it was read only
	})
	for _, name := range names {
		seat, err := c.seatFor(ctx, netuid, name, e.Info(), slots)
		if err != nil {
			return nil, err
		}
		m, err := miner.New(miner.Config{
			Key: keys(c.file.Seed).hot(name), NetUID: netuid, Handler: server, AllowPrivate: true, Poll: time.Second, MaxBackoff: 2 * time.Second, Log: quiet,
			Directory: &enrolment.Directory{Client: c.chain, NetUID: netuid, Every: 2 * time.Second}, Seat: func() (miner.Seat, bool) { return seat, true },
		})
		if err != nil {
			return nil, err
		}
		running.Go(func() { _ = m.Run(ctx) }) // always nil
		uids = append(uids, seat.UID)
	}
	return uids, nil
}

// seatFor registers a key.
func (c *checker) seatFor(ctx context.Context, netuid uint32, name string, info engine.Info, slots int) (miner.Seat, error) {
	owner, err := c.coldKey(machinesName)
	if err != nil {
		return miner.Seat{}, err
	}
	info.Capacity = slots
	r, err := enrolment.Enrol(ctx, c.chain, enrolment.Request{NetUID: netuid, Hot: keys(c.file.Seed).hot(name), Owner: owner, MaxPrice: machinesPrice, Card: enrolment.Card(info)})
	if err != nil {
		return miner.Seat{}, fmt.Errorf("key %s: %w", name, err)
	}
	return miner.Seat{ChainID: c.chain.ChainID(), NetUID: netuid, UID: r.UID, Registered: r.Registered, Model: info}, nil
}

// openMachines opens the market, publishes the model in it and starts it; an earlier check's is gone on with.
func (c *checker) openMachines(ctx context.Context, card ladder.Card) (uint32, error) {
	key, err := c.coldKey(machinesName)
	if err != nil {
		return 0, err
	}
	queue := c.chain.Queue(key)
	s, found, err := c.named(ctx, machinesName)
	if err != nil || found && s.Started {
		return s.Netuid, err
	}
	if !found {
		if _, err := queue.Send(ctx, &subnettypes.MsgCreateSubnet{
			Sender: queue.Address(), Name: machinesName, Mechanism: subnettypes.Mechanism{Id: "serve"},
			Identity: subnettypes.Identity{Name: machinesName, Description: "The smallest model, served by a machine behind one key and one behind five."},
		}); err != nil {
			return 0, fmt.Errorf("create the subnet: %w", err)
		}
		if s, _, err = c.named(ctx, machinesName); err != nil {
			return 0, err
		}
	}
	set := func(name string, value int64) *subnettypes.MsgSetParameter {
		return &subnettypes.MsgSetParameter{Sender: queue.Address(), Netuid: s.Netuid, Name: name, Value: value}
	}
	served := &modeltypes.MsgSetServed{Sender: queue.Address(), Netuid: s.Netuid, Served: []modeltypes.Served{{Digest: card.Digest, Part: 1}}}
	if _, err := queue.Send(ctx, set(subnettypes.Tempo, machinesTempo), set(subnettypes.RevealDelay, 1), set(subnettypes.Openness, 1), served); err != nil {
		return 0, fmt.Errorf("set what it serves: %w", err)
	}
	if err := c.publishCard(ctx, queue, s.Netuid, card); err != nil {
		return 0, fmt.Errorf("publish %s: %w", card.Name, err)
	}
	if _, err := queue.Send(ctx, &subnettypes.MsgStartSubnet{Owner: queue.Address(), Netuid: s.Netuid}); err != nil {
		return 0, fmt.Errorf("start it: %w", err)
	}
	return s.Netuid, nil
}

// publishCard commits to a model that ships and publishes it, unless that was done before.
func (c *checker) publishCard(ctx context.Context, queue *client.Queue, netuid uint32, card ladder.Card) error {
	if _, err := modeltypes.NewQueryClient(c.chain.Conn()).Model(ctx, &modeltypes.QueryModelRequest{Netuid: netuid, Digest: card.Digest}); err == nil {
		return nil
	}
	salt := keys(c.file.Seed).secret("salt", fmt.Sprint(time.Now().UnixNano()))
	hash := modeltypes.CommitHash(c.chain.ChainID(), netuid, queue.Address(), card.Digest, salt)
	done, err := queue.Send(ctx, &modeltypes.MsgCommitModel{Author: queue.Address(), Netuid: netuid, Hash: hash[:], MaxFee: machinesPrice})
	if err != nil {
		return err
	}
	for height := int64(0); height <= done.Height+modeltypes.LeastWait; {
		if err := c.nextBlock(ctx); err != nil {
			return err
		}
		if height, err = c.chain.Height(ctx); err != nil {
			return err
		}
	}
	_, err = queue.Send(ctx, &modeltypes.MsgPublishModel{
		Author: queue.Address(), Netuid: netuid, Digest: card.Digest, Salt: salt, Name: card.Name, Licence: card.Licence, Format: modeltypes.GGUF,
		Bytes: uint64(card.Bytes), Parameters: uint64(card.Parameters),
	})
	return err
}
