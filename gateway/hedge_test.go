package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slowStart makes a market of which a request is hedged when the test sends on the channel: first tokens took some time until
// now, and a hedge is saved.
func slowStart(t *testing.T) (m *market, p *purse, late chan time.Time) {
	m, b := newShop(t, nil)
	late = make(chan time.Time, 1)
	m.hedges.wait = func(time.Duration) (<-chan time.Time, func() bool) { return late, func() bool { return true } }
	m.hedges.saved = 1
	for size := range 8 {
		for range hedgeLeast {
			m.hedges.note(class{"chat", size}, time.Second)
		}
	}
	return m, b.open(4, 1_000_000_000), late
}

// hedged fails unless one request was hedged, with an outcome.
func (m *market) hedged(outcome string) {
	m.t.Helper()
	shown := httptest.NewRecorder()
	m.ServeHTTP(shown, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(m.t, 1, strings.Count(shown.Body.String(), "\nagora_gateway_hedges_total"))
	require.Contains(m.t, shown.Body.String(), `agora_gateway_hedges_total{outcome="`+outcome+`",subnet="chat"} 1`)
}

// unblamed waits until nothing is asked any more, and fails if a miner was blamed.
func (m *market) unblamed() {
	m.t.Helper()
	for _, miner := range m.subnets[0].Miners {
		h := m.healthOf(miner.HotKey)
		require.Eventually(m.t, h.idle, time.Minute, time.Millisecond)
		require.Zero(m.t, h.failed)
	}
}

// inTurns is a handler for several miners that lets the first request be answered by one handler and the second by another.
func inTurns(handlers ...http.HandlerFunc) http.HandlerFunc {
	var asked atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) { handlers[asked.Add(1)-1](w, r) }
}

// untilEnded reads a request, and waits until it is ended.
func untilEnded(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

const streamed = `{"stream":true,"model"`

// TestASecondServerAnswersWhereTheFirstIsSlow lets the first server be silent until its request is ended: the second one
// answers, and is all that is paid.
func TestASecondServerAnswersWhereTheFirstIsSlow(t *testing.T) {
	for name, body := range map[string]string{"whole": ask, "stream": strings.Replace(ask, `{"model"`, streamed, 1)} {
		t.Run(name, func(t *testing.T) {
			m, p, late := slowStart(t)
			ended := make(chan struct{})
			silent := func(_ http.ResponseWriter, r *http.Request) {
				late <- time.Time{}
				untilEnded(r)
				close(ended)
			}
			both := inTurns(silent, says("It is 42."))
			m.sells(1, both)
			m.sells(1, both)
			resp, text := m.post("/v1/chat/completions", body, p.pays(1, ""))
			require.Equal(t, 200, resp.StatusCode, text)
			require.Contains(t, text, "42")
			<-ended
			m.unblamed()
			require.EqualValues(t, price7, m.charged("channel/4"))
			m.hedged("second")
			lines, err := m.Till.Ledger.Spending(t.Context(), "channel/4", time.Time{})
			require.NoError(t, err)
			require.EqualValues(t, 1, lines[0].Requests)
		})
	}
}

// TestTheFirstServerMayWinAllTheSame lets the first server begin once the second one was asked.
func TestTheFirstServerMayWinAllTheSame(t *testing.T) {
	m, p, late := slowStart(t)
	asked := make(chan struct{})
	both := inTurns(func(w http.ResponseWriter, r *http.Request) {
		late <- time.Time{}
		<-asked
		says("It is 42.")(w, r)
	}, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		untilEnded(r)
	})
	m.sells(1, both)
	m.sells(1, both)
	resp, text := m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 200, resp.StatusCode, text)
	m.unblamed()
	require.EqualValues(t, price7, m.charged("channel/4"))
	m.hedged("first")
}

