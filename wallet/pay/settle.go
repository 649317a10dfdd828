package pay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"agora/mechanism/voucher"
	"agora/wire/openai"
	"agora/wire/x402"
)

// Settle asks the gateway what it charged, signs for it, and hands the voucher over: at the end, and where the two do not
// agree.
func (e *Endpoint) Settle(ctx context.Context) error {
	have, err := e.state(ctx, http.MethodGet, "/v1/pay/channel")
	if err != nil {
		return err
	}
	disputed, err := e.purse.Learn(have.charged, have.open)
	if err != nil {
		return err
	}
	if disputed > 0 {
		return fmt.Errorf("the gateway says that it charged %d rao more than this purse was told: nothing is signed for that", disputed)
	}
	if s := e.purse.Status(); s.Owed == 0 {
		return nil
	}
	gave, err := e.state(ctx, http.MethodPost, "/v1/pay/voucher")
	if err == nil {
		return nil
	}
	// A request that began later may have come there before, with a voucher for more.
	if have, failed := e.state(ctx, http.MethodGet, "/v1/pay/channel"); failed == nil && have.signed.Covers(gave.given) {
		return nil
	}
	return err
}

// channel is what a gateway says of one.
type channel struct {
	charged voucher.Parts
	signed  voucher.Parts // what its last voucher promises
	given   voucher.Parts // what that promises which it was asked with
	open    uint64        // requests
}

// state asks for the channel with the voucher as it is. What was given is told beside an error too.
func (e *Endpoint) state(ctx context.Context, method, path string) (c channel, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, e.purse.Gateway()+path, nil)
	if err != nil {
		return c, err
	}
	if c.given, err = e.enclose(r, 0, false); err != nil {
		return c, err
	}
	resp, err := e.client.Do(r)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxPurse))
	if err != nil {
		return c, err
	}
	if resp.StatusCode != http.StatusOK {
		return c, openai.Foreign(resp.StatusCode, text)
	}
	var told struct {
		Parts []x402.Part   `json:"charged_parts"`
		Last  *x402.Payload `json:"lastVoucher"`
		Open  uint64        `json:"open"`
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return c, fmt.Errorf("the gateway's answer: %w", err)
	}
	c.open = told.Open
	if told.Last != nil {
		if c.signed, err = partsOf(told.Last.Parts); err != nil {
			return c, err
		}
	}
	c.charged, err = partsOf(told.Parts)
	return c, err
}

// partsOf reads amounts that a gateway told.
func partsOf(list []x402.Part) (parts voucher.Parts, err error) {
	for _, part := range list {
		amount, err := strconv.ParseUint(part.Amount, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the gateway's answer: amount %.30q", part.Amount)
		}
		parts = append(parts, voucher.Part{Netuid: part.Netuid, Amount: amount})
	}
	return parts, nil
}

// GiveCredit lets a key draw on the channel: the gateway gets a voucher for the whole deposit.
func (e *Endpoint) GiveCredit(ctx context.Context, key string, netuid uint32) error {
	if _, _, err := e.purse.Credit(netuid); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.purse.Gateway()+"/v1/pay/credit", strings.NewReader(fmt.Sprintf(`{"key":%q}`, key)))
	if err != nil {
		return err
	}
	if _, err := e.enclose(r, netuid, false); err != nil {
		return err
	}
	resp, err := e.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxPurse))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = openai.Foreign(resp.StatusCode, text)
	}
	return err
}
