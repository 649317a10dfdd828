package gateway

import (
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"agora/wire/openai"
)

// maxGenerations is how many answers a gateway remembers, some 6 MB.
const maxGenerations = 16_384

// generation is what is remembered of one answer: what it took, nothing of what was said.
type generation struct {
	owner    string // id of the key, or account, that asked
	id       string // of the request, without its prefix
	upstream string // of the answer, as its miner called it
	door     string
	model    string
	provider string // the miner's name
	subnet   string
	finish   string
	receipt  string
	at       time.Time
	streamed bool
	left     bool // the consumer did not wait for the end
	status   int
	first    time.Duration // to the first token
	took     time.Duration // from that to the end
	usage    openai.Usage
	rao      uint64
	paid     bool
}

// genName is how a generation is looked for.
type genName struct{ owner, id string }

// hash stands for a name where many are kept: the collector need not look through them.
func (n genName) hash() uint64 { return maphash.Comparable(seat, n) }

// generations are the last answers. The zero value is ready. Far more are kept than are ever asked for: who asks for one looks through
// the hashes of all names, some 10 µs.
type generations struct {
	mu    sync.Mutex
	ring  []written
	names [][2]uint64 // hashes of those in the ring
	next  int
}

// written is a generation without a pointer, in memory that is used again: the collector has nothing to look for in it.
type written struct {
	numbers [12]int64
	texts   []byte
}

// keep remembers an answer in the place of the oldest.
func (g *generations) keep(one generation) {
	names := one.names()
	hashes := [...]uint64{names[0].hash(), names[1].hash()}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ring) < maxGenerations {
		g.ring, g.names = append(g.ring, written{}), append(g.names, hashes)
	}
	g.names[g.next] = hashes
	g.ring[g.next].take(&one)
	g.next = (g.next + 1) % maxGenerations
}

// texts are those of a generation, in the order in which they are written.
func (g *generation) texts() [9]*string {
	return [...]*string{&g.owner, &g.id, &g.upstream, &g.door, &g.model, &g.provider, &g.subnet, &g.finish, &g.receipt}
}

// take writes a generation down; read reads it.
func (w *written) take(g *generation) {
	w.numbers = [...]int64{
		g.at.UnixNano(), bit(g.streamed), bit(g.left), bit(g.paid), int64(g.status), int64(g.first), int64(g.took), int64(g.rao),
		int64(g.usage.PromptTokens), int64(g.usage.CompletionTokens), int64(g.usage.Cached()), int64(g.usage.Reasoning()),
	}
	texts, size := g.texts(), 0
	for _, text := range texts {
		size += len(*text) + 1
	}
	b := slices.Grow(w.texts[:0], size)
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(*text))), *text...)
	}
	w.texts = b
}

func (w *written) read() (g generation) {
	b := w.texts
	for _, text := range g.texts() {
		length, n := binary.Uvarint(b)
		*text, b = string(b[n:n+int(length)]), b[n+int(length):]
	}
	n := &w.numbers
	g.at = time.Unix(0, n[0])
	g.streamed, g.left, g.paid = n[1] == 1, n[2] == 1, n[3] == 1
	g.status, g.first, g.took, g.rao = int(n[4]), time.Duration(n[5]), time.Duration(n[6]), uint64(n[7])
	g.usage.PromptTokens, g.usage.CompletionTokens = int(n[8]), int(n[9])
	g.usage.PromptDetails = &openai.PromptDetails{CachedTokens: int(n[10])}
	g.usage.CompletionDetails = &openai.CompletionDetails{ReasoningTokens: int(n[11])}
	return g
}

