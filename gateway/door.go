package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"agora/wire/openai"
)

// visit is one request of a key, with what it takes of the gateway's room.
type visit struct {
	*Gateway
	key    *holder
	limits Limits // of the key
	from   *payer // nil where nobody pays
	bytes  int64  // of its body
	tokens int    // counted so far
	slot   bool
	said   lines // of the answer's header
	arrival

	call  call // that it leads to, with what it needs, in one piece of memory
	way   outlet
	alone [1]*route // where most lead
}

// arrival is a request's id, and when it came.
type arrival struct {
	id      string
	arrived time.Time
}

// enter checks key and limits. On success the caller must call leave at the request's end; otherwise the answer is given.
func (g *Gateway) enter(w http.ResponseWriter, r *http.Request, came arrival) (*visit, bool) {
	key, from, ok := g.who(w, r)
	if !ok {
		return nil, false
	}
	v := &visit{Gateway: g, key: key, limits: key.Limits.or(g.Limits), from: from, arrival: came, said: linesOf(w)}
	left, wait, ok := key.enter(v.limits, came.arrived)
	left.tell(&v.said, &ofRequests)
	if !ok {
		g.deny(w, v.limited("requests", wait).reason, wait)
		return nil, false
	}
	return v, true
}

// spend counts what a request has at least of its key's tokens.
func (v *visit) spend(ask *openai.Ask, now time.Time) error {
	v.tokens = ask.Bytes / bytesPerToken
	left, wait, ok := v.key.spend(v.limits, v.tokens, now)
	left.tell(&v.said, &ofTokens)
	if !ok {
		return v.limited("tokens", wait)
	}
	return nil
}

// limited is the refusal of what goes beyond a key's limits per minute.
func (v *visit) limited(of string, wait time.Duration) *later {
	e := openai.Errorf(http.StatusTooManyRequests, "key %s has reached its limit of %s; ask again in %.1f s or more slowly", v.key.ID, of, math.Ceil(10*wait.Seconds())/10)
	return &later{e.WithCode("rate_limit_exceeded"), wait}
}

// Names of the headers by which clients see what is left of their key's requests and tokens.
var (
	ofRequests = [3]string{"X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"}
	ofTokens   = [3]string{"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"}
)

// lines are a header, whose names are written here as they go out.
type lines struct {
	setter      // nil where the header is a map
	http.Header // whose values share memory
	values      []string
}

// setter takes lines of an answer's header without a map, as http1's does.
type setter interface{ SetLine(name, value string) }

// linesOf are an answer's.
func linesOf(w http.ResponseWriter) lines {
	if s, ok := w.(speaker); ok {
		w = s.ResponseWriter
	}
	if s, ok := w.(setter); ok {
		return lines{setter: s}
	}
	return lines{Header: w.Header()}
}

func (l *lines) set(name, value string) {
	if l.setter != nil {
		l.SetLine(name, value)
		return
	}
	n := len(l.values)
	l.values = append(l.values, value)
	l.Header[name] = l.values[n : n+1 : n+1]
}

