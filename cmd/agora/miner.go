package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agora/chain/network"
	"agora/client"
	"agora/engine"
	"agora/engine/command"
	"agora/engine/native"
	"agora/engine/native/batch"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/store"
	backend "agora/engine/openai"
	"agora/gateway/heap"
	"agora/mechanism/price"
	"agora/miner"
	"agora/miner/enrolment"
	"agora/validator/daemon"
	"agora/wallet"
	"agora/wire/blob"
)

// backendKeyVar is the environment variable with the backend's key where no --backend-key is given.
const backendKeyVar = "AGORA_BACKEND_KEY"

// mining is what `agora miner` is asked to do.
type mining struct {
	role
	subnet       uint32
	backend      string
	backendKey   string
	programs     []string
	model        string
	digest       string
	licence      string
	maxPrice     inTAO
	capacity     int
	allowPrivate bool
	timeout      time.Duration
	firstByte    time.Duration
	anyway       bool
	wait         time.Duration
	replace      bool
	priceIn      string
	priceOut     string
	every        time.Duration
	runFor       time.Duration
	metrics      string

	watch    *miner.Watch // of the backend; nil for a native model
	rates    price.Rates  // rao per million tokens
	owner    client.Signer
	language *llm.Engine // nil for a backend, or a model that is none
	template string      // of its publication; empty for the file's own
}

// digestText is how the chain spells a digest.
var digestText = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func minerCommand() *cobra.Command {
	m := &mining{}
	cmd := &cobra.Command{
		Use:   "miner",
		Short: "Share a model and be paid by how good it is",
		Long: "Probes the model, registers in a subnet (once; the price is burned), publishes its card, dials every permitted\n" +
			"validator and serves. Any OpenAI-compatible server is a model, and with --program a program\n" +
			"that speaks, hears or reads; without either a native model is.\n" +
			"No public address is needed. Ctrl-C stops it.",
		Example: "  agora miner --subnet 1 --from miner --backend http://127.0.0.1:11434/v1 --model llama3.2\n" +
			"  agora miner --subnet 2 --from miner --model ngram-4\n" +
			"  agora miner --subnet 3 --from miner --program flite,pocketsphinx",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return stopped(cmd.Context(), m.run(cmd)) },
	}
	m.flags(cmd, "miner-SUBNET-MODEL")
	f := cmd.Flags()
	f.Uint32Var(&m.subnet, "subnet", 1, "netuid to mine")
	f.StringVar(&m.backend, "backend", "", "base URL of an OpenAI-compatible server, e.g. http://127.0.0.1:11434/v1")
	f.StringVar(&m.backendKey, "backend-key", "", "bearer key for the backend, if it wants one; better in $"+backendKeyVar+", which no list of processes shows")
	f.StringSliceVar(&m.programs, "program", nil, "programs of this machine that are served as a model, each for what it does: "+strings.Join(command.Names(), ", "))
	f.StringVar(&m.model, "model", "", "model at the backend, one of agora model list, or the digest of one that is published in the subnet")
	f.StringVar(&m.digest, "digest", "", "digest of the model that the backend serves, where it is published in the subnet: validators show how near its answers are, and pay those of the exact engine only")
	f.StringVar(&m.licence, "licence", "NOASSERTION", "SPDX identifier of the model's licence")
	m.maxPrice = 10 * network.TAO
	f.Var(&m.maxPrice, "max-price", "most to pay for registering; in a full subnet this is the bid for a seat, and what others do not bid comes back")
	f.StringVar(&m.priceIn, "price-in", "0", "TAO per million tokens read, e.g. 0.05tao")
	f.StringVar(&m.priceOut, "price-out", "0", "TAO per million tokens written, e.g. 0.2tao")
	f.IntVar(&m.capacity, "capacity", 8, "requests worked on at once")
	f.DurationVar(&m.timeout, "timeout", 0, "from a request's arrival to the last byte of its answer (15m)")
	f.DurationVar(&m.firstByte, "first-byte", 0, "for the backend to begin an answer (2m)")
	f.BoolVar(&m.allowPrivate, "allow-private", false, "dial validators on private and loopback addresses: local networks only")
	f.BoolVar(&m.anyway, "register-anyway", false, "pay for a place although no validator can be dialled")
	f.DurationVar(&m.wait, "wait", time.Hour, "for a validator that judges the subnet, before anything is paid: a new subnet has none in its first minute; 0 does not wait")
	f.BoolVar(&m.replace, "replace-card", false, "rename the place of this hot key where it is another model's")
	f.DurationVar(&m.every, "report", time.Minute, "print how the miner does this often; 0 is never")
	f.StringVar(&m.metrics, "metrics", "", "address at which Prometheus is answered, e.g. 127.0.0.1:9464; without it nowhere")
	f.DurationVar(&m.runFor, "for", 0, "stop after this long; 0 runs until Ctrl-C")
	cmd.AddCommand(minerStatusCommand())
	return cmd
}

