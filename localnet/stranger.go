package localnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/miner"
	"agora/task"
	"agora/task/kit"
	"agora/task/shelf"
	"agora/task/trial"
	"agora/task/wasm"
)

const (
	strangerNet    = "sums" // the name of the market that the check opens
	strangerPrice  = 64 * network.TAO
	strangerEpochs = 5 // from the first epoch in which its miners can be paid until they are in order
	strangerWaits  = 6 // epochs before it: until most voices speak, and weights are revealed
	strangerTries  = 8 // items of the trial
)

// stranger plays somebody who comes with a task: he tries it on a model, publishes it, opens its market and lets two models mine, a good
// one and a bad one. It ends when the chain has them in order and a consumer had an answer.
func (c *checker) stranger(ctx context.Context) (string, error) {
	names := ladder.Names() // weakest first
	good, bad := names[len(names)-1], names[0]
	tried, digest, err := c.tryTask(ctx, good)
	if err != nil {
		return "", err
	}
	s, err := c.openMarket(ctx, digest)
	if err != nil {
		return "", err
	}
	var uids [2]uint32
	for i, model := range []string{good, bad} {
		uid, stop, err := c.mine(ctx, s.Netuid, model, fmt.Sprintf("%s-%d", strangerNet, i+1))
		if err != nil {
			return "", err
		}
		defer stop()
		uids[i] = uid
	}
	epochs, err := c.inOrder(ctx, s.Netuid, uids)
	if err != nil {
		return "", err
	}
	answer, uid, err := c.askModel(ctx, 0, strangerNet, "Add 31 and 42.") // none of the task's items, which are refused while they are open
	if err != nil || uid != uids[0] || !strings.Contains(answer, "73") {
		return "", fmt.Errorf("a consumer had %q from uid %d: %w", answer, uid, errors.Join(err, errors.New("not the good one's answer")))
	}
	return fmt.Sprintf("the task scored %.2f on trial; subnet %d has its two miners in order in epoch %d, and the better answered", tried, s.Netuid, epochs), nil
}

// tryTask has a model answer some items of the task, and returns its mean score.
func (c *checker) tryTask(ctx context.Context, model string) (float64, wasm.Digest, error) {
	host, err := wasm.NewHost(ctx, wasm.Config{})
	if err != nil {
		return 0, wasm.Digest{}, err
	}
	defer host.Close(context.WithoutCancel(ctx))
	m, err := host.Load(ctx, kit.Sums())
	if err != nil {
		return 0, wasm.Digest{}, err
	}
	e, err := ladder.Open(model, llm.Options{})
	if err != nil {
		return 0, wasm.Digest{}, err
	}
	defer e.Close() // it was read only
	server := miner.NewServer(e, miner.Options{})
	report, err := trial.Run(ctx, m, strangerTries, task.Seed{1}, func(ctx context.Context, path string, body []byte) ([]byte, error) {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(body)))
		return answer.Body.Bytes(), nil
	})
	if err != nil {
		return 0, wasm.Digest{}, err
	}
	if len(report.Warnings) > 0 {
		return 0, wasm.Digest{}, fmt.Errorf("the trial warns: %s", strings.Join(report.Warnings, "; "))
	}
	return report.Mean, m.Digest(), nil
}

// openMarket creates the subnet, hands the module over and starts it; an earlier check's is gone on with.
func (c *checker) openMarket(ctx context.Context, d wasm.Digest) (subnettypes.Subnet, error) {
	s, err := c.create(ctx, strangerNet, subnettypes.Mechanism{Id: subnettypes.TaskModule, Digest: "sha256:" + d.String()}, "Sums of two numbers: a task that a check publishes.")
	if err != nil {
		return s, err
	}
	if err := c.hand(ctx, d); err != nil {
		return s, err
	}
	return s, c.begin(ctx, s, nil)
}

