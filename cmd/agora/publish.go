package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/task/shelf"
	"agora/task/wasm"
)

// publishing is what `agora task publish` and `agora subnet new` share.
type publishing struct {
	role
	output
	file    string
	source  string
	dryRun  bool
	yes     bool
	maxLock uint64
	subnet  uint32
	tempo   int64 // blocks; 0 leaves the default
	reveal  int64 // tempos; 0 leaves the default
	models  bool  // the task examines open models
}

func (p *publishing) publishFlags(cmd *cobra.Command) {
	p.role.flags(cmd, "owner")
	p.output.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&p.source, "source", "", "URL at which the module's file can be had too")
	f.BoolVar(&p.dryRun, "dry-run", false, "say what would happen and do nothing")
	f.BoolVarP(&p.yes, "yes", "y", false, "do not ask")
}

// ready loads the module and opens chain and key.
func (p *publishing) ready(cmd *cobra.Command) (*client.Client, client.Signer, *wasm.Module, []byte, func(), error) {
	p.settle("owner")
	m, code, end, err := loaded(cmd.Context(), p.file, noJudge{})
	if err != nil {
		return nil, nil, nil, nil, nil, err
	}
	c, err := client.Dial(p.node)
	if err == nil {
		var cold client.Signer
		if cold, err = p.cold(cmd, c); err == nil {
			return c, cold, m, code, end, nil
		}
	}
	end()
	return nil, nil, nil, nil, nil, err
}

func mechanismOf(m *wasm.Module, source string) subnettypes.Mechanism {
	return subnettypes.Mechanism{Id: subnettypes.TaskModule, Digest: "sha256:" + m.Digest().String(), SourceUri: source}
}

// confirmed shows what will happen and asks once.
func (p *publishing) confirmed(cmd *cobra.Command, plan string) (bool, error) {
	fmt.Fprint(cmd.ErrOrStderr(), plan)
	if p.dryRun {
		return false, nil
	}
	if p.yes {
		return true, nil
	}
	fmt.Fprint(cmd.ErrOrStderr(), "go on? [y/N] ")
	var answer string
	if _, err := fmt.Fscanln(cmd.InOrStdin(), &answer); err != nil {
		return false, usageError{errors.New("nobody has confirmed: give --yes")}
	}
	if !strings.HasPrefix(strings.ToLower(answer), "y") {
		return false, errors.New("nothing was done")
	}
	return true, nil
}

func taskPublishCommand() *cobra.Command {
	var p publishing
	cmd := &cobra.Command{
		Use:   "publish FILE|FOLDER",
		Short: "Announce another task for a subnet, and give it to the validators",
		Long: "The new task judges from the first tempo that begins after the wait: seven days, two tempos on a local network. Until\n" +
			"then everybody can try it; the old one judges.",
		Example: "  agora task publish colours.wasm --subnet 3 --from owner",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.file = args[0]
			return p.publish(cmd)
		},
	}
	p.publishFlags(cmd)
	cmd.Flags().Uint32Var(&p.subnet, "subnet", 0, "netuid whose task it is to be")
	_ = cmd.MarkFlagRequired("subnet") // it is defined in the line above
	return cmd
}

func (p *publishing) publish(cmd *cobra.Command) error {
	c, cold, m, code, end, err := p.ready(cmd)
	if err != nil {
		return err
	}
	defer end()
	ctx := cmd.Context()
	s, err := c.Subnet(ctx, p.subnet)
	if err != nil {
		return err
	}
	if s.Mechanism.Id != subnettypes.TaskModule {
		return fmt.Errorf("subnet %d is judged by the built-in task %q, which stays: open a subnet for a module with agora subnet new", p.subnet, s.Mechanism.Id)
	}
	next := mechanismOf(m, p.source)
	plan := fmt.Sprintf("subnet %d, %s: the task %s (%s)\nfollows %s after the wait\n", p.subnet, s.Name, m.Description().Name, next.Digest, s.Mechanism.Digest)
	if ok, err := p.confirmed(cmd, plan); !ok {
		return err
	}
	queue := c.Queue(cold)
	if next != s.Mechanism && (s.Next == nil || s.Next.Mechanism != next) {
		msg := &subnettypes.MsgDescribeSubnet{Sender: queue.Address(), Netuid: p.subnet, Mechanism: next, Identity: s.Identity}
		if _, err := queue.Send(ctx, msg); err != nil {
			return fmt.Errorf("announce the task: %w", err)
		}
	}
	return p.handed(cmd, c, p.subnet, m.Digest(), code)
}

