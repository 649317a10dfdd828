package localnet

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"agora/chain/network"
	"agora/client"
	"agora/engine"
	"agora/engine/command"
	"agora/engine/native"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/ngram"
	"agora/engine/native/store"
	"agora/miner"
	"agora/miner/enrolment"
	"agora/wire/blob"
)

// textModels are the orders of the n-gram models that mine the continuation subnet.
var textModels = []string{"ngram-1", "ngram-2", "ngram-3", "ngram-4", "ngram-5"}

// minerCapacity is how many requests one of the market's miners works on at once.
const minerCapacity = 2

// openModel is the engine of a model of the store. What it is worth on the subnet's questions is not known beforehand.
const openModel = "open"

// ladder lists the miners of a new market: two servers of each chat model that its author published, best first, two of each model
// of the store, and the n-gram models. With more chat miners than that the ladder begins again.
func (p *plan) ladder() []Miner {
	models := published()
	n := p.Miners
	if n == 0 {
		n = 2 * len(models)
	}
	var list []Miner
	for i := range n {
		list = append(list, p.describeMiner(chatNet, models[i%len(models)].Name, "native", i/len(models)))
	}
	for _, m := range p.Models {
		for round := range 2 {
			list = append(list, p.describeMiner(languageNet, m, openModel, round))
		}
	}
	for _, m := range textModels {
		list = append(list, p.describeMiner(textNet, m, "native", 0))
	}
	return list
}

func (p *plan) describeMiner(netuid uint32, model, engine string, round int) Miner {
	name := model
	if round > 0 {
		name = fmt.Sprintf("%s-%d", model, round+1)
	}
	return Miner{NetUID: netuid, HotKey: hotHex(p.keys, name), Model: model, Engine: engine, Name: name}
}

// openEngine loads the model behind a miner.
func openEngine(m Miner, dir string) (engine.Engine, error) {
	switch {
	case m.Engine == programs:
		return command.Open(command.Options{}, m.Programs...)
	case m.Engine == vectors:
		return openVectors(m.Model)
	case m.Engine == openModel:
		s, err := store.Open(dir)
		if err != nil {
			return nil, err
		}
		return native.Open(m.Model, s, llm.Options{Context: openContext})
	case m.NetUID == chatNet:
		return ladder.Open(m.Model, llm.Options{})
	}
	return ngram.Open(m.Model)
}

// openContext is enough for a conversation; keys and values of a longer one take memory that a laptop has not.
const openContext = 2048

// worker is one miner that can be stopped and started again.
type worker struct {
	Miner
	keys   keys
	client *client.Client
	engine engine.Engine
	server *miner.Server
	meter  *miner.Meter
	free   *enrolment.Allowance
	log    *slog.Logger
	seat   atomic.Pointer[miner.Seat] // nil until it is enrolled

	mu   sync.Mutex
	stop context.CancelFunc // nil while stopped
	done chan struct{}
}

func newWorker(m Miner, home, models string, k keys, c *client.Client, log *slog.Logger) (*worker, error) {
	e, err := openEngine(m, models)
	if err != nil {
		return nil, fmt.Errorf("miner %s: %w", m.Name, err)
	}
	if err := os.MkdirAll(filepath.Join(home, "vouchers"), 0o700); err != nil {
		return nil, err
	}
	free := &enrolment.Allowance{Client: c, NetUID: m.NetUID, Slots: minerCapacity, Every: time.Second, Log: log}
	meter, err := miner.NewMeter(miner.MeterConfig{
		ChainID: c.ChainID(), Owner: k.account(m.Name).String(), In: priceIn, Out: priceOut, Context: e.Info().Context,
		Channels: enrolment.OnChain{Client: c}, Free: free, File: filepath.Join(home, "vouchers", m.Name+".json"), Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("miner %s: %w", m.Name, err)
	}
	opt := miner.Options{Capacity: minerCapacity, Queue: 512, Weights: blob.NewServer(ladder.Library{}), Log: log}
	return &worker{Miner: m, keys: k, client: c, engine: e, meter: meter, free: free, server: serverOf(e, opt), log: log}, nil
}

func serverOf(e engine.Engine, opt miner.Options) *miner.Server {
	if p, is := e.(proxied); is {
		return miner.NewProxy(p, opt)
	}
	return miner.NewServer(e, opt)
}

// enrol registers the miner and publishes its card, unless that was done before.
func (w *worker) enrol(ctx context.Context) (uint32, error) {
	info := w.engine.Info()
	info.Capacity = minerCapacity
	card := enrolment.Card(info)
	card.PriceIn, card.PriceOut = priceIn, priceOut
	r, err := enrolment.Enrol(ctx, w.client, enrolment.Request{
		NetUID: w.NetUID, Hot: w.keys.hot(w.Name), Owner: client.ColdSigner(w.keys.cold(w.Name)),
		MaxPrice: minerPurse - network.TAO, Card: card,
	})
	if err == nil {
		w.seat.Store(&miner.Seat{ChainID: w.client.ChainID(), NetUID: w.NetUID, UID: r.UID, Registered: r.Registered, Model: info})
	}
	return r.UID, err
}

// place is the seat for which it signs.
func (w *worker) place() (miner.Seat, bool) {
	if s := w.seat.Load(); s != nil {
		return *s, true
	}
	return miner.Seat{}, false
}

// start dials the validators and serves until stopped or ctx ends. Starting twice does nothing.
func (w *worker) start(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil {
		return nil
	}
	m, err := miner.New(miner.Config{
		Key: w.keys.hot(w.Name), NetUID: w.NetUID, Handler: w.server, Meter: w.meter, AllowPrivate: true, Poll: time.Second, MaxBackoff: 2 * time.Second, Log: w.log,
		Directory: &enrolment.Directory{Client: w.client, NetUID: w.NetUID, Every: 15 * time.Second}, Seat: w.place, Part: w.free.Part,
	})
	if err != nil {
		return err
	}
	if err := w.free.Look(ctx); err != nil {
		return err
	}
	ctx, w.stop = context.WithCancel(ctx)
	w.done = make(chan struct{})
	go func(done chan struct{}) { // owned by halt, which waits for done
		defer close(done)
		var looking sync.WaitGroup
		defer looking.Wait()
		looking.Go(func() { w.free.Run(ctx) })
		_ = m.Run(ctx) // always nil
	}(w.done)
	return nil
}

// halt stops the miner and waits for it. Halting twice does nothing.
func (w *worker) halt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop == nil {
		return
	}
	w.stop()
	<-w.done
	w.stop = nil
}
