package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	markettypes "agora/chain/x/market/types"
	"agora/client"
	"agora/gateway"
	"agora/wallet/pay"
)

// paying is what `agora pay` is asked to do.
type paying struct {
	role
	output
	gateway string
	amount  string
	key     string
	listen  string
	perAsk  string
	perDay  string
	perMon  string
	take    bool
	runFor  time.Duration
}

// payCommand holds what a consumer does with money.
func payCommand() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "pay", Short: "Pay validators for answers, request by request, without a transaction for each",
		Long: "A channel holds a deposit for one validator. For each request the wallet signs what it has come to owe in all, and\n" +
			"the validator claims it once in a while. What is not used comes back: ask for it, wait a day, take it.",
		Example: "  agora pay open --gateway https://gateway.example --amount 5tao --from consumer\n  agora pay serve",
	})
	cmd.AddCommand(payOpen(), payTopUp(), payStatus(), payWithdraw(), payCredit(), payServe())
	return cmd
}

func (p *paying) of(cmd *cobra.Command) *cobra.Command {
	p.flags(cmd, "consumer")
	p.flag(cmd)
	return cmd
}

// dial opens the chain and the cold key.
func (p *paying) dial(cmd *cobra.Command) (*client.Client, client.Signer, error) {
	p.settle("consumer")
	c, err := client.Dial(p.node)
	if err != nil {
		return nil, nil, err
	}
	cold, err := p.cold(cmd, c)
	return c, cold, err
}

// purseFile is where a wallet keeps the purse of a gateway.
func (p *paying) purseFile() string { return pay.File(p.home, p.gateway) }

// purse opens the purse of --gateway, or the only one there is.
func (p *paying) purse() (*pay.Purse, error) {
	if p.gateway != "" {
		p.gateway = base(p.gateway)
		purse, err := pay.Open(p.purseFile())
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("no channel to %s in the wallet %s: `agora pay open --gateway %s` opens one", p.gateway, p.home, p.gateway)
		}
		return purse, err
	}
	files, err := filepath.Glob(filepath.Join(p.home, "pay", "*.json"))
	if err != nil {
		return nil, err
	}
	switch len(files) {
	case 0:
		return nil, fmt.Errorf("no channel in the wallet %s: `agora pay open --gateway URL --amount 5tao --from KEY` opens one", p.home)
	case 1:
		return pay.Open(files[0])
	}
	return nil, usageError{fmt.Errorf("%d channels in the wallet %s: say which with --gateway URL; `agora pay status` lists them", len(files), p.home)}
}

// base is a gateway's URL without /v1.
func base(url string) string { return strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/v1") }

// payee finds whose gateway a URL is, in the directory on the chain.
func (p *paying) payee(ctx context.Context, c *client.Client) (string, error) {
	profiles, err := c.Profiles(ctx)
	if err != nil {
		return "", err
	}
	for _, one := range profiles {
		if base(one.GatewayUrl) == p.gateway || one.Operator == p.gateway {
			p.gateway = base(one.GatewayUrl)
			return one.Operator, nil
		}
	}
	return "", fmt.Errorf("no validator in the directory has the gateway %s: `agora query subnet profiles` lists them", p.gateway)
}

func payOpen() *cobra.Command {
	p := &paying{}
	cmd := p.of(&cobra.Command{
		Use: "open", Short: "Put a deposit aside for one validator's gateway",
		Example: "  agora pay open --gateway https://gateway.example --amount 5tao --from consumer\n" +
			"  agora pay open --gateway http://127.0.0.1:8080 --amount 1tao --from consumer --per-request 0.01tao --per-day 0.2tao",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.open(cmd) },
	})
	cmd.Flags().StringVar(&p.gateway, "gateway", "", "URL of the gateway, or account of its validator")
	cmd.Flags().StringVar(&p.amount, "amount", "1tao", "the deposit")
	p.caps(cmd)
	return cmd
}

func (p *paying) caps(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.perAsk, "per-request", "0.1tao", "most that one request may cost")
	cmd.Flags().StringVar(&p.perDay, "per-day", "", "most that is spent in a day (UTC); no bound")
	cmd.Flags().StringVar(&p.perMon, "per-month", "", "most that is spent in a month (UTC); no bound")
}

