package attack

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"

	"agora/engine"
	"agora/engine/native/gguf"
	"agora/engine/native/kernel"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/gateway"
	"agora/task"
	"agora/task/exact"
	"agora/validator/audit"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// Rows of servers, on validator/audit with real models: answers are given, signed, and run again. "Not closed" is a part of 1,000 runs in
// which a voice with a quarter of the stake draws what it audits, over the verdicts that the answers really got.
var servers = []attack{
	{name: "rubbish to consumers, the model to challenges: not closed within 16 audits", most: 0.01, unit: " of runs", play: caught(rubbish, 16, 2)},
	{name: "the same: tempos from the first false answer to the public proof, and whether another voice closes by it", most: 2, least: 1, unit: " tempos", play: proven},
	{name: "a smaller model under the digest: not closed within 50 audits", most: 0.01, unit: " of runs", play: caught(smaller, 50, 0)},
	{name: "another quantisation: not closed within 50 audits", most: 0.01, unit: " of runs", play: caught(requantised, 50, 0)},
	{name: "answers cut in half: not closed within 50 audits", most: 0.01, unit: " of runs", play: caught(cut, 50, 0)},
	{name: "answers padded to max_tokens: not closed within 50 audits", most: 0.01, unit: " of runs", play: caught(padded, 50, 0)},
	{name: "a relay of another server's answers: not closed within 50 audits", most: 0.01, unit: " of runs", play: caught(relayed, 50, 0)},
	{name: "honest servers, one in three on other kernels than the voice's: answers found false", most: 0, unit: " of 300", play: honestly},
	{name: "frames: odd and broken requests, on other kernels than the voice's: honest answers found false", most: 0, unit: " of 400", play: framed},
	{name: "voices with different hardware: answers to an examination that differ between kernels", most: 0, unit: " of 40", play: hardware},
	{name: "a new key of the same owner after a closing: paid tempos of the next 10", most: 0, unit: " tempos", play: newKey},
	{name: "free riders on errors: a server that never answers, paid tempos of 20", most: 0, unit: " tempos", play: freeRider},
	{name: "a voice that proves what is not so, 8 proofs a tempo for 20 tempos: proofs that others run", most: 2, unit: " of 160", play: spam},
	{name: "hostile files: a model's file with some bytes changed that the engine takes for the model, or that breaks it", most: 0, unit: " of 400", play: hostile},
}

// house is a place in which answers are given and audited.
type house struct {
	seed        uint64
	model       *llm.Engine // that the card names
	small       *llm.Engine
	fine, rough *llm.Engine // the same random weights, in 4 bits with and without an offset
}

var serverKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// chainID and digest of what is signed.
const chainID = "agora-lab"

var named = [32]byte{1}

// open loads the models. The caller closes the house.
func open(seed uint64) *house {
	names := ladder.Names()
	return &house{seed, shipped(names[1]), shipped(names[0]), random(tensor.Q41), random(tensor.Q40)}
}

func (h *house) close() {
	for _, e := range []*llm.Engine{h.model, h.small, h.fine, h.rough} {
		_ = e.Close() // nothing is written
	}
}

func shipped(name string) *llm.Engine {
	e, err := ladder.Open(name, llm.Options{})
	if err != nil {
		panic(err) // it is embedded
	}
	return e
}

// randomFile is a small model's file, the weights of which a seed draws.
func randomFile(of tensor.Type) []byte {
	return modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{of}, Embedding: tensor.Q80, Output: true, Width: 64, Seed: 1})
}

func random(of tensor.Type) *llm.Engine {
	f, err := gguf.Parse(randomFile(of))
	if err != nil {
		panic(err) // it was made a line ago
	}
	e, err := llm.New(f, llm.Options{})
	if err != nil {
		panic(err)
	}
	return e
}

// question is the n-th request: a fresh one of the family that examines, at a temperature, of at most 64 tokens.
func (h *house) question(n int, temperature float64) []byte {
	text := exact.At(task.Seed{byte(h.seed), byte(h.seed >> 8), 3}, uint64(n)).Text
	body, err := json.Marshal(map[string]any{
		"model": "m", "messages": []any{map[string]any{"role": "user", "content": text}}, "temperature": temperature, "max_tokens": 64,
	})
	if err != nil {
		panic(err) // strings and numbers
	}
	return body
}

