// Package evidence is what a validator tells of the weights that it gave servers of open models in an epoch: enough for another
// machine to compute them again, and to repeat what they rest on.
package evidence

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"agora/mechanism/capacity"
	"agora/mechanism/frontier"
	"agora/validator/audit"
	"agora/validator/burst"
	"agora/validator/exam"
	"agora/wire"
	"agora/wire/receipt"
)

// Kept is for how many epochs evidence is told.
const Kept = 14

// MaxSize bounds the evidence of one epoch, in bytes: 1,024 models at about 150 and 256 servers at most 12,000 each are less.
const MaxSize = 4 << 20

// Evidence is what the weights of one voice in one epoch follow from.
type Evidence struct {
	ChainID string   `json:"chain_id"`
	NetUID  uint32   `json:"netuid"`
	Epoch   uint64   `json:"epoch"`
	Voice   string   `json:"voice"` // peer id of its hot key
	Servers []Server `json:"servers"`
	Moments []int64  `json:"moments"` // the last ones before the tempo, at which servers were measured; none: all are alike
	Tellers []Teller `json:"tellers"` // other voices whose figures count
	Stake   uint64   `json:"stake"`   // of this voice, rao
	Models  []Model  `json:"models"`  // in the order of the list
	UIDs    []uint32 `json:"uids"`    // that were weighed
	Weights []uint32 `json:"weights"` // as they were committed
}

// Server is a server as the epoch's tempo began, with what its voice found.
type Server struct {
	UID        uint32           `json:"uid"`
	Registered uint64           `json:"registered"`
	Digest     string           `json:"digest"`
	HotKey     string           `json:"hot_key"` // peer id; empty where it was gone
	Paid       bool             `json:"paid"`    // it is there and gives its model's answers: the voice's word, but for Example
	Why        string           `json:"why"`
	PriceIn    uint64           `json:"price_in"` // of its card, rao per million tokens
	PriceOut   uint64           `json:"price_out"`
	Service    uint16           `json:"service"`            // how reliably it answers this voice, in 1/65,535: the voice's word
	Capacity   uint64           `json:"capacity"`           // that counts, in thousandths of a token in a second; 0 where it is not paid or too dear
	Measured   []burst.Measured `json:"measured,omitempty"` // at each of the moments
	Example    *audit.Claim     `json:"example,omitempty"`  // an answer of it to this voice that was run again and found to be its model's
}

// Teller is another voice with its stake.
type Teller struct {
	Voice string `json:"voice"` // peer id of its hot key
	Stake uint64 `json:"stake"` // rao
}

// Model is a model as it stood when the weights were made.
type Model struct {
	Digest     string         `json:"digest"`
	Items      int64          `json:"items"`
	Capability frontier.Score `json:"capability"` // millionths
	Place      int            `json:"place"`      // 0 for none
	Depth      int            `json:"depth"`
	Why        string         `json:"why"`
}

// ModelsOf tells how models stand.
func ModelsOf(list []frontier.Standing) []Model {
	models := make([]Model, len(list))
	for i, s := range list {
		models[i] = Model{exam.SpellDigest(s.Model.Digest), s.Items, s.Capability, s.Place, s.Depth, s.Why.String()}
	}
	return models
}

const domain = "agora/evidence/v1\x00"

// Errors of Read and Compare.
var (
	ErrForged  = errors.New("evidence: not what its voice has signed")
	ErrDiffers = errors.New("evidence: the weights do not follow")
)

// Sign writes evidence with its voice's signature of the text.
func Sign(e *Evidence, voice ed25519.PrivateKey) (text []byte, signature string, err error) {
	if text, err = json.Marshal(e); err != nil {
		return nil, "", err
	}
	if len(text) > MaxSize {
		return nil, "", fmt.Errorf("evidence of epoch %d has %d bytes, at most %d are told", e.Epoch, len(text), MaxSize)
	}
	return text, base64.RawURLEncoding.EncodeToString(ed25519.Sign(voice, append([]byte(domain), text...))), nil
}

