package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"agora/wire/openai"
	"agora/wire/receipt"
)

// Challenge asks a miner in the voice's own name, as the gateway asks for a consumer, and checks the receipt of the answer. What
// is wrong with the receipt is in Checked.Err; the error says that there was no whole answer.
func (p *Proofs) Challenge(ctx context.Context, by http.RoundTripper, netuid uint32, m Miner, path string, body []byte) (Checked, error) {
	u := &unchecked{
		Checked: Checked{NetUID: netuid, Miner: m, Body: AsStream(body), Path: path, Public: true}, nonce: p.nonce(netuid),
	}
	resp, err := by.RoundTrip(Request(ctx, path, u.Body, u.nonce))
	if err != nil {
		return u.Checked, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return u.Checked, fmt.Errorf("%w: status %d", errNoAnswer, resp.StatusCode)
	}
	if err := u.hear(resp); err != nil {
		return u.Checked, err
	}
	c := u.claim(p)
	receipt.Check([]*receipt.Unchecked{c})
	u.Answer, u.Err = c.Answer, c.Err
	return u.Checked, nil
}

// errNoAnswer says that a miner gave no whole answer.
var errNoAnswer = errors.New("gateway: no answer")

// maxChallenge bounds an answer to a challenge, in bytes.
const maxChallenge = 1 << 20

// hear keeps a whole answer with its receipt.
func (u *unchecked) hear(resp *http.Response) error {
	body := io.LimitReader(resp.Body, maxChallenge)
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		text, err := io.ReadAll(body)
		u.heard.Whole(text, resp.Header.Get(receipt.TokensHeader))
		u.Signed = resp.Header.Get(receipt.Header)
		return err
	}
	for events := openai.NewStream(body, maxChallenge); ; {
		c, err := events.Next()
		switch {
		case err == io.EOF:
			_, _ = io.Copy(io.Discard, body) // the trailer comes after it
			u.Signed = resp.Trailer.Get(receipt.Header)
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		case c.Comment:
			u.heard.Comment(c.Data)
		default:
			u.heard.Chunk(c.Data)
		}
	}
}
