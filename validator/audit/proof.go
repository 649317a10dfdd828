package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"agora/engine"
	"agora/gateway"
	"agora/wire"
	"agora/wire/receipt"
)

// Bounds of what a proof holds, in bytes.
const (
	maxRequest = 64 << 10
	maxAnswer  = 64 << 10
)

// Claim is an answer that is not its model's, with all that others need to find that out again.
type Claim struct {
	Receipt string `json:"receipt"` // as the server signed it
	Request string `json:"request"` // the body as the server got it
	Answer  string `json:"answer"`  // the text whose hash the receipt holds
	Tokens  string `json:"tokens"`  // as they travel
}

// Proof shows that one server gave two answers that are not its model's. Whoever has the model can check it.
type Proof struct {
	HotKey string   `json:"hot_key"` // peer id of the server
	Claims [2]Claim `json:"claims"`
}

// ErrProof says that a proof is none: something in it does not fit together.
var ErrProof = errors.New("audit: not a proof")

// claimOf keeps an answer as a claim; false where it is too large for one.
func claimOf(c *gateway.Checked) (Claim, bool) {
	answer := receipt.AnswerText(c.Answer.Choices)
	if len(c.Body) > maxRequest || len(answer) > maxAnswer || c.Answer.Tokens == nil {
		return Claim{}, false
	}
	return Claim{Receipt: c.Signed, Request: string(c.Body), Answer: string(answer), Tokens: receipt.AppendTokens(c.Answer.Tokens)}, true
}

// ID names a proof by its receipts.
func (p *Proof) ID() string {
	h := sha256.Sum256([]byte(p.Claims[0].Receipt + "\n" + p.Claims[1].Receipt))
	return hex.EncodeToString(h[:16])
}

// Shown is what a proof holds.
type Shown struct {
	Server  ServerID
	Digest  [32]byte
	Answers [2]*receipt.Answer
	Bodies  [2][]byte
}

// Open checks what can be checked without the model: that one server signed two different receipts for these requests and
// answers on that chain. The error is ErrProof.
func (p *Proof) Open(chainID string) (*Shown, error) {
	key, err := wire.ParsePeerID(p.HotKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	s := &Shown{}
	for i := range p.Claims {
		c := &p.Claims[i]
		a, err := c.open(key)
		if err != nil {
			return nil, fmt.Errorf("%w: claim %d: %w", ErrProof, i, err)
		}
		r := &a.Receipt
		id := ServerID{r.Netuid, r.UID, r.Registered}
		switch {
		case chainID != "" && r.ChainID != chainID:
			return nil, fmt.Errorf("%w: claim %d is of the chain %q", ErrProof, i, r.ChainID)
		case i == 1 && (id != s.Server || r.Digest != s.Digest || r.ChainID != s.Answers[0].Receipt.ChainID):
			return nil, fmt.Errorf("%w: its claims are of two servers or models", ErrProof)
		case i == 1 && r.Nonce == s.Answers[0].Receipt.Nonce:
			return nil, fmt.Errorf("%w: its claims are one", ErrProof)
		}
		s.Server, s.Digest, s.Answers[i], s.Bodies[i] = id, r.Digest, a, []byte(c.Request)
	}
	return s, nil
}

// open checks that a key signed this answer to this request.
func (c *Claim) open(key []byte) (*receipt.Answer, error) {
	if len(c.Request) > maxRequest || len(c.Answer) > maxAnswer {
		return nil, errors.New("too long")
	}
	r, err := receipt.Open(c.Receipt, key)
	if err != nil {
		return nil, err
	}
	a := &receipt.Answer{Receipt: r}
	if a.Choices, err = receipt.ParseAnswer([]byte(c.Answer)); err != nil {
		return nil, err
	}
	if a.Tokens, err = receipt.ParseTokens(c.Tokens); err != nil {
		return nil, err
	}
	switch {
	case r.Request != receipt.RequestHash(r.Nonce, []byte(c.Request)):
		return nil, fmt.Errorf("%w: another request", receipt.ErrBinding)
	case r.Answer != receipt.AnswerHash(a.Choices):
		return nil, fmt.Errorf("%w: another answer", receipt.ErrBinding)
	case r.Tokens != receipt.TokensHash(a.Tokens):
		return nil, fmt.Errorf("%w: other tokens", receipt.ErrBinding)
	case len(a.Tokens) != len(a.Choices):
		return nil, fmt.Errorf("%w: tokens of %d choices for %d", receipt.ErrAnswer, len(a.Tokens), len(a.Choices))
	}
	return a, nil
}

// Right checks that a claim is the opposite of one: that this server signed this answer for this voice, and that it is its model's.
func (c *Claim) Right(ctx context.Context, l Library, chainID, voice, hotKey string, server ServerID, digest string) error {
	key, err := wire.ParsePeerID(hotKey)
	if err != nil {
		return err
	}
	a, err := c.open(key)
	if err != nil {
		return err
	}
	r := &a.Receipt
	if r.ChainID != chainID || wire.PeerID(r.Voice[:]) != voice || (ServerID{r.Netuid, r.UID, r.Registered}) != server || "sha256:"+hex.EncodeToString(r.Digest[:]) != digest {
		return fmt.Errorf("%w: another server, voice or model", receipt.ErrBinding)
	}
	m, done, err := l.Replayer(ctx, r)
	if err != nil {
		return err
	}
	defer done()
	if err := Replay(ctx, m, 0, []byte(c.Request), a); !errors.Is(err, ErrVoid) {
		return err
	}
	return nil
}

// Check runs the model on both answers again. It is nil where both are false: the proof holds. ErrClean says that one of them is the
// model's; other errors that nothing was found out.
func (s *Shown) Check(ctx context.Context, m engine.Replayer) error {
	for i, a := range s.Answers {
		err := Replay(ctx, m, 0, s.Bodies[i], a)
		switch {
		case err == nil:
			return fmt.Errorf("%w: claim %d", ErrClean, i)
		case !errors.Is(err, ErrFalse):
			return fmt.Errorf("claim %d: %w", i, err)
		}
	}
	return nil
}

// ErrClean says that an answer in a proof is its model's: whoever made the proof lies.
var ErrClean = errors.New("audit: the answer is its model's")

// ParseProofs reads a list of proofs as validators give it.
func ParseProofs(text []byte) ([]Proof, error) {
	var list struct {
		Proofs []Proof `json:"proofs"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return list.Proofs, nil
}