// Read reads evidence that its voice has signed. The error is ErrForged.
func Read(text []byte, signature string) (*Evidence, ed25519.PublicKey, error) {
	var e Evidence
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	key, err := wire.ParsePeerID(e.Voice)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !ed25519.Verify(key, append([]byte(domain), text...), sig) {
		return nil, nil, ErrForged
	}
	return &e, key, nil
}

// ServersAt are the servers as an examination wants them. The error is ErrForged.
func (e *Evidence) ServersAt() ([]exam.Server, error) {
	list := make([]exam.Server, len(e.Servers))
	for i, s := range e.Servers {
		d, ok := exam.ParseDigest(s.Digest)
		if !ok {
			return nil, fmt.Errorf("%w: uid %d serves %.80q", ErrForged, s.UID, s.Digest)
		}
		list[i] = s.as(d)
	}
	return list, nil
}

// as is the server as an examination wants it.
func (s *Server) as(digest [32]byte) exam.Server {
	return exam.Server{UID: s.UID, Registered: s.Registered, Digest: digest, PriceIn: s.PriceIn, PriceOut: s.PriceOut}
}

// Paid says whom the voice found to be there and to give its model's answers.
func (e *Evidence) Paid() func(exam.Server) bool {
	paid := map[exam.Server]bool{}
	for _, s := range e.Servers {
		if d, ok := exam.ParseDigest(s.Digest); ok {
			paid[s.as(d)] = s.Paid
		}
	}
	return func(s exam.Server) bool { return paid[s] }
}

// Services says how reliably servers answered the voice. That of a paid one is never 0: evidence of before it was told has it whole.
func (e *Evidence) Services() func(exam.Server) uint16 {
	told := map[exam.Server]uint16{}
	for _, s := range e.Servers {
		if d, ok := exam.ParseDigest(s.Digest); ok && s.Service > 0 {
			told[s.as(d)] = s.Service
		}
	}
	return func(s exam.Server) uint16 {
		if service, ok := told[s]; ok {
			return service
		}
		return math.MaxUint16
	}
}

// Can says how much servers can do, by what is told of the moments; nil where there are none.
func (e *Evidence) Can() func(exam.Server) uint64 {
	if len(e.Moments) == 0 {
		return nil
	}
	var stakes []uint64
	for _, t := range e.Tellers {
		stakes = append(stakes, t.Stake)
	}
	stakes = append(stakes, e.Stake)
	can := map[burst.ID]uint64{}
	for _, s := range e.Servers {
		can[burst.ID{UID: s.UID, Registered: s.Registered}] = burst.Capacity(s.Measured, stakes)
	}
	return func(s exam.Server) uint64 { return can[burst.ID{UID: s.UID, Registered: s.Registered}] }
}

// Sound holds what is told of moments to its form, to the chain's tempos and to the servers' signatures, and counts the receipts. half
// is the first half of the nonces of the tempo that a block is in; false where the chain does not tell. The error is ErrForged.
func (e *Evidence) Sound(half func(block int64) ([8]byte, bool)) (receipts int, err error) {
	if len(e.Moments) > capacity.Moments || len(e.Tellers) > burst.MaxTellers || !slices.IsSorted(e.Moments) {
		return 0, fmt.Errorf("%w: %d moments and %d tellers", ErrForged, len(e.Moments), len(e.Tellers))
	}
	for i := range e.Servers {
		n, err := e.sound(&e.Servers[i], half)
		if err != nil {
			return 0, fmt.Errorf("%w: uid %d: %w", ErrForged, e.Servers[i].UID, err)
		}
		receipts += n
	}
	return receipts, nil
}

