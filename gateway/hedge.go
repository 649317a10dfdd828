package gateway

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// How requests are hedged: where a server is slower to begin than nineteen of twenty were of late for such a request, an equal
// one is asked beside it, and whoever begins first answers.
const (
	hedgeAt      = 0.95                  // of the first tokens of a class have come by then
	hedgeWindow  = 128                   // requests of a class that are looked back at
	hedgeLeast   = 64                    // of a class before one of it is hedged
	hedgeLook    = 16                    // requests between two looks
	hedgeSoonest = 10 * time.Millisecond // less is not worth a request
	hedgeSaved   = 4                     // hedges that may be saved up
)

// class is what requests are alike in as their first tokens are: the subnet, and the size of the prompt in powers of eight.
type class struct {
	subnet string
	size   int
}

func classOf(subnet string, bytes int) class { return class{subnet, bits.Len(uint(bytes)) / 3} }

// hedges decide which requests are hedged. Each request earns a part of a hedge, so that they are never more than that part
// of all requests.
type hedges struct {
	share float64                                             // hedges for a request; none if it is not above 0
	wait  func(time.Duration) (<-chan time.Time, func() bool) // a timer, and its end
	total *prometheus.CounterVec                              // by subnet and outcome

	mu      sync.Mutex
	saved   float64
	classes map[class]*starts
}

// starts are the last first tokens of a class.
type starts struct {
	took  [hedgeWindow]time.Duration
	seen  int           // ever
	limit time.Duration // the quantile at the last look; 0 before the first
}

func newHedges(share float64) *hedges {
	return &hedges{
		share: share, classes: map[class]*starts{},
		wait:  func(d time.Duration) (<-chan time.Time, func() bool) { t := time.NewTimer(d); return t.C, t.Stop },
		total: counters("agora_gateway_hedges_total", "Requests for which a second server was asked since the first was slow to begin, by who began first: first, second, neither.", "subnet", "outcome"),
	}
}

// after is when a request of a class is hedged; false where it is not.
func (h *hedges) after(c class) (time.Duration, bool) {
	if h.share <= 0 {
		return 0, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.saved = min(h.saved+h.share, hedgeSaved)
	s := h.classes[c]
	if s == nil || s.limit == 0 || h.saved < 1 {
		return 0, false
	}
	return max(s.limit, hedgeSoonest), true
}

// take takes one of the hedges that were saved.
func (h *hedges) take() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.saved < 1 {
		return false
	}
	h.saved--
	return true
}

// note remembers how long a first token took, or that it took longer than that.
func (h *hedges) note(c class, took time.Duration) {
	if h.share <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.classes[c]
	if s == nil {
		s = &starts{}
		h.classes[c] = s
	}
	s.took[s.seen%hedgeWindow] = took
	if s.seen++; s.seen >= hedgeLeast && s.seen%hedgeLook == 0 {
		s.limit = s.quantile(hedgeAt)
	}
}

// quantile is the least of the times that at least a part q of them do not exceed: of n times the k-th longest, k = n − ⌈q·n⌉ + 1.
func (s *starts) quantile(q float64) time.Duration {
	took := s.took[:min(s.seen, hedgeWindow)]
	k := len(took) - int(math.Ceil(q*float64(len(took)))) + 1
	longest := make([]time.Duration, 0, hedgeWindow) // so far, the longest first
	for _, t := range took {
		if len(longest) == k && t <= longest[k-1] {
			continue
		}
		at := 0
		for at < len(longest) && longest[at] >= t {
			at++
		}
		longest = slices.Insert(longest[:min(len(longest), k-1)], at, t)
	}
	return longest[k-1]
}

// equal is somebody to ask beside m: of its tier, or with its weights and no dearer; nil where there is nobody.
func (c *call) equal(m *candidate) *candidate {
	now := time.Now()
	left := c.route.those(func(o *candidate) bool {
		return o != m && c.equals(o, m) && !slices.Contains(c.tried, o) && c.able(o)
	})
	for len(left) > 0 {
		o := lighter(left, now)
		if o.admit(now) {
			return o
		}
		left = slices.DeleteFunc(left, func(d *candidate) bool { return d == o })
	}
	return nil
}

// equals says whether o is as good as m for this request.
func (c *call) equals(o, m *candidate) bool {
	if o.Digest != "" && o.Digest == m.Digest && o.netuid == m.netuid && o.PriceIn <= m.PriceIn && o.PriceOut <= m.PriceOut {
		return true
	}
	return slices.ContainsFunc(c.route.tiers, func(tier []*candidate) bool {
		return slices.Contains(tier, o) && slices.Contains(tier, m)
	})
}

// twins says whether a route has any equal of m, there or not.
func (c *call) twins(m *candidate) bool {
	return c.route.count(func(o *candidate) bool { return o != m && c.equals(o, m) }) > 0
}
