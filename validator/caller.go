package validator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"agora/gateway"
	"agora/task"
	taskexact "agora/task/exact"
	"agora/validator/audit"
	"agora/validator/burst"
	"agora/validator/exam"
	"agora/wire/openai"
)

// caller asks the servers of a subnet of open models as consumers do, so that a server is audited whom nobody else asks. What
// they say is not judged: only whether it is their model's.
type caller struct {
	*Validator
	netuid uint32
	course *exam.Course

	mu    sync.Mutex
	again []gateway.Checked // false answers to consumers, after which their servers are asked for more of that shape
}

// How servers are asked.
const (
	looks      = 8   // moments of a tempo in which somebody may be asked
	ownItems   = 360 // blocks in which a server is asked as often as it would be audited
	alike      = 8   // challenges of the shape of a consumer's request that was answered falsely
	maxAlike   = 64  // such requests that wait
	firstLook  = time.Second
	longLook   = time.Minute
	challenged = 30 * time.Second // for one answer
)

// run asks until ctx ends.
func (c *caller) run(ctx context.Context) {
	heard := uint64(0)
	for ctx.Err() == nil {
		t, ok := c.course.Running()
		if ok {
			c.look(ctx, t)
		}
		if ok && t.Epoch != heard {
			heard = t.Epoch
			c.hear(ctx)
		}
		tempo := uint64(0)
		if m := c.directory.market(c.netuid); m != nil {
			tempo = m.Tempo
		}
		pause(ctx, min(max(c.pace.of(tempo)/looks, firstLook), longLook))
	}
}

// look asks all whose turn it is, each at most once but for what is alike.
func (c *caller) look(ctx context.Context, t exam.Sitting) {
	var asks sync.WaitGroup
	defer asks.Wait()
	for _, s := range t.Servers {
		miner, there := c.connected(s)
		gate, audited := c.Gate(c.netuid, s)
		if !there || !audited || gate.Closed {
			continue
		}
		bodies := c.alikeFor(s)
		if c.turn(s, gate) {
			bodies = append(bodies, asConsumer(!c.exactly(miner)))
		}
		if len(bodies) == 0 {
			continue
		}
		asks.Go(func() {
			for _, body := range bodies {
				c.challenge(ctx, s, miner, body)
			}
		})
	}
}

// turn says whether a server is asked now: one that has shown nothing lately always; else by a die, so that over a tempo and with
// what consumers ask it gives as many answers as would be audited: 8 in 360 blocks over all voices, at least one a tempo of each.
func (c *caller) turn(s exam.Server, gate audit.Standing) bool {
	if !gate.Open && gate.Near.Answers == 0 {
		return true
	}
	m := c.directory.market(c.netuid)
	if m == nil {
		return false
	}
	want := max(1, audit.PerTempo*m.part*float64(m.Tempo)/ownItems)
	had := c.audits.Asked(audit.ServerID{NetUID: c.netuid, UID: s.UID, Registered: s.Registered}, s.Digest)
	return mathrand.Float64()*looks < want-float64(had)
}

// connected is the miner of a server's seat, while it is the same and can be asked.
func (c *caller) connected(s exam.Server) (Miner, bool) {
	for _, m := range c.Miners(c.netuid) {
		if m.UID == s.UID {
			return m, m.Connected && m.Registered == s.Registered
		}
	}
	return Miner{}, false
}

// challenge asks one question and offers the answer to the auditor. Who does not answer has shown nothing.
func (c *caller) challenge(ctx context.Context, s exam.Server, m Miner, body []byte) {
	if c.cfg.Payer != nil && !c.cfg.Payer.Affords(c.netuid, m) {
		return
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return
	}
	asking := ctx
	ctx, cancel := context.WithTimeout(ctx, challenged)
	defer cancel()
	busy := c.measuring(s)
	checked, err := c.audits.asks.Challenge(ctx, c.Way(c.netuid, m), c.netuid, served(m, s), taskPath, body)
	if err == nil {
		err = checked.Err
	}
	if asking.Err() == nil && !busy && !c.measuring(s) {
		id := audit.ServerID{NetUID: c.netuid, UID: s.UID, Registered: s.Registered}
		if err := c.audits.Served(id, s.Digest, err == nil); err != nil {
			c.cfg.Log.Error("whether a server answers cannot be remembered", "err", err)
		}
	}
	if err != nil {
		c.cfg.Log.Debug("a challenge was not answered", "netuid", c.netuid, "uid", s.UID, "err", err)
		return
	}
	c.audits.Offer(checked)
}