// handed gives the module to the validators and says who has it.
func (p *publishing) handed(cmd *cobra.Command, c *client.Client, netuid uint32, d wasm.Digest, code []byte) error {
	taken, err := hand(cmd.Context(), c, d, code)
	if err != nil {
		return err
	}
	s, err := c.Subnet(cmd.Context(), netuid)
	if err != nil {
		return err
	}
	from := "now"
	if s.Next != nil {
		from = s.Next.From.UTC().Format(time.RFC3339)
	}
	return p.print(cmd, map[string]any{"netuid": netuid, "digest": "sha256:" + d.String(), "validators": taken, "from": from},
		fmt.Sprintf("subnet %d: sha256:%s judges from %s; validators that have it: %d\n", netuid, d, from, taken))
}

// hand gives a module to every validator that has a gateway; one is enough, for they have it from each other.
func hand(ctx context.Context, c *client.Client, d wasm.Digest, code []byte) (int, error) {
	profiles, err := c.Profiles(ctx)
	if err != nil {
		return 0, err
	}
	taken := 0
	var failed []error
	for _, p := range profiles {
		if p.GatewayUrl == "" {
			continue
		}
		if err := shelf.Send(ctx, http.DefaultClient, strings.TrimSuffix(strings.TrimSuffix(p.GatewayUrl, "/"), "/v1"), d, code); err != nil {
			failed = append(failed, err)
			continue
		}
		taken++
	}
	if taken == 0 {
		return 0, fmt.Errorf("no validator took the module; try `agora task publish` again: %w", errors.Join(failed...))
	}
	return taken, nil
}

// subnetCommand opens markets.
func subnetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "subnet", Short: "Open a market for a task, or one that serves models",
		Example: "  agora subnet new colours --task colours --from owner --dry-run\n  agora subnet new poems --serve sha256:… --from owner",
	}
	var p publishing
	var market serving
	create := &cobra.Command{
		Use:   "new NAME",
		Short: "Create a subnet with a task and start it, or one that serves models",
		Long: "With --task it checks the module, shows the lock, asks once, and then does all of it: the subnet is created, the module is\n" +
			"given to the validators, and the subnet starts. With --open too, the task examines open models: validators ask the weights\n" +
			"that authors publish there, which cannot be changed later.\n\n" +
			"With --serve the subnet examines nothing: it names models by their digests, and whoever serves one is paid for serving it.\n" +
			"Its owner publishes them in it and starts it; until then he can change what it serves, afterwards a change waits 14 days.",
		Example: "  agora subnet new colours --task colours --from owner\n  agora subnet new poems --serve sha256:…,sha256:… --commons --from owner",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case (p.file == "") == (len(market.digests) == 0):
				return usageError{errors.New("give --task FILE of a task, or --serve DIGEST of each model to serve")}
			case p.file != "":
				return p.open(cmd, args[0])
			}
			return p.serve(cmd, args[0], market)
		},
	}
	p.publishFlags(create)
	create.Flags().StringVar(&p.file, "task", "", "the module's file, or a folder with a task in Go")
	create.Flags().Uint64Var(&p.maxLock, "max-lock", 0, "rao that you are ready to lock at most; the price now, if not given")
	create.Flags().Int64Var(&p.tempo, "tempo", 0, "with --task: blocks between two epochs; the network's default if not given")
	create.Flags().Int64Var(&p.reveal, "reveal-delay", 0, "with --task: tempos for which weights stay hidden; 4 if not given")
	create.Flags().BoolVar(&p.models, "open", false, "with --task: it examines open models instead of judging answers (docs/models.md)")
	create.Flags().StringSliceVar(&market.digests, "serve", nil, "digests of the models to serve, with commas between them or the flag given again; each gets an equal part")
	create.Flags().BoolVar(&market.commons, "commons", false, "with --serve: the models were public before, nobody is their author")
	cmd.AddCommand(create)
	return cmd
}

