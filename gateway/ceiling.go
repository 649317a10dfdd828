package gateway

import (
	"context"
	"errors"
	"fmt"

	"agora/gateway/ledger"
	"agora/mechanism/price"
	"agora/mechanism/voucher"
	"agora/wire/openai"
	"agora/wire/x402"
)

// errFortune is a request that may cost more than there will ever be.
var errFortune = errors.New("the request may cost more than there is: lower max_tokens")

// open reserves what a request may cost at most, where somebody pays. The error is what the consumer is told.
//
// That is the most by the cards of all who may be asked. Where it is more than there is, it is the most by those of the best who are
// there, and nobody dearer is asked: cards are their owners' word, and one that tells of a fortune keeps nobody from the others.
func (c *call) open(from *payer) *openai.Error {
	if c.Till == nil || from == nil {
		return nil
	}
	limit := price.Rates{In: c.asked.MaxPrice.In, Out: c.asked.MaxPrice.Out}
	b := &bill{Till: c.Till, from: from, id: from.request, limit: limit, context: c.route.context(), netuid: c.route.netuid(), metrics: c.metrics}
	if b.id == "" {
		b.id = c.out.id
	}
	rates, any := c.dearest(b.limit)
	if !any {
		return c.tooDear()
	}
	a, err := c.reserve(b, rates)
	if isTooMuch(err) {
		if best, context := c.best(b.limit); best != rates || context != b.context {
			b.limit, b.context = asLimit(best), context
			a, err = c.reserve(b, best)
		}
	}
	if err != nil {
		return c.required(b, a, err)
	}
	b.account, c.bill = a, b
	return nil
}

// reserve reserves the most that a request may cost at these rates, which is the bill's ceiling then.
func (c *call) reserve(b *bill, rates price.Rates) (ledger.Account, error) {
	b.ceiling, _ = price.Answer(mostOf(len(c.body), c.asked, b.context), rates)
	if b.ceiling > voucher.MostAmount {
		return ledger.Account{}, errFortune
	}
	if most := b.from.most; most > 0 && b.ceiling > most {
		return ledger.Account{}, fmt.Errorf("%w: the request may cost %d rao, its %s is %d: lower max_tokens", errAbove, b.ceiling, x402.HeaderMax, most)
	}
	ctx, cancel := context.WithDeadline(c.ctx, c.until)
	defer cancel()
	return b.reserve(ctx, b.from, b.id, b.ceiling)
}

// isTooMuch says that a request was refused for what it may cost.
func isTooMuch(err error) bool {
	for _, reason := range []error{voucher.ErrFunds, voucher.ErrCredit, ledger.ErrBudget, errAbove, errFortune} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// best are the highest rates, and the longest context, of those within a limit who are asked first.
func (c *call) best(limit price.Rates) (most price.Rates, context int) {
	for _, tier := range c.route.tiers {
		any := false
		for _, m := range tier {
			r := c.Till.rates(&m.Miner)
			if !within(r, limit) || !c.able(m) {
				continue
			}
			any = true
			most, context = price.Rates{In: max(most.In, r.In), Out: max(most.Out, r.Out), Markup: r.Markup}, max(context, m.Context)
		}
		if any {
			break
		}
	}
	return most, context
}

// asLimit is the limit within which nobody is dearer.
func asLimit(r price.Rates) price.Rates {
	return price.Rates{In: max(1, r.In+r.In*r.Markup/price.BPS), Out: max(1, r.Out+r.Out*r.Markup/price.BPS)}
}