func bit(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// names are the request's id and the answer's, which its miner chose: of two answers of one name the later is found.
func (g *generation) names() [2]genName {
	return [2]genName{{g.owner, g.upstream}, {g.owner, g.id}}
}

func (g *generations) find(owner, id string) (generation, bool) {
	for _, prefix := range []string{requestPrefix, "resp_", "msg_"} {
		id = strings.TrimPrefix(id, prefix)
	}
	if id == "" {
		return generation{}, false
	}
	name := genName{owner, id}
	hash := name.hash()
	g.mu.Lock()
	defer g.mu.Unlock()
	for back := range g.ring {
		at := (g.next - 1 - back + len(g.ring)) % len(g.ring)
		if g.names[at][0] != hash && g.names[at][1] != hash {
			continue
		}
		one := g.ring[at].read()
		if both := one.names(); both[0] == name || both[1] == name { // and no other of the same hash
			return one, true
		}
	}
	return generation{}, false
}

// generationOf is what is remembered of a call's answer.
func (c *call) generationOf(v *visit, status int, now time.Time) generation {
	a := c.given
	one := generation{
		owner: v.key.ID, id: strings.TrimPrefix(c.out.id, requestPrefix), door: c.name, model: a.from.Model, provider: a.from.name, subnet: c.route.subnet,
		at: now, streamed: c.Stream, left: c.gone(), status: status, first: a.got.Sub(c.arrived), took: now.Sub(a.got), usage: c.told(),
	}
	if a.stream != nil {
		one.upstream, one.finish, one.first = a.stream.ID(), a.stream.Finish(), a.started.Sub(c.arrived)
		one.took = now.Sub(a.started)
	}
	if a.Proofs != nil {
		one.receipt = a.signID
	}
	if c.bill != nil {
		one.rao, one.paid = c.bill.cost, true
	}
	return one
}

// generationTold is a generation in OpenRouter's words, times in milliseconds.
type generationTold struct {
	ID        string      `json:"id"`
	Upstream  string      `json:"upstream_id,omitempty"`
	Created   time.Time   `json:"created_at"`
	Model     string      `json:"model"`
	Provider  string      `json:"provider_name"`
	API       string      `json:"api_type"`
	Streamed  bool        `json:"streamed"`
	Cancelled bool        `json:"cancelled"`
	Status    int         `json:"status"`
	Latency   int64       `json:"latency"`         // to the first token
	Took      int64       `json:"generation_time"` // from that to the end
	Finish    string      `json:"finish_reason,omitempty"`
	In        int         `json:"tokens_prompt"`
	Out       int         `json:"tokens_completion"`
	NativeIn  int         `json:"native_tokens_prompt"`
	NativeOut int         `json:"native_tokens_completion"`
	Reasoning int         `json:"native_tokens_reasoning"`
	Cached    int         `json:"native_tokens_cached"`
	Cost      json.Number `json:"total_cost"`
	Usage     json.Number `json:"usage"`
	Subnet    string      `json:"agora_subnet"`
	Receipt   string      `json:"agora_receipt,omitempty"`
	BringsOwn bool        `json:"is_byok"`
	CostInRao *uint64     `json:"agora_cost_rao,omitempty"`
}

func (g generation) tell() generationTold {
	cost := json.Number(TAO(g.rao))
	t := generationTold{
		ID: requestPrefix + g.id, Upstream: g.upstream, Created: g.at.UTC(), Model: g.model, Provider: g.provider, API: g.door, Streamed: g.streamed,
		Cancelled: g.left, Status: g.status, Latency: g.first.Milliseconds(), Took: g.took.Milliseconds(), Finish: g.finish,
		In: g.usage.PromptTokens, Out: g.usage.CompletionTokens, NativeIn: g.usage.PromptTokens, NativeOut: g.usage.CompletionTokens,
		Reasoning: g.usage.Reasoning(), Cached: g.usage.Cached(), Cost: cost, Usage: cost, Subnet: g.subnet, Receipt: g.receipt,
	}
	if g.paid {
		t.CostInRao = &g.rao
	}
	return t
}

// showGeneration answers GET /v1/generation?id=… for the key that asked the request.
func (g *Gateway) showGeneration(w http.ResponseWriter, r *http.Request) {
	key, _, ok := g.who(w, r)
	if !ok {
		return
	}
	id := r.URL.Query().Get("id")
	one, ok := g.generations.find(key.ID, id)
	if !ok {
		g.deny(w, openai.Errorf(http.StatusNotFound,
			"this gateway remembers no answer %.80q to this key: name the answer's id, or that of x-generation-id; the last %d since its start are remembered", id, maxGenerations).
			WithCode("generation_not_found"), 0)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": one.tell()})
}