func (p *publishing) open(cmd *cobra.Command, name string) error {
	c, cold, m, code, end, err := p.ready(cmd)
	if err != nil {
		return err
	}
	defer end()
	if p.models && m.Asks() {
		return fmt.Errorf("the task %s asks models, and so cannot examine open ones: two validators might hear different answers", m.Description().Name)
	}
	ctx, queue := cmd.Context(), c.Queue(cold)
	lock, plan, err := p.plan(ctx, c, queue.Address(), name, m)
	if err != nil {
		return err
	}
	if ok, err := p.confirmed(cmd, plan); !ok {
		return err
	}
	done, err := queue.Send(ctx, &subnettypes.MsgCreateSubnet{
		Sender: queue.Address(), Name: name, Mechanism: mechanismOf(m, p.source), MaxLock: lock,
		Identity: subnettypes.Identity{Name: name, Description: clipped(m.Description().About)},
	})
	if err != nil {
		return fmt.Errorf("create the subnet: %w", err)
	}
	for _, r := range done.Responses {
		if created, ok := r.(*subnettypes.MsgCreateSubnetResponse); ok {
			return p.begin(cmd, c, queue, created.Netuid, m, code)
		}
	}
	return errors.New("create the subnet: the chain's answer holds no netuid")
}

// begin hands the module over and starts the subnet.
func (p *publishing) begin(cmd *cobra.Command, c *client.Client, queue *client.Queue, netuid uint32, m *wasm.Module, code []byte) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "subnet %d is created\n", netuid)
	if err := p.handed(cmd, c, netuid, m.Digest(), code); err != nil {
		return err
	}
	if err := p.pace(cmd.Context(), queue, netuid); err != nil {
		return err
	}
	if _, err := queue.Send(cmd.Context(), &subnettypes.MsgStartSubnet{Owner: queue.Address(), Netuid: netuid}); err != nil {
		return fmt.Errorf("start subnet %d: %w", netuid, err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "subnet %d has started: it is paid once miners earn incentive and stake votes for it (docs/governance.md)\n", netuid)
	return nil
}

// pace sets how often the subnet pays and whether its models are open, before it starts; what is 0 stays as it is.
func (p *publishing) pace(ctx context.Context, queue *client.Queue, netuid uint32) error {
	open := int64(0)
	if p.models {
		open = 1
	}
	for _, set := range []struct {
		name  string
		value int64
	}{{subnettypes.Tempo, p.tempo}, {subnettypes.RevealDelay, p.reveal}, {subnettypes.Openness, open}} {
		if set.value == 0 {
			continue
		}
		msg := &subnettypes.MsgSetParameter{Sender: queue.Address(), Netuid: netuid, Name: set.name, Value: set.value}
		if _, err := queue.Send(ctx, msg); err != nil {
			return fmt.Errorf("set %s of subnet %d: %w", set.name, netuid, err)
		}
	}
	return nil
}

// plan says what opening the subnet means, and what it locks at most.
func (p *publishing) plan(ctx context.Context, c *client.Client, owner, name string, m *wasm.Module) (uint64, string, error) {
	prices, err := c.Prices(ctx, 0)
	if err != nil {
		return 0, "", err
	}
	balance, err := c.Balance(ctx, owner)
	if err != nil {
		return 0, "", err
	}
	lock := p.maxLock
	if lock == 0 {
		lock = prices.Create
	}
	text := fmt.Sprintf("subnet %s\n  task   %s: %s\n  digest sha256:%s\n  owner  %s\n  lock   %s now, at most %s; 90 %% of it returns when the subnet is dissolved\n  you have %s\n",
		name, m.Description().Name, m.Description().About, m.Digest(), owner, tao(prices.Create), tao(lock), tao(balance))
	if p.models {
		text += "  it examines open models, which stays so\n"
	}
	if balance < prices.Create {
		return 0, "", fmt.Errorf("%s the lock is more than you have", text)
	}
	return lock, text, nil
}

// tao is an amount of rao for people.
func tao(rao uint64) string { return fmt.Sprintf("%d.%09d TAO", rao/1_000_000_000, rao%1_000_000_000) }

func clipped(s string) string { return strings.ToValidUTF8(s[:min(len(s), 256)], "") }