func (e *Evidence) sound(s *Server, half func(int64) ([8]byte, bool)) (receipts int, err error) {
	if len(s.Measured) != len(e.Moments) {
		return 0, fmt.Errorf("it tells of %d of %d moments", len(s.Measured), len(e.Moments))
	}
	for i, m := range s.Measured {
		if m.Moment != e.Moments[i] || m.Own != nil && (m.Own.UID != s.UID || m.Own.Registered != s.Registered) {
			return 0, fmt.Errorf("it tells of block %d in place of %d, or of another server", m.Moment, e.Moments[i])
		}
		if m.Own == nil || len(m.Own.Receipts) == 0 {
			continue
		}
		if err := e.signed(s, m.Own, m.Moment, half); err != nil {
			return 0, fmt.Errorf("moment %d: %w", m.Moment, err)
		}
		receipts += len(m.Own.Receipts)
	}
	return receipts, nil
}

// signed holds receipts to a line: they are the server's, for this voice, of that tempo, each once, and no more work than the line
// counts.
func (e *Evidence) signed(s *Server, l *burst.Line, moment int64, half func(int64) ([8]byte, bool)) error {
	key, err := wire.ParsePeerID(s.HotKey)
	if err != nil {
		return err
	}
	voice, err := wire.ParsePeerID(e.Voice)
	if err != nil {
		return err
	}
	nonces := map[[16]byte]bool{}
	var work uint64
	for _, text := range l.Receipts {
		r, err := receipt.Open(text, key)
		if err != nil {
			return err
		}
		switch {
		case r.ChainID != e.ChainID || r.Netuid != e.NetUID || r.UID != s.UID || r.Registered != s.Registered || r.Voice != [32]byte(voice) || exam.SpellDigest(r.Digest) != s.Digest:
			return errors.New("a receipt is another's")
		case nonces[r.Nonce] || !ofTempo(r.Nonce, moment, half):
			return errors.New("a receipt is told twice, or of another tempo")
		}
		nonces[r.Nonce] = true
		work += capacity.Work(0, uint64(r.Completion))
	}
	n := uint64(len(l.Receipts))
	if n > burst.MaxReceipts || n > l.Answered || l.Answered > capacity.Rounds*l.Own || l.Consumers > l.Work || work > l.Work-l.Consumers {
		return fmt.Errorf("%d receipts for %d answers to %d requests, with %d quarters of a token written for %d", n, l.Answered, l.Own, work, l.Work-min(l.Work, l.Consumers))
	}
	return nil
}

// Blocks by which a voice may be behind or ahead of a moment, and in which a window has surely ended.
const (
	around = 2
	window = 24
)

// ofTempo says whether a nonce is of the tempo of a moment, or of one that is next to it where it is near; also where that is not known.
func ofTempo(nonce [16]byte, moment int64, half func(int64) ([8]byte, bool)) bool {
	for _, block := range []int64{moment, moment - around, moment + around, moment + window} {
		if tempo, known := half(block); !known || tempo == [8]byte(nonce[:8]) {
			return true
		}
	}
	return false
}

// Compare holds what a voice tells to what was computed again. The error is ErrDiffers and names the first difference: of a model's
// examination, of its place, or of a server's weight.
func (e *Evidence) Compare(models []Model, uids, weights []uint32) error {
	if len(models) != len(e.Models) {
		return fmt.Errorf("%w: it tells of %d models, here are %d", ErrDiffers, len(e.Models), len(models))
	}
	for i, own := range models {
		if told := e.Models[i]; told != own {
			return fmt.Errorf("%w: model %d of the list is told to be %+v, here it is %+v", ErrDiffers, i+1, told, own)
		}
	}
	if len(uids) != len(e.UIDs) || len(weights) != len(e.Weights) || len(e.UIDs) != len(e.Weights) {
		return fmt.Errorf("%w: it weighs %d servers, here are %d", ErrDiffers, len(e.UIDs), len(uids))
	}
	for i, uid := range uids {
		if e.UIDs[i] != uid || e.Weights[i] != weights[i] {
			return fmt.Errorf("%w: uid %d has %d, here uid %d has %d", ErrDiffers, e.UIDs[i], e.Weights[i], uid, weights[i])
		}
	}
	return nil
}
