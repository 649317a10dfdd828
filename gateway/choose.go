package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"hash/maphash"
	"math"
	"net/http"
	"slices"
	"strings"

	"agora/gateway/peek"
	"agora/wire"
	"agora/wire/openai"
)

// Orders in which a consumer may want miners; by default it is by rank.
const (
	byPrice      = "price"      // rao of a token in and one out, least first
	byLatency    = "latency"    // seconds to the first token, least first
	byThroughput = "throughput" // tokens per second, most first
	byTime       = "time"       // seconds for a usual answer, least first
)

// suffixes of a model's name that wish for an order.
var suffixes = map[string]string{bestWish: "", ":fast": byTime, ":cheap": byPrice}

const usualAnswer = 256 // tokens

// preference is what a request says of who shall answer, in OpenRouter's words. A provider is a miner here: its uid, its
// peer id, or both as x-agora-miner tells them.
type preference struct {
	Order         []string        `json:"order"`
	Only          []string        `json:"only"`
	Ignore        []string        `json:"ignore"`
	Fallbacks     *bool           `json:"allow_fallbacks"`
	Require       bool            `json:"require_parameters"`
	Sort          json.RawMessage `json:"sort"`
	Quantizations []string        `json:"quantizations"`
	MinThroughput json.RawMessage `json:"preferred_min_throughput"`
	MaxLatency    json.RawMessage `json:"preferred_max_latency"`
	MaxPrice      json.RawMessage `json:"max_price"` // which openai.ReadMaxPrice reads
	Collection    string          `json:"data_collection"`
	ZDR           bool            `json:"zdr"`

	sort  string
	speed float64 // tokens per second that are wished for; 0 is any
	first float64 // seconds to the first token; 0 is any
}

// readPreference reads the field "provider". Every error is an *openai.Error.
func readPreference(raw json.RawMessage) (*preference, error) {
	p := &preference{}
	if isNone(raw) {
		return p, nil
	}
	words := json.NewDecoder(bytes.NewReader(raw))
	words.DisallowUnknownFields()
	if err := words.Decode(p); err != nil {
		if word, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return nil, openai.Invalid("provider", "provider: %.80s is not known here, and nothing is ignored; there is %s", word, providerWords)
		}
		return nil, openai.Fit("provider", raw, p)
	}
	if p.Collection == "deny" || p.ZDR {
		return nil, openai.Invalid("provider", "nobody can promise that here: the miner that answers reads the prompt; leave out data_collection and zdr, or ask your own model")
	}
	if p.Collection != "" && p.Collection != "allow" {
		return nil, openai.Invalid("provider.data_collection", "provider.data_collection must be \"allow\" or left out")
	}
	var err error
	if p.sort, err = readSort(p.Sort); err != nil {
		return nil, err
	}
	if p.speed, err = readPercentile("provider.preferred_min_throughput", p.MinThroughput); err != nil {
		return nil, err
	}
	p.first, err = readPercentile("provider.preferred_max_latency", p.MaxLatency)
	return p, err
}

const providerWords = "order, only, ignore, allow_fallbacks, require_parameters, sort, quantizations, preferred_min_throughput, preferred_max_latency, max_price, data_collection and zdr"

// readSort reads "price" or {"by":"price"}.
func readSort(raw json.RawMessage) (string, error) {
	if isNone(raw) {
		return "", nil
	}
	var by struct {
		By        string `json:"by"`
		Partition string `json:"partition"`
	}
	words := json.NewDecoder(bytes.NewReader(raw))
	words.DisallowUnknownFields()
	if json.Unmarshal(raw, &by.By) != nil && words.Decode(&by) != nil || !slices.Contains([]string{byPrice, byLatency, byThroughput}, by.By) {
		return "", openai.Invalid("provider.sort", "provider.sort must be %q, %q or %q", byPrice, byLatency, byThroughput)
	}
	if by.Partition != "" && by.Partition != "model" {
		return "", openai.Invalid("provider.sort", "provider.sort.partition can only be \"model\" here: one model is asked after the other, in their order")
	}
	return by.By, nil
}