func (p *paying) readCaps() (c pay.Caps, err error) {
	for _, one := range []struct {
		text string
		into *uint64
	}{{p.perAsk, &c.Request}, {p.perDay, &c.Day}, {p.perMon, &c.Month}} {
		if one.text == "" {
			continue
		}
		if *one.into, err = money(one.text); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (p *paying) open(cmd *cobra.Command) error {
	if p.gateway == "" {
		return usageError{errors.New("say whom to pay: --gateway URL")}
	}
	deposit, err := money(p.amount)
	if err != nil {
		return err
	}
	caps, err := p.readCaps()
	if err != nil {
		return err
	}
	p.gateway = base(p.gateway)
	c, cold, err := p.dial(cmd)
	if err != nil {
		return err
	}
	payee, err := p.payee(cmd.Context(), c)
	if err != nil {
		return err
	}
	purse, err := openChannel(cmd.Context(), c, cold, p.purseFile(), pay.Terms{Payee: payee, Gateway: p.gateway, Deposit: deposit, Caps: caps})
	if err != nil {
		return err
	}
	s := purse.Status()
	return p.print(cmd, s, fmt.Sprintf("channel %d holds %s TAO for %s\nask through `agora pay serve`, or `agora pay credit --key ID` for a key\n",
		s.Channel, gateway.TAO(s.Deposit), s.Gateway))
}

// openChannel opens a channel on the chain and keeps its purse at path. The key is on disk before the deposit leaves.
func openChannel(ctx context.Context, c *client.Client, cold client.Signer, path string, t pay.Terms) (*pay.Purse, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	key, err := spareKey(path + ".key")
	if err != nil {
		return nil, err
	}
	t.ChainID, t.Payer = c.ChainID(), sdk.AccAddress(cold.PubKey().Address()).String()
	if t.Channel, err = c.OpenChannel(ctx, cold, t.Payee, t.Deposit, key.Public().(ed25519.PublicKey)); err != nil {
		return nil, err
	}
	purse, err := pay.Create(path, key, t)
	if err != nil {
		return nil, err
	}
	return purse, os.Remove(path + ".key")
}

// spareKey reads the key of an opening that was cut off, or makes one.
func spareKey(path string) (ed25519.PrivateKey, error) {
	seed, err := os.ReadFile(path)
	if err == nil && len(seed) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(seed), nil
	}
	seed = make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails
	return ed25519.NewKeyFromSeed(seed), os.WriteFile(path, seed, 0o600)
}

func payTopUp() *cobra.Command {
	p := &paying{}
	cmd := p.of(&cobra.Command{
		Use: "topup", Short: "Add to a channel's deposit; takes a request to withdraw back",
		Example: "  agora pay topup --amount 2tao --from consumer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			more, err := money(p.amount)
			if err != nil {
				return err
			}
			c, cold, err := p.dial(cmd)
			if err != nil {
				return err
			}
			purse, err := p.purse()
			if err != nil {
				return err
			}
			s := purse.Status()
			if _, err := c.Queue(cold).Send(cmd.Context(), &markettypes.MsgTopUp{Payer: s.Payer, Channel: s.Channel, Deposit: more}); err != nil {
				return err
			}
			if err := purse.Set(s.Deposit+more, nil); err != nil {
				return err
			}
			return p.print(cmd, purse.Status(), fmt.Sprintf("channel %d holds %s TAO\n", s.Channel, gateway.TAO(s.Deposit+more)))
		},
	})
	cmd.Flags().StringVar(&p.gateway, "gateway", "", "URL of the gateway, where there are several channels")
	cmd.Flags().StringVar(&p.amount, "amount", "1tao", "what to add")
	return cmd
}

// channelStatus is a purse with what the chain says of its channel.
type channelStatus struct {
	pay.Status
	Claimed      uint64 `json:"claimed"`
	Left         uint64 `json:"left"`
	WithdrawFrom int64  `json:"withdraw_from,omitempty"`
	Ended        bool   `json:"ended,omitempty"`
}

