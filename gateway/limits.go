package gateway

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
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

// bucket is the allowance of a key, made at its first use: full, and filled at a rate per minute.
func bucket(b **rate.Limiter, perMinute, burst int) *rate.Limiter {
	if *b == nil {
		*b = rate.NewLimiter(rate.Limit(float64(perMinute)/60), burst)
	}
	return *b
}

func quotaOf(b *rate.Limiter, now time.Time) quota {
	left := b.TokensAt(now)
	reset := (float64(b.Burst()) - left) / float64(b.Limit())
	return quota{b.Burst(), int(max(0, left)), time.Duration(reset * float64(time.Second))}
}

// take takes n from an allowance if there is so much, or says how long to wait for it.
func take(b *rate.Limiter, n int, now time.Time) (wait time.Duration, ok bool) {
	r := b.ReserveN(now, min(n, b.Burst()))
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// enter counts a request against a key's limits. Where they are reached, wait says when to ask again.
func (h *holder) enter(l Limits, now time.Time) (left quota, wait time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := bucket(&h.requests, l.PerMinute, l.Burst)
	if wait = time.Second; h.open < l.InFlight {
		wait, ok = take(b, 1, now)
	}
	if ok {
		h.open++
	}
	return quotaOf(b, now), wait, ok
}

// spend counts the tokens that a request has at least. What its answer takes is counted when it is known: a key that has
// taken more than it had waits.
func (h *holder) spend(l Limits, tokens int, now time.Time) (left quota, wait time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := bucket(&h.tokens, l.Tokens, l.Tokens)
	wait, ok = take(b, max(1, tokens), now)
	return quotaOf(b, now), wait, ok
}

// owe counts tokens that were taken already, in parts that the allowance can hold.
func (h *holder) owe(tokens int, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.tokens != nil && tokens > 0 {
		n := min(tokens, h.tokens.Burst())
		h.tokens.ReserveN(now, n)
		tokens -= n
	}
}

func (h *holder) leave() {
	h.mu.Lock()
	h.open--
	h.mu.Unlock()
}