// keyFile is the hot key's file where none is named: one for each model in each subnet, for a place is one model's.
func keyFile(subnet uint32, model string) string {
	tame := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(model))
	return fmt.Sprintf("miner-%d-%.64s", subnet, tame)
}

func (m *mining) run(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	if err := m.readPrices(); err != nil {
		return err
	}
	if m.digest != "" && (m.backend == "" || !digestText.MatchString(m.digest)) {
		return usageError{fmt.Errorf("--digest %q names what a --backend serves: give both, and the digest as sha256: and 64 hexadecimal digits (agora model show NAME)", m.digest)}
	}
	if err := m.fetch(ctx); err != nil {
		return err
	}
	server, info, err := m.open(ctx, cmd)
	if err != nil {
		return err
	}
	m.settle(keyFile(m.subnet, info.Model))
	c, err := client.Dial(m.node)
	if err != nil {
		return err
	}
	if m.retemplate(ctx, c, info.Digest) {
		if server, info, err = m.open(ctx, cmd); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(m.hotKey), 0o700); err != nil {
		return err
	}
	hold, err := wallet.Take(m.hotKey, fmt.Sprintf("a place in subnet %d for %s", m.subnet, info.Model))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hold.Release()) }()
	seat, hot, err := m.enrol(ctx, cmd, c, info)
	if err != nil {
		return err
	}
	meter, free, err := m.meter(c, info)
	if err != nil {
		return err
	}
	worker, err := miner.New(miner.Config{
		Key: hot, NetUID: m.subnet, Handler: server, Meter: meter, AllowPrivate: m.allowPrivate, Log: m.log(cmd),
		Directory: miner.WhileThere(&enrolment.Directory{Client: c, NetUID: m.subnet, Every: 30 * time.Second}, m.watch),
		Seat:      func() (miner.Seat, bool) { return seat, true }, Part: free.Part,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "mining subnet %d as uid %d with %s; Ctrl-C stops\n", m.subnet, seat.UID, strings.TrimSpace(info.Model+" "+info.Digest))
	heap.Roomy()
	ctx, cancel := atMost(ctx, m.runFor)
	defer cancel()
	return m.serve(ctx, cmd, &worked{meter: meter, free: free, mining: m, chain: c, worker: worker, server: server, hold: hold, uid: seat.UID, info: info, since: time.Now()})
}

// fetch gets a model that is named by its digest, where this machine lacks it, from whoever the chain says may have it.
func (m *mining) fetch(ctx context.Context) error {
	if _, ships := ladder.Named(m.model); ships || m.backend != "" || len(m.programs) > 0 || !strings.HasPrefix(m.model, "sha256:") {
		return nil
	}
	c, err := client.Dial(nodeIn(m.home, m.node))
	if err != nil {
		return err
	}
	w, err := weightsHere(c, "", m.allowPrivate)
	if err != nil {
		return err
	}
	l, err := listedIn(ctx, c, m.subnet, m.model)
	if err != nil {
		return err
	}
	_, err = w.Get(ctx, l)
	return err
}

// open probes the model and wraps it in a server.
func (m *mining) open(ctx context.Context, cmd *cobra.Command) (*miner.Server, engine.Info, error) {
	models, err := store.Open("")
	if err != nil {
		return nil, engine.Info{}, err
	}
	opt := miner.Options{Capacity: m.capacity, Timeout: m.timeout, Weights: blob.NewServer(blob.Libraries{ladder.Library{}, models}), Log: m.log(cmd)}
	if len(m.programs) > 0 {
		return m.openPrograms(opt)
	}
	if m.backend == "" {
		e, err := m.native(models)
		if err != nil {
			return nil, engine.Info{}, err
		}
		return miner.NewServer(e, opt), e.Info(), nil
	}
	b, err := backend.New(m.backend, backend.Options{Model: m.model, Key: cmp.Or(m.backendKey, os.Getenv(backendKeyVar)), FirstByte: m.firstByte, Log: opt.Log})
	if err != nil {
		return nil, engine.Info{}, err
	}
	info, can, err := b.Probe(ctx)
	if err != nil {
		return nil, engine.Info{}, err
	}
	info.Licence, info.Digest = m.licence, m.digest
	fmt.Fprintf(cmd.OutOrStdout(), "backend serves %s: chat %t, completions %t, streaming %t, log-probabilities %t, seed %t\n",
		info.Model, can.Chat, can.Completions, can.Streaming, can.Logprobs, can.Seed)
	fmt.Fprintf(cmd.OutOrStdout(), "it can: %s\n", strings.Join(info.Can.Names(), ", "))
	if can.Chat && !can.Streaming {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: the backend does not stream, or not to a finish_reason; each answer will be passed on when it is whole, which consumers notice")
	}
	if can.Chat && can.Untemplated != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s is no chat model: %s; a chat subnet will rank it last\n", info.Model, can.Untemplated)
	}
	m.watch = &miner.Watch{Ask: b.Alive, Log: opt.Log}
	opt.Backend = m.watch
	return miner.NewProxy(b, opt), info, nil
}