func payStatus() *cobra.Command {
	p := &paying{}
	return p.of(&cobra.Command{
		Use: "status", Short: "Show what was deposited, owed, signed and claimed, and today's spending",
		Example: "  agora pay status\n  agora pay status --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.settle("consumer")
			list, err := p.channels(cmd.Context())
			if err != nil {
				return err
			}
			var text strings.Builder
			for _, s := range list {
				fmt.Fprintf(&text, "%s\n  channel %d: deposit %s TAO, owed %s, signed %s, claimed %s\n  today %s, this month %s\n", s.Gateway, s.Channel,
					gateway.TAO(s.Deposit), gateway.TAO(s.Owed), gateway.TAO(s.Signed), gateway.TAO(s.Claimed), gateway.TAO(s.Today), gateway.TAO(s.Month))
				if s.WithdrawFrom > 0 {
					fmt.Fprintf(&text, "  what is left can be taken from %s\n", time.Unix(s.WithdrawFrom, 0).Format(time.DateTime))
				}
				if s.Ended {
					text.WriteString("  the channel has ended\n")
				}
			}
			if len(list) == 0 {
				fmt.Fprintf(&text, "no channel in the wallet %s\n", p.home)
			}
			return p.print(cmd, list, text.String())
		},
	})
}

// channels reads every purse of the wallet, and the chain if there is one to ask.
func (p *paying) channels(ctx context.Context) ([]channelStatus, error) {
	files, err := filepath.Glob(filepath.Join(p.home, "pay", "*.json"))
	if err != nil || len(files) == 0 {
		return []channelStatus{}, err
	}
	c, err := client.Dial(p.node)
	if err != nil {
		return nil, err
	}
	list := []channelStatus{}
	for _, file := range files {
		purse, err := pay.Open(file)
		if err != nil {
			return nil, err
		}
		s := channelStatus{Status: purse.Status()}
		v, err := c.Channel(ctx, s.Channel)
		switch {
		case errors.Is(err, client.ErrNotFound):
			s.Ended = true
		case err != nil:
			return nil, err
		default:
			s.Claimed, s.Left, s.WithdrawFrom = v.Paid, v.Left, v.WithdrawFrom
		}
		list = append(list, s)
	}
	return list, nil
}

func payWithdraw() *cobra.Command {
	p := &paying{}
	cmd := p.of(&cobra.Command{
		Use: "withdraw", Short: "Ask for what is left of a deposit, and take it a day later with --take",
		Example: "  agora pay withdraw --from consumer\n  agora pay withdraw --take --from consumer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, cold, err := p.dial(cmd)
			if err != nil {
				return err
			}
			purse, err := p.purse()
			if err != nil {
				return err
			}
			s := purse.Status()
			var msg sdk.Msg = &markettypes.MsgRequestWithdraw{Payer: s.Payer, Channel: s.Channel}
			if p.take {
				msg = &markettypes.MsgWithdraw{Payer: s.Payer, Channel: s.Channel}
			}
			result, err := c.Queue(cold).Send(cmd.Context(), msg)
			if err != nil {
				return err
			}
			text := ""
			for _, r := range result.Responses {
				switch r := r.(type) {
				case *markettypes.MsgRequestWithdrawResponse:
					text = fmt.Sprintf("what is left can be taken from %s with --take; the gateway serves this channel no more\n", time.Unix(r.WithdrawFrom, 0).Format(time.DateTime))
				case *markettypes.MsgWithdrawResponse:
					text = fmt.Sprintf("%s TAO came back; channel %d has ended\n", gateway.TAO(r.Returned), s.Channel)
					if p.gateway == "" {
						p.gateway = s.Gateway
					}
					if err := os.Rename(p.purseFile(), p.purseFile()+".ended"); err != nil {
						return err
					}
				}
			}
			return p.print(cmd, result.Responses, text)
		},
	})
	cmd.Flags().StringVar(&p.gateway, "gateway", "", "URL of the gateway, where there are several channels")
	cmd.Flags().BoolVar(&p.take, "take", false, "take it, after the delay")
	return cmd
}