// nonce of the n-th answer.
func nonce(n int) (x [16]byte) {
	binary.BigEndian.PutUint64(x[8:], uint64(n))
	return x
}

// serve is an answer of a server that runs e, drawn from a nonce; false where the engine refuses the request.
func serve(e engine.Chatter, body []byte, n int) (*gateway.Checked, bool) {
	req, err := openai.DecodeChat(body)
	if err != nil {
		return nil, false
	}
	choices := 1
	if req.N != nil {
		choices = *req.N
	}
	a := &receipt.Answer{Receipt: receipt.Receipt{ChainID: chainID, Netuid: 1, UID: 3, Registered: 5, Engine: "native", Version: llm.Version, Digest: named, Nonce: nonce(n)}}
	a.Receipt.Request = receipt.RequestHash(a.Receipt.Nonce, body)
	ctx := engine.WithDraw(context.Background(), engine.Draw{Nonce: a.Receipt.Nonce, Request: a.Receipt.Request})
	a.Choices, a.Tokens = make([]receipt.Choice, choices), make([][]int32, choices)
	used, _, err := e.Chat(ctx, req, func(t engine.Token) error {
		c := &a.Choices[t.Choice]
		c.Content += string(t.Bytes)
		if t.End != nil {
			c.Finish, a.Tokens[t.Choice] = string(t.End.Finish), t.End.IDs
		}
		return nil
	})
	a.Receipt.Prompt = uint32(used.PromptTokens)
	return &gateway.Checked{
		NetUID: 1, Miner: gateway.Miner{UID: 3, Registered: 5, Context: e.(interface{ Info() engine.Info }).Info().Context, HotKey: serverKey.Public().(ed25519.PublicKey)},
		Body: body, Path: "/v1/chat/completions", Answer: a,
	}, err == nil
}

// sign signs an answer as it is now.
func sign(c *gateway.Checked) *gateway.Checked {
	r := &c.Answer.Receipt
	r.Answer, r.Tokens = receipt.AnswerHash(c.Answer.Choices), receipt.TokensHash(c.Answer.Tokens)
	text, err := receipt.Sign(r, serverKey)
	if err != nil {
		panic(err) // all its fields are in range
	}
	c.Signed, c.Public = text, true
	return c
}

// verdict runs a model on an answer again.
func verdict(c *gateway.Checked, m engine.Replayer) error {
	return audit.Replay(context.Background(), m, c.Miner.Context, c.Body, c.Answer)
}

// cheat answers the n-th request, and says by which model it is held to.
type cheat func(h *house, n int) (*gateway.Checked, engine.Replayer)

func rubbish(h *house, n int) (*gateway.Checked, engine.Replayer) {
	c, _ := serve(h.small, h.question(n, 0), n)
	c.Answer.Choices[0].Content = "Buy now!"
	return c, h.model
}

func smaller(h *house, n int) (*gateway.Checked, engine.Replayer) {
	c, _ := serve(h.small, h.question(n, 0), n)
	return c, h.model
}

func requantised(h *house, n int) (*gateway.Checked, engine.Replayer) {
	c, _ := serve(h.rough, h.question(n, 0), n)
	return c, h.fine
}

func cut(h *house, n int) (*gateway.Checked, engine.Replayer) {
	c, _ := serve(h.model, h.question(n, 0), n)
	ids := &c.Answer.Tokens[0]
	*ids = (*ids)[:len(*ids)/2]
	return c, h.model
}

// padded goes on behind the end that the model chose.
func padded(h *house, n int) (*gateway.Checked, engine.Replayer) {
	c, _ := serve(h.model, h.question(n, 0), n)
	ids := &c.Answer.Tokens[0]
	for len(*ids) < 64 {
		*ids = append(*ids, (*ids)[0])
	}
	c.Answer.Choices[0].Finish = string(engine.FinishLength)
	return c, h.model
}