// openPrograms serves programs of this machine.
func (m *mining) openPrograms(opt miner.Options) (*miner.Server, engine.Info, error) {
	if m.backend != "" || m.model != "" {
		return nil, engine.Info{}, usageError{errors.New("--program is a model by itself: leave --backend and --model out")}
	}
	b, err := command.Open(command.Options{Time: m.timeout}, m.programs...)
	if err != nil {
		return nil, engine.Info{}, err
	}
	m.watch = &miner.Watch{Ask: b.Alive, Log: opt.Log}
	opt.Backend = m.watch
	return miner.NewProxy(b, opt), b.Info(), nil
}

func (m *mining) native(models *store.Store) (engine.Engine, error) {
	if m.model == "" {
		return nil, usageError{errors.New("give --backend URL of a model server, or --model NAME of a model of agora model list: " +
			strings.Join(native.Shipped(), ", "))}
	}
	e, err := native.Open(m.model, models, llm.Options{Template: m.template, Batch: batch.Options{Slots: m.capacity}})
	if err != nil {
		return nil, fmt.Errorf("%w; or give --backend URL of a server", err)
	}
	m.language, _ = e.(*llm.Engine)
	return e, nil
}

// retemplate says whether the model must be opened again, with the chat template of its publication, and closes it then.
func (m *mining) retemplate(ctx context.Context, c *client.Client, digest string) bool {
	if m.language == nil {
		return false
	}
	has, _ := m.language.Template() // none is none
	m.template = publishedTemplate(ctx, c, m.subnet, digest)
	if m.template == "" || m.template == has {
		return false
	}
	_ = m.language.Close() // it has answered nothing
	return true
}

// publishedTemplate is the chat template with which a model was published in a subnet: validators run answers again with that one.
// Empty where none was named, or nothing is published.
func publishedTemplate(ctx context.Context, c *client.Client, netuid uint32, digest string) string {
	entries, err := c.Models(ctx, netuid)
	if err != nil {
		return "" // a subnet that is not there is refused where the miner registers
	}
	for _, e := range entries {
		if e.Model.Digest == digest {
			return e.Model.Template
		}
	}
	return ""
}

func (m *mining) enrol(ctx context.Context, cmd *cobra.Command, c *client.Client, info engine.Info) (miner.Seat, ed25519.PrivateKey, error) {
	info.Capacity = m.capacity
	cold, err := m.cold(cmd, c)
	if err != nil {
		return miner.Seat{}, nil, err
	}
	hot, err := m.hot(cmd)
	if err != nil {
		return miner.Seat{}, nil, err
	}
	m.owner = cold
	card := enrolment.Card(info)
	card.PriceIn, card.PriceOut = m.rates.In, m.rates.Out
	r, err := enrolment.Enrol(ctx, c, enrolment.Request{
		NetUID: m.subnet, Hot: hot, Owner: cold, MaxPrice: uint64(m.maxPrice), Card: card,
		Replace: m.replace, Before: func() error { return m.judged(ctx, cmd, c) }, Waiting: waiting(cmd, m.subnet),
	})
	if err != nil {
		return miner.Seat{}, nil, err
	}
	if r.Price > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "registered for at most %d rao\n", r.Price)
	}
	return miner.Seat{ChainID: c.ChainID(), NetUID: m.subnet, UID: r.UID, Registered: r.Registered, Model: info}, hot, nil
}

// firstLook is the time between two looks for the first validator of a subnet.
const firstLook = 2 * time.Second

// judged waits until a validator judges the subnet. Nothing is paid before.
func (m *mining) judged(ctx context.Context, cmd *cobra.Command, c *client.Client) error {
	if m.anyway {
		return nil
	}
	out, most, waited := cmd.OutOrStdout(), m.wait, false
	if m.runFor > 0 {
		most = min(most, m.runFor)
	}
	p := enrolment.Patience{For: most, Every: firstLook, Told: func(reason error) {
		waited = true
		fmt.Fprintf(out, "no validator judges subnet %d yet; waiting up to %s (they look every %s for new subnets): %v\n",
			m.subnet, most, daemon.JoinEvery, reason)
	}}
	if err := p.Await(ctx, c, m.subnet, m.allowPrivate); err != nil {
		return err
	}
	if waited {
		fmt.Fprintf(out, "a validator judges subnet %d now\n", m.subnet)
	}
	return nil
}

// waiting tells whoever registers in a full subnet why it takes long.
func waiting(cmd *cobra.Command, netuid uint32) func(rao uint64) {
	return func(rao uint64) {
		fmt.Fprintf(cmd.OutOrStdout(), "subnet %d is full: a bid of %d rao waits until seats change hands after its epoch; agora query subnet bids %d lists them\n",
			netuid, rao, netuid)
	}
}