func payCredit() *cobra.Command {
	p := &paying{}
	var netuid uint32
	cmd := p.of(&cobra.Command{
		Use: "credit", Short: "Let a gateway's key draw on a channel's whole deposit (you trust the gateway with it)",
		Long: "Opens a channel if there is none and gives the gateway a voucher for all of it: the gateway takes from it as the key is\n" +
			"used. This is custodial: you trust the gateway with what you credit. `agora pay serve` does not.",
		Example: "  agora pay credit --gateway https://gateway.example --key 01234567 --amount 5tao --from consumer", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.key == "" {
				return usageError{errors.New("say which key: --key ID, 8 hex digits")}
			}
			p.settle("consumer")
			purse, err := p.purse()
			if err != nil {
				if err := p.open(cmd); err != nil {
					return err
				}
				if purse, err = p.purse(); err != nil {
					return err
				}
			}
			if err := pay.NewEndpoint(purse).GiveCredit(cmd.Context(), p.key, netuid); err != nil {
				return err
			}
			s := purse.Status()
			return p.print(cmd, s, fmt.Sprintf("key %s draws on channel %d: the gateway at %s holds a voucher for all %s TAO of it, and you trust it with that\n",
				p.key, s.Channel, s.Gateway, gateway.TAO(s.Deposit)))
		},
	})
	f := cmd.Flags()
	f.StringVar(&p.gateway, "gateway", "", "URL of the gateway")
	f.StringVar(&p.key, "key", "", "id of the key, 8 hex digits")
	f.StringVar(&p.amount, "amount", "1tao", "the deposit, where a channel is opened for it")
	f.Uint32Var(&netuid, "subnet", 0, "netuid that the credit is for, whose demand it counts as; 0 is any, and nobody's demand")
	p.caps(cmd)
	return cmd
}

func payServe() *cobra.Command {
	p := &paying{}
	cmd := p.of(&cobra.Command{
		Use: "serve", Short: "An OpenAI endpoint on this machine that pays for each request",
		Long: "Any OpenAI client works with base_url http://127.0.0.1:8090/v1 and no key. Each request is signed for with what was\n" +
			"answered before; nobody is trusted with more than what is open at once.",
		Example: "  agora pay serve\n  agora pay serve --listen 127.0.0.1:8091 --per-request 0.01tao --per-day 0.5tao", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd) },
	})
	f := cmd.Flags()
	f.StringVar(&p.gateway, "gateway", "", "URL of the gateway, where there are several channels")
	f.StringVar(&p.listen, "listen", "127.0.0.1:8090", "address; whoever reaches it spends your money, so only loopback is taken")
	f.DurationVar(&p.runFor, "for", 0, "stop after this long; 0 runs until Ctrl-C")
	p.caps(cmd)
	return cmd
}

func (p *paying) serve(cmd *cobra.Command) error {
	host, _, err := net.SplitHostPort(p.listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usageError{fmt.Errorf("--listen %q: give a loopback address, as 127.0.0.1:8090: whoever reaches it spends your money", p.listen)}
	}
	p.settle("consumer")
	purse, err := p.purse()
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("per-request") || p.perDay != "" || p.perMon != "" {
		caps, err := p.readCaps()
		if err != nil {
			return err
		}
		if err := purse.Set(0, &caps); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", p.listen)
	if err != nil {
		return err
	}
	endpoint := pay.NewEndpoint(purse)
	s := gateway.Server(endpoint)
	ctx, cancel := atMost(cmd.Context(), p.runFor)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }() // ends with Shutdown below
	fmt.Fprintf(cmd.OutOrStdout(), "base URL http://%s/v1, no key; Ctrl-C stops\n", l.Addr())
	select {
	case <-ctx.Done():
	case err = <-done:
		return err
	}
	grace, end := context.WithTimeout(context.Background(), 5*time.Second)
	defer end()
	if s.Shutdown(grace) != nil {
		_ = s.Close() // what is left is cut off
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if err := endpoint.Settle(grace); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "agora: the last voucher was not handed over:", err)
	}
	return nil
}
