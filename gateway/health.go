package gateway

import (
	"math"
	"sync"
	"time"
)

// What a miner's latency is smoothed over, and how long it is left alone after failures in a row.
const (
	latencyMemory = 10 * time.Second
	startMemory   = time.Hour // of the slowest start
	breakAfter    = 3         // failures in a row
	minCooldown   = 2 * time.Second
	maxCooldown   = 30 * time.Second
	quietFor      = 250 * time.Millisecond // at least, with breakAfter requests waiting, is a silence
)

// health is what the gateway has seen of one miner.
type health struct {
	mu       sync.Mutex
	open     int           // requests at the miner now
	latency  float64       // seconds to the first byte, smoothed
	seen     time.Time     // of the last latency
	heard    time.Time     // of the last first byte, or when the first of the open requests was sent
	speed    float64       // tokens per second after the first, smoothed over answers; 0 before the first
	longest  float64       // seconds to the first byte, the longest of late
	failed   int           // in a row
	cooldown time.Duration // of the present break
	until    time.Time     // no requests before
	probing  bool          // a request was let through to try
}

// load is what the choice between two miners compares: smoothed latency × requests that would be open.
// Latency fades while a miner is not asked, L·e^(−age/memory), so that one slow answer does not exclude it for good, and is at least the
// time for which requests wait and nothing was heard.
func (h *health) load(now time.Time) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	const floor = 50e-6 // seconds; keeps in-flight requests counting for a miner without history
	fade := math.Exp(-now.Sub(h.seen).Seconds() / latencyMemory.Seconds())
	latency := h.latency * fade
	if h.open > 0 {
		latency = max(latency, now.Sub(h.heard).Seconds())
	}
	return (latency + floor) * float64(h.open+1)
}

// admit says whether the breaker lets a request through. After a break one request is let through per cool-down, until
// one succeeds. Nobody sends more to a miner at which some wait and that has said nothing for long, as it measures itself.
func (h *health) admit(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	silence := time.Duration(max(quietFor.Seconds(), 3*h.longest) * float64(time.Second))
	if h.open >= breakAfter && now.Sub(h.heard) >= silence {
		return false
	}
	if h.failed < breakAfter {
		return true
	}
	if now.Before(h.until) {
		return false
	}
	h.until = now.Add(h.cooldown)
	h.probing = true
	return true
}

func (h *health) start(now time.Time) {
	h.mu.Lock()
	if h.open == 0 {
		h.heard = now
	}
	h.open++
	h.mu.Unlock()
}

func (h *health) end() {
	h.mu.Lock()
	h.open--
	h.mu.Unlock()
}

// answered notes a first byte: L ← L·w + l·(1−w) with w = e^(−age/memory).
func (h *health) answered(took time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := math.Exp(-now.Sub(h.seen).Seconds() / latencyMemory.Seconds())
	h.latency = h.latency*w + took.Seconds()*(1-w)
	h.longest = max(took.Seconds(), h.longest*math.Exp(-now.Sub(h.seen).Seconds()/startMemory.Seconds()))
	h.seen, h.heard = now, now
}

// silent notes that nothing came for so long, and nothing will: L ← max(L, l).
func (h *health) silent(took time.Duration, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.latency, h.seen = max(h.latency, took.Seconds()), now
}

// wrote notes how fast an answer of so many tokens came: v ← v + (n/t − v)/8.
func (h *health) wrote(tokens int, took time.Duration) {
	const least = 8 // tokens; fewer say nothing
	if tokens < least || took <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	v := float64(tokens) / took.Seconds()
	if h.speed == 0 {
		h.speed = v
	}
	h.speed += (v - h.speed) / 8
}

// pace is seconds to the first token and tokens per second after it; 0 where not seen yet.
func (h *health) pace() (first, speed float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.latency, h.speed
}

// busy is how many requests are open at the miner.
func (h *health) busy() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

// slowest is the longest that a first byte took of late; it fades with startMemory.
func (h *health) slowest(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	fade := math.Exp(-now.Sub(h.seen).Seconds() / startMemory.Seconds())
	return time.Duration(h.longest * fade * float64(time.Second))
}

func (h *health) succeeded() {
	h.mu.Lock()
	h.failed, h.cooldown, h.probing = 0, 0, false
	h.mu.Unlock()
}

// fail notes a failure and says whether it opened the breaker.
func (h *health) fail(now time.Time) (opened bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed++
	if h.failed < breakAfter || h.failed > breakAfter && !h.probing {
		return false // not yet, or one of several that were under way when it opened
	}
	h.probing = false
	h.cooldown = min(max(2*h.cooldown, minCooldown), maxCooldown)
	h.until = now.Add(h.cooldown)
	return h.failed == breakAfter
}

func (h *health) idle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open == 0
}