// TestAHedgeOutlivesTheFirst lets the first server fail after the second one was asked.
func TestAHedgeOutlivesTheFirst(t *testing.T) {
	m, p, late := slowStart(t)
	asked, failed := make(chan struct{}), make(chan struct{})
	both := inTurns(func(w http.ResponseWriter, r *http.Request) {
		late <- time.Time{}
		<-asked
		fails(500)(w, r)
		close(failed)
	}, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-failed
		says("It is 42.")(w, r)
	})
	m.sells(1, both)
	m.sells(1, both)
	resp, text := m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 200, resp.StatusCode, text)
	require.EqualValues(t, price7, m.charged("channel/4"))
	m.hedged("second")
}

func TestTwoThatFailAreNotPaid(t *testing.T) {
	m, p, late := slowStart(t)
	asked := make(chan struct{})
	both := inTurns(func(w http.ResponseWriter, r *http.Request) {
		late <- time.Time{}
		<-asked
		fails(500)(w, r)
	}, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		fails(500)(w, r)
	})
	m.sells(1, both)
	m.sells(1, both)
	resp, text := m.post("/v1/chat/completions", ask, p.pays(1, ""))
	require.Equal(t, 502, resp.StatusCode, text)
	require.Contains(t, text, "2 miners asked")
	require.Zero(t, m.charged("channel/4"))
	m.hedged("neither")
}

// TestOnlyEqualsAreAskedBeside: who is ranked lower is no second server, unless it has the same weights and is no dearer.
func TestOnlyEqualsAreAskedBeside(t *testing.T) {
	m, _, _ := slowStart(t)
	for _, incentive := range []uint16{900, 890, 300, 200, 100} {
		m.sells(incentive, says("x"))
	}
	for i, digest := range map[int]string{0: "aa", 2: "aa", 3: "aa", 4: "bb"} {
		m.subnets[0].Miners[i].Digest = digest
	}
	m.subnets[0].Miners[3].PriceOut++
	m.refresh()
	route := m.table.Load().routes["chat"]
	c := &call{Gateway: m.Gateway, operation: chat, route: route}
	all := route.those(func(*candidate) bool { return true })
	var equals []string
	for _, o := range all[1:] {
		if c.equals(o, all[0]) {
			equals = append(equals, o.label)
		}
	}
	require.Equal(t, []string{"1", "2"}, equals)
	c.tried = all[:1]
	for range 20 {
		require.Contains(t, []string{"1", "2"}, c.equal(all[0]).label)
	}
	c.tried = all[:3]
	require.Nil(t, c.equal(all[0]))
}

// TestHedgesAreAtMostATwentiethOfAllRequests hedges whatever may be.
func TestHedgesAreAtMostATwentiethOfAllRequests(t *testing.T) {
	h, c := newHedges(0.05), classOf("chat", 1_000)
	for range hedgeLeast - 1 {
		h.note(c, time.Second)
	}
	_, may := h.after(c)
	require.False(t, may, "nothing is known of the class")
	for i := range 200 {
		h.note(c, time.Duration(i)*time.Millisecond)
	}
	taken := 0
	for range 10_000 {
		if _, may := h.after(c); may && h.take() {
			taken++
		}
	}
	require.InDelta(t, 500, taken, 2)
	require.False(t, h.take())
	_, may = h.after(classOf("chat", 100_000))
	require.False(t, may, "of another class nothing is known")
	for _, share := range []float64{0, -1} {
		off := newHedges(share)
		off.note(c, time.Second)
		_, may = off.after(c)
		require.False(t, may)
	}
}

// TestAHedgeComesWhenNineteenOfTwentyHaveBegun looks at the last 128 of a class.
func TestAHedgeComesWhenNineteenOfTwentyHaveBegun(t *testing.T) {
	h, c := newHedges(0.05), classOf("chat", 1_000)
	h.saved = 1
	for range 8 * hedgeWindow {
		h.note(c, time.Hour) // forgotten
	}
	for i := range hedgeWindow {
		h.note(c, time.Duration(hedgeWindow-i)*time.Second)
	}
	wait, may := h.after(c)
	require.True(t, may)
	require.Equal(t, 122*time.Second, wait) // ⌈0.95 · 128⌉
	for range hedgeWindow {
		h.note(c, time.Microsecond)
	}
	wait, _ = h.after(c)
	require.Equal(t, hedgeSoonest, wait)
}
