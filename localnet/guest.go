package localnet

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"agora/client"
	"agora/engine"
	"agora/miner"
	"agora/miner/enrolment"
)

// guest is a server that the check runs beside the market's own.
type guest struct {
	netuid  uint32
	hot     ed25519.PrivateKey
	owner   client.Signer
	limit   uint64 // rao for its place
	engine  engine.Engine
	name    string       // of its model on the card; empty for the engine's
	weights http.Handler // gives models by their digests; nil for none
}

// serve registers a server in the check's name and lets it serve until stop is called, which waits for its end.
func (c *checker) serve(ctx context.Context, h guest) (uid uint32, stop func(), err error) {
	info := h.engine.Info()
	if info.Capacity = minerCapacity; h.name != "" {
		info.Model = h.name
	}
	r, err := enrolment.Enrol(ctx, c.chain, enrolment.Request{NetUID: h.netuid, Hot: h.hot, Owner: h.owner, MaxPrice: h.limit, Card: enrolment.Card(info)})
	if err != nil {
		return 0, nil, fmt.Errorf("register a server of %s in subnet %d: %w", info.Model, h.netuid, err)
	}
	quiet := slog.New(slog.DiscardHandler)
	m, err := miner.New(miner.Config{
		Key: h.hot, NetUID: h.netuid, AllowPrivate: true, Poll: time.Second, MaxBackoff: 2 * time.Second, Log: quiet,
		Handler:   miner.NewServer(h.engine, miner.Options{Capacity: minerCapacity, Queue: 512, Weights: h.weights, Log: quiet}),
		Directory: &enrolment.Directory{Client: c.chain, NetUID: h.netuid, Every: 2 * time.Second},
		Seat: func() (miner.Seat, bool) {
			return miner.Seat{ChainID: c.chain.ChainID(), NetUID: h.netuid, UID: r.UID, Registered: r.Registered, Model: info}, true
		},
	})
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // owned by stop, which waits for done
		defer close(done)
		_ = m.Run(ctx) // always nil
	}()
	return r.UID, func() { cancel(); <-done }, nil
}
