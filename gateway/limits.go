package gateway

import (
	"slices"
	"strings"
	"time"
)

// Limits bound what one key may do. Zero values of the first four take the gateway's defaults, those of the others are no
// bound.
type Limits struct {
	PerMinute int `json:"per_minute,omitempty"`        // requests started per minute, on average
	Burst     int `json:"burst,omitempty"`             // requests that may start at once after a quiet time
	InFlight  int `json:"in_flight,omitempty"`         // requests open at once
	Tokens    int `json:"tokens_per_minute,omitempty"` // read and written per minute; so many at once after a quiet time

	Budget  uint64    `json:"budget_rao,omitempty"`       // that the operator gives the key, in all
	Daily   uint64    `json:"budget_day_rao,omitempty"`   // of them from midnight to midnight, UTC
	Monthly uint64    `json:"budget_month_rao,omitempty"` // from the first of a month to the next, UTC
	Models  []string  `json:"models,omitempty"`           // that may be asked, as GET /v1/models names them; a subnet's name is all in it
	Expires time.Time `json:"expires,omitzero"`           // the key is good before
}

func (l Limits) or(d Limits) Limits {
	pick := func(a, b int) int {
		if a > 0 {
			return a
		}
		return b
	}
	l.PerMinute, l.Burst, l.InFlight, l.Tokens = pick(l.PerMinute, d.PerMinute), pick(l.Burst, d.Burst), pick(l.InFlight, d.InFlight), pick(l.Tokens, d.Tokens)
	return l
}

// allows says whether a model of a subnet may be asked, by the name under which it is asked for.
func (l *Limits) allows(model, subnet string) bool {
	if len(l.Models) == 0 || slices.Contains(l.Models, subnet) || slices.Contains(l.Models, model) {
		return true
	}
	if i := strings.LastIndexByte(model, ':'); i > 0 {
		_, wish := suffixes[model[i:]]
		return wish && slices.Contains(l.Models, model[:i])
	}
	return false
}

// quota is what is left of an allowance: how much there is at most after a quiet time, how much now, and when it is all
// there again.
type quota struct {
	limit, remaining int
	reset            time.Duration
}

// bucket is an allowance that fills at a rate: b(t) = min(size, b(t₀) + rate·(t − t₀)). It may be overdrawn; until that is made up for
// nothing can be taken. The zero value is not open yet.
type bucket struct {
	size int
	rate float64 // per second
	left float64 // at
	at   time.Time
}

// fill makes an allowance at its first use, full, and later adds what has come until now.
func (b *bucket) fill(perMinute, size int, now time.Time) {
	if b.size == 0 {
		*b = bucket{size, float64(perMinute) / 60, float64(size), now}
	}
	if d := now.Sub(b.at); d > 0 {
		b.left, b.at = min(float64(b.size), b.left+b.rate*d.Seconds()), now
	}
}

// take takes n, all that there ever is where n is more, if there is so much, or says how long to wait for it.
func (b *bucket) take(n int) (wait time.Duration, ok bool) {
	want := float64(min(n, b.size))
	if b.left < want {
		wait = time.Duration((want - b.left) / b.rate * float64(time.Second))
	}
	if wait > 0 {
		return wait, false
	}
	b.left -= want
	return 0, true
}

// quota is what is left.
func (b *bucket) quota() quota {
	return quota{b.size, int(max(0, b.left)), time.Duration((float64(b.size) - b.left) / b.rate * float64(time.Second))}
}

// enter counts a request against a key's limits. Where they are reached, wait says when to ask again.
func (h *holder) enter(l Limits, now time.Time) (left quota, wait time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests.fill(l.PerMinute, l.Burst, now)
	if wait = time.Second; h.open < l.InFlight {
		wait, ok = h.requests.take(1)
	}
	if ok {
		h.open++
	}
	return h.requests.quota(), wait, ok
}

// spend counts the tokens that a request has at least. What its answer takes is counted when it is known: a key that has
// taken more than it had waits.
func (h *holder) spend(l Limits, tokens int, now time.Time) (left quota, wait time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tokens.fill(l.Tokens, l.Tokens, now)
	wait, ok = h.tokens.take(max(1, tokens))
	return h.tokens.quota(), wait, ok
}

// owe counts tokens that were taken already, after spend.
func (h *holder) owe(tokens int) {
	h.mu.Lock()
	h.tokens.left -= float64(max(0, tokens))
	h.mu.Unlock()
}

func (h *holder) leave() {
	h.mu.Lock()
	h.open--
	h.mu.Unlock()
}