// create opens a subnet in the owner's name, unless an earlier check did.
func (c *checker) create(ctx context.Context, name string, task subnettypes.Mechanism, about string) (subnettypes.Subnet, error) {
	key, err := c.coldKey("owner")
	if err != nil {
		return subnettypes.Subnet{}, err
	}
	s, found, err := c.named(ctx, name)
	if err != nil || found {
		return s, err
	}
	queue := c.chain.Queue(key)
	if _, err := queue.Send(ctx, &subnettypes.MsgCreateSubnet{
		Sender: queue.Address(), Name: name, Mechanism: task, Identity: subnettypes.Identity{Name: name, Description: about},
	}); err != nil {
		return s, fmt.Errorf("create the subnet: %w", err)
	}
	s, _, err = c.named(ctx, name)
	return s, err
}

// begin starts a subnet that has not started, with epochs as short as those of the market's others and with these parameters.
func (c *checker) begin(ctx context.Context, s subnettypes.Subnet, values map[string]int64) error {
	if s.Started {
		return nil
	}
	key, err := c.coldKey("owner")
	if err != nil {
		return err
	}
	queue := c.chain.Queue(key)
	all := map[string]int64{subnettypes.Tempo: c.file.Tempo, subnettypes.RevealDelay: 1}
	maps.Copy(all, values)
	var set []sdk.Msg
	for _, name := range slices.Sorted(maps.Keys(all)) {
		set = append(set, &subnettypes.MsgSetParameter{Sender: queue.Address(), Netuid: s.Netuid, Name: name, Value: all[name]})
	}
	if _, err := queue.Send(ctx, set...); err != nil {
		return fmt.Errorf("set its pace: %w", err)
	}
	if _, err := queue.Send(ctx, &subnettypes.MsgStartSubnet{Owner: queue.Address(), Netuid: s.Netuid}); err != nil {
		return fmt.Errorf("start it: %w", err)
	}
	return nil
}

func (c *checker) named(ctx context.Context, name string) (subnettypes.Subnet, bool, error) {
	list, err := c.chain.Subnets(ctx)
	i := slices.IndexFunc(list, func(s subnettypes.Subnet) bool { return s.Name == name })
	if i < 0 {
		return subnettypes.Subnet{}, false, err
	}
	return list[i], true, err
}

// hand gives the module to one validator; the others fetch it from there.
func (c *checker) hand(ctx context.Context, d wasm.Digest) error {
	base := strings.TrimSuffix(c.file.Gateways[0].URL, "/v1")
	return shelf.Send(ctx, http.DefaultClient, base, d, kit.Sums())
}

// mine serves a model from this process until stop is called.
func (c *checker) mine(ctx context.Context, netuid uint32, model, name string) (uid uint32, stop func(), err error) {
	owner, err := c.coldKey("consumer")
	if err != nil {
		return 0, nil, err
	}
	e, err := ladder.Open(model, llm.Options{})
	if err != nil {
		return 0, nil, err
	}
	uid, halt, err := c.serve(ctx, guest{netuid: netuid, hot: keys(c.file.Seed).hot(name), owner: owner, limit: strangerPrice, engine: e, name: name})
	if err != nil {
		return 0, nil, errors.Join(err, e.Close())
	}
	return uid, func() {
		halt()
		_ = e.Close() // it was read only
	}, nil
}

// inOrder waits until the first of two miners has more incentive than the second, and counts from the first epoch that pays either.
func (c *checker) inOrder(ctx context.Context, netuid uint32, uids [2]uint32) (int, error) {
	count := 0
	for range strangerWaits + strangerEpochs {
		record, err := c.afterEpochs(ctx, netuid, 1)
		if err != nil {
			return 0, err
		}
		in := incentives(record)
		if in[uids[0]]+in[uids[1]] > 0 {
			count++
		}
		if in[uids[0]] > in[uids[1]] {
			return count, nil
		}
		if count >= strangerEpochs {
			return 0, fmt.Errorf("in epoch %d of pay the good miner has %d and the bad one %d", count, in[uids[0]], in[uids[1]])
		}
	}
	return 0, errors.New("no epoch has paid a miner of the new subnet")
}