// relayed is what another server answered, which drew from the nonce of whoever asked it.
func relayed(h *house, n int) (*gateway.Checked, engine.Replayer) {
	c, _ := serve(h.model, h.question(n, 1), n+1_000_000)
	c.Answer.Receipt.Nonce = nonce(n)
	c.Answer.Receipt.Request = receipt.RequestHash(nonce(n), c.Body)
	return c, h.model
}

// caught is the part of runs in which a cheat's gate is still open after so many audits. He is honest for the answers that are all
// audited; from then on, for each 20 answers to consumers there are so many to challenges that he knows and answers well.
func caught(how cheat, audits, challenges int) func(uint64) (float64, float64) {
	return func(seed uint64) (escaped, victim float64) {
		h := open(seed)
		defer h.close()
		verdicts := make([]bool, 60)
		for n := range verdicts {
			verdicts[n] = errors.Is(verdict(how(h, n)), audit.ErrFalse)
		}
		r := rand.New(rand.NewPCG(seed, 0xca))
		const runs = 1000
		for range runs {
			if untilClosed(r, verdicts, challenges, audits) > audits {
				escaped += 1.0 / runs
			}
		}
		return escaped, 1
	}
}

// untilClosed is how many audits from the first lie on it takes, or one more than most.
func untilClosed(r *rand.Rand, verdicts []bool, challenges, most int) (audits int) {
	var s audit.Server
	for range audit.Newcomer {
		s.Offer(0, 0.25, r.Float64())
	}
	for tempo := uint64(1); audits <= most; tempo++ {
		for i := range 20 + challenges {
			if !s.Offer(tempo, 0.25, r.Float64()) {
				continue
			}
			audits++
			if lie := i < 20; lie && verdicts[r.IntN(len(verdicts))] && s.Fail() {
				return audits
			}
		}
	}
	return audits
}

// lab is a voice's auditor, with a model for everything.
type lab struct {
	*audit.Auditor
	dir   string
	store *audit.Store
	model engine.Replayer
	runs  int    // models given
	tempo uint64 // that runs
}

func newLab(m engine.Replayer) *lab {
	dir, err := os.MkdirTemp("", "agora-attack")
	if err != nil {
		panic(err) // without a place for files nothing can be measured
	}
	store, err := audit.Open(filepath.Join(dir, "audits.db"))
	if err != nil {
		panic(err)
	}
	l := &lab{dir: dir, store: store, model: m, tempo: 20}
	l.Auditor = audit.New(l, l, store, slog.New(slog.DiscardHandler))
	return l
}

func (l *lab) close() { _ = errors.Join(l.store.Close(), os.RemoveAll(l.dir)) }

// Replayer implements audit.Library.
func (l *lab) Replayer(context.Context, *receipt.Receipt) (engine.Replayer, func(), error) {
	l.runs++
	return l.model, func() {}, nil
}

// Tempo, Part and Owner implement audit.Market: one voice has all the stake, and one owner all servers.
func (l *lab) Tempo(uint32) uint64                 { return l.tempo }
func (l *lab) Part(uint32) float64                 { return 1 }
func (l *lab) Owner(audit.ServerID) (string, bool) { return "agora1owner", true }

// ID, Key and TempoOf implement audit.Chain.
func (l *lab) ID() string { return chainID }

func (l *lab) Key(audit.ServerID) ed25519.PublicKey { return serverKey.Public().(ed25519.PublicKey) }

func (l *lab) TempoOf(context.Context, uint32, [16]byte) (uint64, bool) {
	return l.tempo, true
}

// give offers an answer and audits it.
func (l *lab) give(c *gateway.Checked) {
	l.Offer(*c)
	l.Drain(context.Background())
}

// seat is the server's.
var seat = audit.ServerID{NetUID: 1, UID: 3, Registered: 5}

// proven lies to one consumer, whose answer nobody may show; the voice asks 8 questions of that shape, which he takes for a consumer's.
func proven(seed uint64) (tempos, closes float64) {
	h := open(seed)
	defer h.close()
	l, other := newLab(h.model), newLab(h.model)
	defer l.close()
	defer other.close()
	private, _ := rubbish(h, 1)
	l.give(sign(private))
	for n := range 8 {
		c, _ := rubbish(h, 2+n)
		l.give(sign(c))
	}
	list, err := l.Proofs(1)
	if err != nil || len(list) == 0 {
		return 99, 0
	}
	other.tempo++ // it asks once a tempo
	voice := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	if err := other.Hear(context.Background(), other, 1, voice, list); err == nil && other.Standing(seat, named).Closed {
		closes = 1
	}
	return float64(other.tempo - l.tempo), closes
}

