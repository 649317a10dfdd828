package validator

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"agora/validator/audit"
	"agora/wire"
)

// ProofsPath is where a validator tells which servers it can prove to have lied: ProofsPath + netuid.
const ProofsPath = "/v1/proofs/"

const (
	proofsDomain = "agora/proofs/v1\x00"
	maxProofs    = 4 << 20 // bytes of a list
	proofsWithin = 20 * time.Second
)

// proofs is a list as it is told.
type proofs struct {
	ChainID string        `json:"chain_id"`
	NetUID  uint32        `json:"netuid"`
	Tempo   uint64        `json:"tempo"`
	Proofs  []audit.Proof `json:"proofs"`
}

// ServeProofs answers GET ProofsPath + netuid. The signature in the header is the voice's, of the body.
func (v *Validator) ServeProofs(w http.ResponseWriter, r *http.Request) {
	netuid, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, ProofsPath), 10, 32)
	course := v.Course(uint32(netuid))
	if err != nil || course == nil || v.audits == nil {
		http.Error(w, `{"error":"no subnet of open models with this number is served here"}`, http.StatusNotFound)
		return
	}
	list, err := v.audits.Proofs(uint32(netuid))
	if err != nil {
		v.cfg.Log.Warn("proofs cannot be told", "netuid", netuid, "err", err)
		http.Error(w, `{"error":"the proofs cannot be read now"}`, http.StatusServiceUnavailable)
		return
	}
	body, err := json.Marshal(proofs{v.cfg.Client.ChainID(), uint32(netuid), course.Epoch(), list})
	if err != nil { // texts and numbers always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(SignatureHeader, v.sign(proofsDomain, body))
	_, _ = w.Write(body) // whoever left needs no answer
}

// hear asks the other validators what they can prove, and checks it.
func (c *caller) hear(ctx context.Context) {
	m := c.directory.market(c.netuid)
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, proofsWithin)
	defer cancel()
	client := c.asksOthers()
	lists := make([][]audit.Proof, len(m.peers))
	var asks sync.WaitGroup
	for i, p := range m.peers {
		asks.Go(func() {
			var err error
			if lists[i], err = c.provenBy(ctx, client, p); err != nil {
				c.cfg.Log.Debug("a validator does not tell what it can prove", "netuid", c.netuid, "gateway", p.gateway, "err", err)
			}
		})
	}
	asks.Wait()
	for i, p := range m.peers {
		if err := c.audits.Hear(ctx, witness{c}, c.netuid, p.key, lists[i]); err != nil && ctx.Err() == nil {
			c.cfg.Log.Error("proofs cannot be remembered", "err", err)
		}
	}
}

// provenBy asks one validator. Nothing in the list is believed yet but who tells it.
func (c *caller) provenBy(ctx context.Context, client *http.Client, p peer) ([]audit.Proof, error) {
	body, signature, err := toldBy(ctx, client, p, ProofsPath+strconv.Itoa(int(c.netuid)), maxProofs)
	if err != nil {
		return nil, err
	}
	return readProofs(body, signature, p.key, c.cfg.Client.ChainID(), c.netuid)
}

// toldBy asks another validator's gateway for a path, and returns at most so many bytes with their signature, which is not checked here.
func toldBy(ctx context.Context, client *http.Client, p peer, path string, most int64) (body []byte, signature string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(strings.TrimSuffix(p.gateway, "/"), "/v1")+path, nil)
	if err != nil {
		return nil, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, most))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return body, resp.Header.Get(SignatureHeader), err
}

// asksOthers is a client for the gateways of other validators.
func (v *Validator) asksOthers() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DialContext: wire.Dialer(v.cfg.Private).DialContext, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// sign signs what this voice tells, for one purpose.
func (v *Validator) sign(domain string, body []byte) string {
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(v.cfg.HotKey, append([]byte(domain), body...)))
}

// signed says whether a voice has signed what it tells, for one purpose.
func signed(domain string, body []byte, signature string, voice ed25519.PublicKey) bool {
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	return err == nil && ed25519.Verify(voice, append([]byte(domain), body...), sig)
}

var errProofs = errors.New("validator: not a list of proofs that its voice signed")

func readProofs(body []byte, signature string, voice ed25519.PublicKey, chainID string, netuid uint32) ([]audit.Proof, error) {
	var list proofs
	if !signed(proofsDomain, body, signature, voice) {
		return nil, errProofs
	}
	if err := json.Unmarshal(body, &list); err != nil || list.ChainID != chainID || list.NetUID != netuid {
		return nil, errProofs
	}
	return list.Proofs, nil
}

// witness is what must be known to believe a proof.
type witness struct{ *caller }

// ID implements audit.Chain.
func (w witness) ID() string { return w.cfg.Client.ChainID() }

// Key implements audit.Chain.
func (w witness) Key(s audit.ServerID) ed25519.PublicKey {
	for _, m := range w.Miners(s.NetUID) {
		if m.UID == s.UID && m.Registered == s.Registered {
			return m.HotKey
		}
	}
	return nil
}

// TempoOf implements audit.Chain.
func (w witness) TempoOf(ctx context.Context, netuid uint32, nonce [16]byte) (uint64, bool) {
	now := w.course.Epoch()
	for back := uint64(0); back < audit.ProofTempos && back <= now; back++ {
		t, err := w.course.Sitting(ctx, now-back)
		if err == nil && string(t.Seed[:8]) == string(nonce[:8]) {
			return now - back, true
		}
	}
	return 0, false
}