// valueOf is the first value of a header whose name is written as headers are kept.
func valueOf(h http.Header, name string) string {
	if list := h[name]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// tell sets these headers.
func (q quota) tell(l *lines, names *[3]string) {
	var room [64]byte
	text := strconv.AppendInt(room[:0], int64(q.limit), 10)
	first := len(text)
	text = strconv.AppendInt(text, int64(q.remaining), 10)
	second := len(text)
	all := string(append(text, q.reset.Round(time.Millisecond).String()...))
	l.set(names[0], all[:first])
	l.set(names[1], all[first:second])
	l.set(names[2], all[second:])
}

// takeSlot takes a place among the requests in flight. It is asked for once the body is there: whoever sends slowly must
// not keep others out.
func (v *visit) takeSlot() error {
	select {
	case v.slots <- struct{}{}:
	default:
		return full()
	}
	v.slot = true
	v.metrics.inFlight.Inc()
	return nil
}

// hold takes memory for n more bytes of a body. All bodies share MaxBuffered, and one key has at most half of it.
func (v *visit) hold(n int64) error {
	if v.buffered.Add(n) > v.MaxBuffered {
		v.buffered.Add(-n)
		return full()
	}
	if v.key.bytes.Add(n) > v.MaxBuffered/2 {
		v.key.bytes.Add(-n)
		v.buffered.Add(-n)
		return full()
	}
	v.bytes += n
	return nil
}

func (v *visit) leave() {
	if v.slot {
		<-v.slots
		v.metrics.inFlight.Dec()
	}
	v.key.bytes.Add(-v.bytes)
	v.buffered.Add(-v.bytes)
	v.key.leave()
}

// identify finds the bearer's key; nil means that the answer is given.
func (g *Gateway) identify(w http.ResponseWriter, r *http.Request) *holder {
	reason := "send a key in the header \"Authorization: Bearer agora-…\""
	if secret := secretOf(r.Header); secret != "" {
		key, err := g.Keys.find(secret)
		if err == nil {
			return key
		}
		reason = err.Error()
	}
	e := openai.Errorf(http.StatusUnauthorized, "%s; to get a key, %s", reason, g.KeyHelp)
	w.Header().Set("WWW-Authenticate", `Bearer realm="agora"`)
	g.deny(w, e.WithCode("invalid_api_key"), 0)
	return nil
}

// secretOf is the key that a request shows: as bearer, or where Anthropic's clients put it.
func secretOf(h http.Header) string {
	scheme, secret, _ := strings.Cut(valueOf(h, "Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		if secret = strings.TrimSpace(secret); secret != "" {
			return secret
		}
	}
	return strings.TrimSpace(h.Get("X-Api-Key"))
}

// models answers GET /v1/models and GET /v1/models/ID.
func (g *Gateway) models(w http.ResponseWriter, r *http.Request) {
	key, err := g.Keys.find(secretOf(r.Header))
	if g.Till == nil && err != nil { // where requests are paid, prices are for everybody to read
		g.identify(w, r)
		return
	}
	var limits Limits
	if err == nil {
		limits = key.Limits
	}
	t := g.table.Load()
	if t == nil {
		g.deny(w, notReady(), time.Second)
		return
	}
	id := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1/models"), "/")
	served := slices.DeleteFunc(g.served(t), func(m openai.Model) bool { return !limits.allows(m.ID, t.routes[m.ID].subnet) })
	if id == "" {
		writeJSON(w, http.StatusOK, openai.NewModelList(served))
		return
	}
	for _, m := range served {
		if m.ID == id {
			writeJSON(w, http.StatusOK, m)
			return
		}
	}
	if m := g.unlisted(t, id); m.Servers > 0 && limits.allows(id, m.OwnedBy) {
		writeJSON(w, http.StatusOK, m)
		return
	}
	g.deny(w, g.modelFault(id, t), 0)
}

// unlisted describes what a name leads to that may be asked and stands in no list, as SUBNET/MODEL@UID and names with a wish do.
func (g *Gateway) unlisted(t *table, id string) openai.Model {
	r, _ := t.find(id)
	if r == nil || len(r.tiers) == 0 {
		return openai.Model{}
	}
	m := openai.Model{ID: id, Object: "model", OwnedBy: r.subnet, Created: r.created()}
	m.Describe(r.told())
	g.fill(&m, r)
	return m
}

// fill tells what changes from one moment to the next of a model that r serves.
func (g *Gateway) fill(m *openai.Model, r *route) {
	if m.Servers = r.count(func(c *candidate) bool { return g.Miners.Connected(c.netuid, c.HotKey) }); m.Servers > 0 {
		m.Pricing, m.Open = g.pricing(r), r.open()
	}
}

// served are the models of the list that a connected miner serves.
func (g *Gateway) served(t *table) []openai.Model {
	list := []openai.Model{}
	for _, m := range t.models {
		if g.fill(&m, t.routes[m.ID]); m.Servers > 0 {
			list = append(list, m)
		}
	}
	return list
}

// names are the ids of the list, for a person to choose from.
func (g *Gateway) names(t *table) string {
	const most = 20
	ids := make([]string, 0, most+1)
	for i, m := range g.served(t) {
		if i == most {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, m.ID)
	}
	if len(ids) == 0 {
		return "nothing yet"
	}
	return strings.Join(ids, ", ")
}

// healthz says whether a request could be served now.
func (g *Gateway) healthz(w http.ResponseWriter) {
	t := g.table.Load()
	if t == nil {
		g.deny(w, notReady(), time.Second)
		return
	}
	status, state, connected := http.StatusOK, "ok", g.connected(t)
	if connected == 0 {
		status, state = http.StatusServiceUnavailable, "no miner connected"
	}
	writeJSON(w, status, map[string]any{
		"status": state, "miners": t.miners, "connected": connected, "ranking_age_seconds": int(g.age().Seconds()),
	})
}

func (g *Gateway) connected(t *table) int {
	n := map[string]bool{}
	for _, r := range t.routes {
		for _, tier := range r.tiers {
			for _, c := range tier {
				if g.Miners.Connected(c.netuid, c.HotKey) {
					n[r.subnet+"/"+c.name] = true
				}
			}
		}
	}
	return len(n)
}

func notReady() *openai.Error {
	return openai.Errorf(http.StatusServiceUnavailable, "the gateway has not read the ranking yet; try again soon").WithCode("starting")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only our own plain structs come here
		panic(err)
	}
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a consumer that left needs no answer
}

const requestPrefix = "req_"

func requestID() string {
	var id [16]byte
	binary.LittleEndian.PutUint64(id[:], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	text := make([]byte, len(requestPrefix), len(requestPrefix)+2*len(id))
	copy(text, requestPrefix)
	return string(hex.AppendEncode(text, id[:]))
}
