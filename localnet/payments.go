package localnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"

	"agora/chain/network"
	"agora/client"
)

// paidRequests is how many answers the check buys, at every gateway in turn.
const paidRequests = 32

// cost is what an answer says that it cost, in rao.
type cost struct {
	Rao    uint64 `json:"rao"`
	Miner  uint64 `json:"miner_rao"`
	Markup uint64 `json:"markup_rao"`
}

// costOf reads usage.cost_details of an answer.
func costOf(answer []byte) (cost, error) {
	var a struct {
		Usage struct {
			Details *cost `json:"cost_details"`
		} `json:"usage"`
	}
	if err := json.Unmarshal(answer, &a); err != nil || a.Usage.Details == nil {
		return cost{}, fmt.Errorf("the answer does not say what it cost: %.200s (%w)", answer, errors.Join(err))
	}
	return *a.Usage.Details, nil
}

// holdings is where the money of payments is at one height, in rao.
type holdings struct {
	height    int64
	consumers uint64 // paid by consumers through their channels
	miners    uint64 // paid by validators to miners through theirs
	burned    uint64
	held      uint64 // by validators' operators: in their accounts, and left in channels to miners
}

// payments buys answers and follows every rao of them on the chain:
//
//	what consumers paid = what miners got + what validators kept + what was burned + fees
func (c *checker) payments(ctx context.Context) (string, error) {
	before, err := c.settled(ctx)
	if err != nil {
		return "", err
	}
	income, err := c.income(ctx)
	if err != nil {
		return "", err
	}
	var told cost
	for i := range paidRequests {
		b, err := c.buy(ctx, i%len(c.file.Gateways), c.file.Subnets[0].Name, fmt.Sprintf("What is %d + %d?", 200+i, 11+7*i))
		if err != nil {
			return "", fmt.Errorf("request %d: %w", i, err)
		}
		told.Rao, told.Miner = told.Rao+b.cost.Rao, told.Miner+b.cost.Miner
	}
	after, err := c.settled(ctx)
	if err != nil {
		return "", err
	}
	fees, err := c.fees(ctx, before.height, after.height)
	if err != nil {
		return "", err
	}
	if now, err := c.income(ctx); err != nil || now <= income {
		return "", errors.Join(err, fmt.Errorf("the page shows that miners earned %d rao, before the answers %d", now, income))
	}
	return balanced(before, after, told, fees)
}

// balanced holds what the chain says to what the answers said.
func balanced(before, after holdings, told cost, fees uint64) (string, error) {
	spent, miners, burned := after.consumers-before.consumers, after.miners-before.miners, after.burned-before.burned
	kept := int64(after.held) - int64(before.held)
	text := fmt.Sprintf("%d answers cost %d rao = %d to miners + %d kept by validators + %d burned + %d in fees", paidRequests, spent, miners, kept, burned, fees)
	switch {
	case told.Rao == 0 || spent != told.Rao:
		return "", fmt.Errorf("the answers said %d rao, the chain %d", told.Rao, spent)
	case miners < told.Miner:
		return "", fmt.Errorf("the answers said %d rao for miners, the chain %d", told.Miner, miners)
	case int64(spent) != int64(miners)+kept+int64(burned)+int64(fees):
		return "", errors.New(text + " does not hold")
	}
	return text, nil
}

// settled lets everything be paid and claimed, and says where the money is then.
func (c *checker) settled(ctx context.Context) (holdings, error) {
	if _, err := call(ctx, c.home, http.MethodPost, "/settle"); err != nil {
		return holdings{}, err
	}
	height, err := c.chain.Height(ctx)
	if err != nil {
		return holdings{}, err
	}
	return c.holdings(ctx, height)
}

// holdings is where the money is after one block.
func (c *checker) holdings(ctx context.Context, height int64) (h holdings, err error) {
	ctx, h.height = client.AtHeight(ctx, height), height
	validators := map[string]bool{}
	for i := range c.file.Validators {
		address := c.file.Accounts[fmt.Sprintf("validator%d", i)].Address
		validators[address] = true
		balance, err := c.chain.Balance(ctx, address)
		if err != nil {
			return h, err
		}
		h.held += balance
	}
	channels, err := c.chain.Channels(ctx, "", "")
	if err != nil {
		return h, err
	}
	for _, v := range channels {
		if validators[v.Payer] {
			h.miners, h.held = h.miners+v.Paid, h.held+v.Left
		} else {
			h.consumers += v.Paid
		}
	}
	turnovers, err := c.chain.Turnovers(ctx)
	for _, t := range turnovers {
		h.burned += t.Burned
	}
	return h, err
}

// fees sums up what the validators' operators paid for transactions after one height, up to another.
func (c *checker) fees(ctx context.Context, after, upTo int64) (sum uint64, err error) {
	node, err := rpchttp.New(c.file.RPC[0], "/websocket")
	if err != nil {
		return 0, err
	}
	for i := range c.file.Validators {
		account := c.file.Accounts[fmt.Sprintf("validator%d", i)].Address
		query := fmt.Sprintf("tx.fee_payer='%s' AND tx.height>%d AND tx.height<=%d", account, after, upTo)
		most := 100
		found, err := node.TxSearch(ctx, query, false, nil, &most, "asc")
		if err != nil {
			return 0, err
		}
		if found.TotalCount > len(found.Txs) {
			return 0, fmt.Errorf("%d transactions of %s", found.TotalCount, account)
		}
		for _, tx := range found.Txs {
			for _, e := range tx.TxResult.Events {
				for _, a := range e.Attributes {
					if e.Type != "tx" || a.Key != "fee" || a.Value == "" {
						continue
					}
					fee, err := strconv.ParseUint(strings.TrimSuffix(a.Value, network.Denom), 10, 64)
					if err != nil {
						return 0, fmt.Errorf("a fee of %q", a.Value)
					}
					sum += fee
				}
			}
		}
	}
	return sum, nil
}

// income is what the page of money says that miners' owners have earned at the first gateway, in rao.
func (c *checker) income(ctx context.Context) (sum uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	time.Sleep(freshPage) // the page may be as old
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.file.Web+"money.json", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var subnets []struct {
		Miners []struct {
			Owner  string `json:"owner"`
			Income uint64 `json:"income"`
		} `json:"miners"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&subnets); err != nil {
		return 0, fmt.Errorf("money.json: %w", err)
	}
	for _, s := range subnets {
		for _, m := range s.Miners {
			sum += m.Income
		}
	}
	return sum, nil
}

// freshPage is how old a page of a gateway may be.
const freshPage = 1100 * time.Millisecond