// measuring says whether a burst of this voice runs at a server: it may refuse other requests then.
func (c *caller) measuring(s exam.Server) bool {
	seat := c.seat(c.netuid)
	return seat != nil && seat.bursts.measuring(burst.ID{UID: s.UID, Registered: s.Registered})
}

// served is a miner as a gateway knows it.
func served(m Miner, s exam.Server) gateway.Miner {
	g := gateway.Miner{UID: m.UID, Registered: m.Registered, HotKey: m.HotKey, Digest: exam.SpellDigest(s.Digest), Owner: m.Owner}
	if m.Card != nil {
		g.Engine, g.Context = m.Card.Engine, int(m.Card.Context)
	}
	return g
}

// falsely notes that a consumer's request was answered falsely.
func (c *caller) falsely(f gateway.Checked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.Public && len(c.again) < maxAlike {
		c.again = append(c.again, f)
	}
}

// alikeFor makes the challenges that a server is due after false answers.
func (c *caller) alikeFor(s exam.Server) (bodies [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rest []gateway.Checked
	for _, f := range c.again {
		if f.Miner.UID != s.UID || f.Miner.Registered != s.Registered {
			rest = append(rest, f)
			continue
		}
		for range alike {
			bodies = append(bodies, like(f.Body))
		}
	}
	c.again = rest
	return bodies
}

const taskPath = "/v1/chat/completions"

// exactly says whether a miner's card names the engine whose answers can be run again.
func (c *caller) exactly(m Miner) bool { return m.Card == nil || m.Card.Engine == exactEngine }

// exactEngine is the name of the engine whose answers are the same on every machine.
const exactEngine = "native"

// asConsumer is what a consumer could ask, in a form that one could use; cold is at temperature 0, where answers of other engines can be
// compared.
func asConsumer(cold bool) []byte {
	limit := 16 + mathrand.IntN(48)
	r := &openai.ChatRequest{Model: "chat", Messages: []openai.Message{{Role: "user", Content: openai.Content(text(1))}}, MaxTokens: &limit}
	t, kind := float64(mathrand.IntN(11))/10, mathrand.IntN(3)
	switch {
	case cold:
		r.Temperature = new(float64)
	case kind == 0:
		r.Temperature = &t
	case kind == 1:
		seed := mathrand.Int64N(1 << 31)
		r.Temperature, r.Seed = &t, &seed
	}
	body, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("validator: a request of strings and numbers must marshal: %v", err))
	}
	form := forms[mathrand.IntN(len(forms))]
	return append(append(body[:len(body)-1:len(body)-1], form...), '}')
}

// text is fresh text of at least so many bytes that nobody can know beforehand.
func text(bytes int) string {
	var seed task.Seed
	rand.Read(seed[:]) // never fails
	out := taskexact.At(seed, 0).Text
	for i := uint64(1); len(out) < bytes; i++ {
		out += " " + taskexact.At(seed, i).Text
	}
	return out
}

const maxLike = 16 << 10 // bytes of a question that is made like another

// like is a request with the options of another and none of its words: one turn about as long as all of its turns together.
func like(body []byte) []byte {
	options := map[string]json.RawMessage{}
	if json.Unmarshal(body, &options) != nil {
		return asConsumer(false)
	}
	messages, err := json.Marshal([]openai.Message{{Role: "user", Content: openai.Content(text(min(len(options["messages"]), maxLike)))}})
	if err != nil {
		panic(fmt.Sprintf("validator: texts must marshal: %v", err))
	}
	for name := range options {
		if !shaped[name] {
			delete(options, name)
		}
	}
	options["messages"] = messages
	out, err := json.Marshal(options)
	if err != nil {
		return asConsumer(false)
	}
	return out
}

// shaped are the options that hold nothing of what a consumer wrote.
var shaped = map[string]bool{
	"model": true, "stream": true, "stream_options": true, "max_tokens": true, "max_completion_tokens": true, "temperature": true, "top_p": true,
	"top_k": true, "min_p": true, "n": true, "logprobs": true, "top_logprobs": true,
}