// forms of honest requests.
var temperatures = []float64{0, 0.7, 1}

// honestly counts the answers of an honest server that are found false.
func honestly(seed uint64) (found, victim float64) {
	h := open(seed)
	defer h.close()
	levels := kernel.Levels()
	defer kernel.Use(kernel.Level())
	for n := range 300 {
		kernel.Use(levels[n%3%len(levels)])
		c, ok := serve(h.model, h.question(n, temperatures[n%3]), n)
		kernel.Use(levels[0])
		if ok && errors.Is(verdict(c, h.model), audit.ErrFalse) {
			found++
		}
	}
	return found, 1
}

// odd requests, and parts that are put into others.
var odd = []string{
	`{"model":"m","messages":[{"role":"user","content":"\ud800"}]}`, `{"model":"m","messages":[{"role":"user","content":""}]}`,
	`{"model":"m","model":"n","messages":[{"role":"user","content":"x"}]}`, `{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":1e-300}`,
	`{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":2,"top_p":1e-9,"seed":-9223372036854775808}`,
	`{"model":"m","messages":[{"role":"user","content":"x"}],"stop":["","x"],"n":3,"temperature":1}`,
	`{"model":"m","messages":[{"role":"system","content":"x"},{"role":"user","content":"\u0000\uffff"}],"max_tokens":1}`,
	`{"model":"m","messages":[{"role":"user","content":"x"}],"logit_bias":{"1":100},"presence_penalty":2,"frequency_penalty":-2,"max_tokens":9}`,
}

// framed counts honest answers to odd requests that are found false by a voice on other kernels.
func framed(seed uint64) (found, victim float64) {
	h := open(seed)
	defer h.close()
	levels := kernel.Levels()
	defer kernel.Use(kernel.Level())
	r := rand.New(rand.NewPCG(seed, 0xf4))
	for n := range 400 {
		body := frame(r, n)
		kernel.Use(levels[len(levels)-1])
		c, ok := serve(h.model, body, n)
		kernel.Use(levels[0])
		if ok && errors.Is(verdict(c, h.model), audit.ErrFalse) {
			found++
		}
	}
	return found, 1
}

// frame is a request made to be read in two ways: one of the odd ones, odd options at their bounds, or bytes changed anywhere.
func frame(r *rand.Rand, n int) []byte {
	if n < len(odd) {
		return []byte(odd[n])
	}
	text := make([]byte, r.IntN(40))
	for i := range text {
		text[i] = `azAZ09 .,<|>{}[]_\"`[r.IntN(19)]
	}
	content, err := json.Marshal(string(text) + string(rune(r.IntN(0x3000))))
	if err != nil {
		panic(err) // a string
	}
	body := fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":%s}],"temperature":%.*g,"top_p":%.*g,"seed":%d,"n":%d,"max_tokens":%d}`,
		content, r.IntN(17), 2*r.Float64(), r.IntN(17), 1-r.Float64(), int64(r.Uint64()), 1+r.IntN(3), 1+r.IntN(16))
	if n%3 == 0 {
		body[r.IntN(len(body))] = byte(r.Uint32())
	}
	return body
}

// hardware counts the questions that a model answers otherwise on one kind of processor than on another.
func hardware(seed uint64) (differ, victim float64) {
	h := open(seed)
	defer h.close()
	levels := kernel.Levels()
	defer kernel.Use(kernel.Level())
	for n := range 40 {
		said := map[string]bool{}
		for _, level := range levels {
			kernel.Use(level)
			c, _ := serve(h.model, h.question(n, 0), n)
			said[fmt.Sprint(c.Answer.Choices, c.Answer.Tokens)] = true
		}
		if len(said) > 1 {
			differ++
		}
	}
	return differ, 1
}