func isNone(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

var percentiles = []string{"p50", "p75", "p90", "p99"}

// readPercentile reads 30 or {"p50":30}: of several percentiles the middle one, since one average is kept.
func readPercentile(name string, raw json.RawMessage) (float64, error) {
	if isNone(raw) {
		return 0, nil
	}
	var n float64
	at := map[string]float64{}
	if json.Unmarshal(raw, &n) == nil {
		at[percentiles[0]] = n
	} else if json.Unmarshal(raw, &at) != nil {
		return 0, openai.Invalid(name, "%s must be a number, or one for each percentile", name)
	}
	for p, n := range at {
		if n < 0 || !slices.Contains(percentiles, p) {
			return 0, openai.Invalid(name, "%s must be a number of 0 or more, or one for each of %s", name, strings.Join(percentiles, ", "))
		}
	}
	for _, p := range percentiles {
		if at[p] > 0 {
			return at[p], nil
		}
	}
	return 0, nil
}

// plain says that nothing is wished for.
func (p *preference) plain() bool {
	return p.sort == "" && p.speed == 0 && p.first == 0 && !p.Require && p.Fallbacks == nil && len(p.Order)+len(p.Only)+len(p.Ignore)+len(p.Quantizations) == 0
}

// is says whether a consumer means this miner.
func (m *candidate) is(word string) bool {
	return word == m.label || word == m.name || word == wire.PeerID(m.HotKey)
}

func (m *candidate) among(words []string) bool { return slices.ContainsFunc(words, m.is) }

// admits says whether a miner may be asked at all.
func (p *preference) admits(m *candidate) bool {
	switch {
	case len(p.Only) > 0 && !m.among(p.Only), m.among(p.Ignore), p.Require && m.Can == 0:
		return false
	case len(p.Quantizations) > 0 && !slices.ContainsFunc(p.Quantizations, func(q string) bool { return strings.EqualFold(q, m.Precision) }):
		return false
	case len(p.Order) > 0 && !p.fallbacks() && !m.among(p.Order):
		return false
	}
	return true
}

func (p *preference) fallbacks() bool { return p.Fallbacks == nil || *p.Fallbacks }

// prefer is the route as a request wants it. The named come first, in their order; a wished order holds among those that
// the rank pays anything, since the cheapest of all may be worth nothing.
func (r *route) prefer(p *preference) *route {
	if p.plain() {
		return r
	}
	out := &route{subnet: r.subnet, rank: r.rank}
	var named, rest [][]*candidate
	for _, word := range p.Order {
		named = append(named, r.those(func(m *candidate) bool { return m.is(word) && p.admits(m) }))
	}
	for _, tier := range r.tiers {
		rest = append(rest, slices.DeleteFunc(slices.Clone(tier), func(m *candidate) bool { return m.among(p.Order) || !p.admits(m) }))
	}
	if p.sort != "" {
		rest = sorted(rest, r.rank, p.sort)
	}
	if p.speed > 0 {
		rest = divided(rest, func(m *candidate) bool { _, s := m.pace(); return s >= p.speed })
	}
	if p.first > 0 {
		rest = divided(rest, func(m *candidate) bool { f, _ := m.pace(); return f > 0 && f <= p.first })
	}
	out.tiers = slices.DeleteFunc(append(named, rest...), func(tier []*candidate) bool { return len(tier) == 0 })
	return out
}

func (r *route) those(want func(*candidate) bool) (list []*candidate) {
	for _, tier := range r.tiers {
		for _, m := range tier {
			if want(m) {
				list = append(list, m)
			}
		}
	}
	return list
}

// sorted puts those that are paid before those that are not, and each of them by an order, equals into one tier.
func sorted(tiers [][]*candidate, rank Rank, by string) (out [][]*candidate) {
	all := slices.Concat(tiers...)
	key := func(m *candidate) (unpaid int, cost float64) {
		if rank.value(m.Miner) == 0 {
			unpaid = 1
		}
		return unpaid, m.cost(by)
	}
	order := func(a, b *candidate) int {
		au, ac := key(a)
		bu, bc := key(b)
		return cmp.Or(cmp.Compare(au, bu), cmp.Compare(ac, bc))
	}
	slices.SortStableFunc(all, order)
	for i, m := range all {
		if i > 0 && order(all[i-1], m) == 0 {
			out[len(out)-1] = append(out[len(out)-1], m)
			continue
		}
		out = append(out, []*candidate{m})
	}
	return out
}

// cost is what an order makes least; what is not known comes last.
func (m *candidate) cost(by string) float64 {
	first, speed := m.pace()
	switch {
	case by == byPrice:
		return float64(m.PriceIn) + float64(m.PriceOut)
	case first == 0, by != byLatency && speed == 0:
		return math.Inf(1)
	case by == byLatency:
		return first
	case by == byThroughput:
		return -speed
	}
	return first + usualAnswer/speed
}

// divided divides every tier: those that were seen to be fast enough come first.
func divided(tiers [][]*candidate, fast func(*candidate) bool) (out [][]*candidate) {
	for _, tier := range tiers {
		slow := func(m *candidate) bool { return !fast(m) }
		out = append(out, slices.DeleteFunc(slices.Clone(tier), slow), slices.DeleteFunc(slices.Clone(tier), fast))
	}
	return out
}

// find is where a name leads: as it is, or without a suffix that wishes for an order.
func (t *table) find(model string) (to *route, sort string) {
	if r := t.routes[model]; r != nil {
		return r, ""
	}
	if i := strings.LastIndexByte(model, ':'); i > 0 {
		if by, ok := suffixes[model[i:]]; ok {
			return t.routes[model[:i]], by
		}
	}
	return nil, ""
}

// namesOf are the models that a request names, the first one first.
func namesOf(h peek.Head) ([]string, error) {
	names := []string{h.Model}
	if len(h.Models) == 0 || string(h.Models) == "null" {
		return names, nil
	}
	var more []string
	const most = 8
	if json.Unmarshal(h.Models, &more) != nil || len(more) > most {
		return nil, openai.Invalid("models", "models must be a list of at most %d names", most)
	}
	return append(names, more...), nil
}

// paths are the routes of a request: that of its model and those of the models to fall back to, as it wants them and as far
// as its key may ask them.
func (v *visit) paths(t *table, h peek.Head) ([]*route, error) {
	key := &v.limits
	if r := t.routes[h.Model]; r != nil && len(h.Provider)+len(h.Models) == 0 && key.allows(h.Model, r.subnet) {
		v.alone[0] = r
		return v.alone[:], nil // as most ask
	}
	p, err := readPreference(h.Provider)
	if err != nil {
		return nil, err
	}
	names, err := namesOf(h)
	if err != nil {
		return nil, err
	}
	model := h.Model
	var list []*route
	known, barred := false, ""
	for _, name := range names {
		r, by := t.find(name)
		if r == nil {
			continue
		}
		known = true
		if !key.allows(name, r.subnet) {
			barred = name
			continue
		}
		own := *p
		own.sort = cmp.Or(own.sort, by)
		if r = r.prefer(&own); len(r.tiers) > 0 {
			list = append(list, r)
		}
	}
	switch {
	case !known:
		return nil, v.modelFault(model, t)
	case len(list) == 0 && barred != "":
		e := openai.Errorf(http.StatusForbidden, "this key may not ask %q; it may ask: %s", barred, strings.Join(key.Models, ", "))
		e.Param = "model"
		return nil, e.WithCode("model_not_allowed")
	case len(list) == 0 && !p.plain():
		e := openai.Errorf(http.StatusNotFound, "no miner of %q is what provider asks for: loosen only, ignore, order, quantizations or require_parameters", model)
		e.Param = "provider"
		return nil, e.WithCode("no_provider")
	case len(list) == 0: // a subnet without miners
		r, _ := t.find(model)
		return []*route{r}, nil
	}
	if !p.fallbacks() {
		return list[:1], nil
	}
	return list, nil
}

var seat = maphash.MakeSeed()

// keep chooses the miner that a session goes to: the same one for as long as it is there and not overloaded, so that what it
// has read of the session is still in its memory. It is the one with the highest hash of session and miner (rendezvous
// hashing: who comes or goes moves only their own sessions), unless more than twice as much is open there as at the idlest.
func keep(session string, of []*candidate) *candidate {
	const slack = 4
	least := math.MaxInt
	for _, m := range of {
		least = min(least, m.busy())
	}
	var best *candidate
	var top uint64
	for _, m := range of {
		h := maphash.Comparable(seat, [2]string{session, m.name})
		if m.busy() <= 2*least+slack && (best == nil || h > top) {
			best, top = m, h
		}
	}
	return best
}
