package validator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"agora/gateway"
	"agora/mechanism/price"
	"agora/wire/openai"
)

// errUnpaid marks a miner that wants to be paid first, and may.
var errUnpaid = errors.New("miner wants to be paid first")

// paid is a way to a miner on which it is paid for what it answers beyond what is free. A miner that wants to be paid first
// and may is errUnpaid; one that owes the answer says 402.
type paid struct {
	http.RoundTripper
	payer  Payer
	netuid uint32
	miner  Miner
}

// Way is the way on which this validator asks a miner for itself.
func (v *Validator) Way(netuid uint32, m Miner) http.RoundTripper {
	v.mu.RLock()
	hub := v.hub
	v.mu.RUnlock()
	return wayTo(hub, v.cfg.Payer, netuid, m)
}

func wayTo(hub Hub, payer Payer, netuid uint32, m Miner) http.RoundTripper {
	way := hub.RoundTripper(netuid, m.HotKey)
	if payer == nil {
		return way
	}
	return paid{way, payer, netuid, m}
}

// RoundTrip implements http.RoundTripper.
func (p paid) RoundTrip(r *http.Request) (*http.Response, error) {
	most, err := p.most(r)
	if err != nil {
		return nil, err
	}
	p.payer.Pays(r.Header, p.netuid, p.miner, most)
	resp, err := p.RoundTripper.RoundTrip(r)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusOK:
		resp.Body = &metered{ReadCloser: resp.Body, done: func(used price.Tokens) { p.payer.Asked(p.netuid, p.miner, used) }}
	case resp.StatusCode == http.StatusPaymentRequired && !p.payer.Owed(p.netuid, p.miner, most):
		resp.Body.Close()
		return nil, errUnpaid
	}
	return resp, nil
}

// most is what a request can take.
func (p paid) most(r *http.Request) (price.Tokens, error) {
	context := 0
	if p.miner.Card != nil {
		context = int(p.miner.Card.Context)
	}
	if r.GetBody == nil {
		return gateway.Most(nil, context), nil
	}
	body, err := r.GetBody()
	if err != nil {
		return price.Tokens{}, err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	return gateway.Most(text, context), err
}

// metered is an answer whose tokens are counted as it is read: as its usage tells them, else its events.
type metered struct {
	io.ReadCloser
	done   func(price.Tokens) // nil once it was told
	tail   []byte
	events uint64
}

// maxTail is the part of an answer in whose end the usage stands.
const maxTail = 8 << 10

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.events += uint64(bytes.Count(p[:n], []byte("data: {")))
	m.tail = append(m.tail, p[:n]...)
	m.tail = append(m.tail[:0], m.tail[max(0, len(m.tail)-maxTail):]...)
	return n, err
}

// Close implements io.Closer.
func (m *metered) Close() error {
	if m.done != nil {
		m.done(m.tokens())
		m.done = nil
	}
	return m.ReadCloser.Close()
}

func (m *metered) tokens() price.Tokens {
	var u openai.Usage
	usage := []byte(`"usage":`)
	for rest := m.tail; ; {
		i := bytes.LastIndex(rest, usage)
		if i < 0 {
			return price.Tokens{Out: m.events}
		}
		if json.NewDecoder(bytes.NewReader(rest[i+len(usage):])).Decode(&u) == nil && u.TotalTokens > 0 {
			return price.Tokens{In: uint64(max(0, u.PromptTokens)), Out: uint64(max(0, u.CompletionTokens))}
		}
		rest = rest[:i]
	}
}
