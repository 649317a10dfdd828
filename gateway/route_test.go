package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// places makes miners with the given incentives, uids in order.
func places(incentives ...uint16) []Miner {
	out := make([]Miner, len(incentives))
	for i, v := range incentives {
		key := make([]byte, ed25519.PublicKeySize)
		binary.BigEndian.PutUint16(key, uint16(i))
		out[i] = Miner{UID: uint32(i), HotKey: key, Incentive: v, Model: fmt.Sprintf("model-%d", i)}
	}
	return out
}

func anyone(*candidate) bool { return true }

func tableOf(subnets ...Subnet) *table {
	known := map[string]*health{}
	return newTable(subnets, func(key ed25519.PublicKey) *health {
		if known[string(key)] == nil {
			known[string(key)] = &health{}
		}
		return known[string(key)]
	}, &claims{byName: map[string]claim{}}, 0.05, time.Now())
}

func uids(tier []*candidate) (out []uint32) {
	for _, c := range tier {
		out = append(out, c.UID)
	}
	return out
}

func TestTiersFollowTheChain(t *testing.T) {
	r := tableOf(Subnet{Name: "chat", Miners: places(100, 30_000, 29_000, 0, 28_000, 99)}).routes["chat"]
	require.Equal(t, RankChain, r.rank)
	var got [][]uint32
	for _, tier := range r.tiers {
		got = append(got, uids(tier))
	}
	require.Equal(t, [][]uint32{{1, 2}, {4}, {0, 5}, {3}}, got)
}

func TestOwnScoresRankBeforeTheFirstEpoch(t *testing.T) {
	miners := places(0, 0, 0)
	require.Equal(t, RankNone, tableOf(Subnet{Name: "chat", Miners: miners}).routes["chat"].rank)
	require.Len(t, tableOf(Subnet{Name: "chat", Miners: miners}).routes["chat"].tiers, 1, "without an order everybody is equal")
	miners[2].Score, miners[0].Score = 0.9, 0.2
	r := tableOf(Subnet{Name: "chat", Miners: miners}).routes["chat"]
	require.Equal(t, RankOwn, r.rank)
	require.Equal(t, []uint32{2}, uids(r.tiers[0]))
	miners[1].Incentive = 1
	require.Equal(t, RankChain, tableOf(Subnet{Name: "chat", Miners: miners}).routes["chat"].rank)
}

func TestSubnetsNameWinsOverAModels(t *testing.T) {
	a := places(5)
	a[0].Model = "late"
	table := tableOf(Subnet{NetUID: 1, Name: "chat", Miners: a}, Subnet{NetUID: 2, Name: "late"})
	require.Equal(t, "late", table.routes["late"].subnet)
	require.Equal(t, "chat", table.routes["chat/late"].subnet)
}

func TestTopTierGetsEverythingAndSharesIt(t *testing.T) {
	r := tableOf(Subnet{Name: "chat", Miners: places(1000, 990, 980, 500, 400)}).routes["chat"]
	count := map[uint32]int{}
	now := time.Now()
	for range 3000 {
		c := r.pick(anyone, nil, "", now)
		count[c.UID]++
		c.start(now) // they stay open, so that the load counts
	}
	for uid := range uint32(3) {
		require.InDelta(t, 1000, count[uid], 60, "uid %d", uid)
	}
	require.Zero(t, count[3]+count[4])
}

func TestSlowMinerOfTheTierGetsLess(t *testing.T) {
	r := tableOf(Subnet{Name: "chat", Miners: places(10, 10, 10)}).routes["chat"]
	now := time.Now()
	for _, c := range r.tiers[0] {
		c.answered([]time.Duration{100, 10, 10}[c.UID]*time.Millisecond, now)
	}
	count := map[uint32]int{}
	for range 1000 {
		count[r.pick(anyone, nil, "", now).UID]++
	}
	require.Zero(t, count[0], "with nothing open, the slow one loses every draw")
	require.InDelta(t, 500, count[1], 100)
	later := now.Add(20 * latencyMemory)
	require.Less(t, r.tiers[0][0].load(later), 10*r.tiers[0][1].load(now), "what was slow long ago is tried again")
}

func TestNextTiersAreForFailOverOnly(t *testing.T) {
	r := tableOf(Subnet{Name: "chat", Miners: places(100, 50, 10)}).routes["chat"]
	var tried []*candidate
	var order []uint32
	for c := r.pick(anyone, tried, "", time.Now()); c != nil; c = r.pick(anyone, tried, "", time.Now()) {
		tried = append(tried, c)
		order = append(order, c.UID)
	}
	require.Equal(t, []uint32{0, 1, 2}, order)
	only2 := func(c *candidate) bool { return c.UID == 2 }
	require.EqualValues(t, 2, r.pick(only2, nil, "", time.Now()).UID)
}

func TestBreakerOpensAndProbes(t *testing.T) {
	r := tableOf(Subnet{Name: "chat", Miners: places(100, 50)}).routes["chat"]
	now := time.Now()
	best := r.tiers[0][0]
	for i := range breakAfter {
		require.EqualValues(t, 0, r.pick(anyone, nil, "", now).UID)
		require.Equal(t, i == breakAfter-1, best.fail(now))
	}
	require.EqualValues(t, 1, r.pick(anyone, nil, "", now).UID, "broken: the next tier serves")
	require.False(t, best.fail(now), "failures that were under way do not lengthen the break")
	now = now.Add(minCooldown)
	require.EqualValues(t, 0, r.pick(anyone, nil, "", now).UID, "one request tries it")
	require.EqualValues(t, 1, r.pick(anyone, nil, "", now).UID, "only one")
	best.fail(now)
	require.EqualValues(t, 1, r.pick(anyone, nil, "", now.Add(minCooldown)).UID, "the break doubles")
	require.EqualValues(t, 0, r.pick(anyone, nil, "", now.Add(2*minCooldown)).UID)
	best.succeeded()
	require.EqualValues(t, 0, r.pick(anyone, nil, "", now).UID, "one success closes it")
}

func TestBrokenMinerIsBetterThanNone(t *testing.T) {
	r := tableOf(Subnet{Name: "chat", Miners: places(100)}).routes["chat"]
	for range breakAfter {
		r.tiers[0][0].fail(time.Now())
	}
	require.NotNil(t, r.pick(anyone, nil, "", time.Now()))
}

// Ways in which a miner fails before it has said anything.
var (
	wrongKind = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>hello</html>") }
	onlyJSON  = func(w http.ResponseWriter, r *http.Request) { answerJSON(w, "{}") }
	halfway   = func(w http.ResponseWriter, r *http.Request) {
		stream(w, "half ", false)
		fmt.Fprint(w, "data: [DONE]\n\n")
	}
	notJSON   = func(w http.ResponseWriter, r *http.Request) { answerJSON(w, `{"choices":[}`) }
	noEvents  = func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Type", "text/event-stream") }
	elsewhere = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
	}
	cutOff = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		answerJSON(w, `{"half":`)
		panic(http.ErrAbortHandler)
	}
	firstError = func(w http.ResponseWriter, r *http.Request) {
		noEvents(w, r)
		fmt.Fprint(w, "data: {\"error\":{\"message\":\"no\"}}\n\n")
	}
	silent = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	endless = func(w http.ResponseWriter, r *http.Request) { // an answer, or one event, that does not end
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(string(body), `"stream":true`) {
			noEvents(w, r)
		}
		fmt.Fprint(w, `{"x":"`+strings.Repeat("x", 200_000))
		<-r.Context().Done()
	}
)

func answerJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, body)
}

func TestFailOverIsSilentToTheConsumer(t *testing.T) {
	for _, c := range []struct {
		name   string
		h      http.HandlerFunc
		stream bool
	}{
		{"500", fails(500), false},
		{"429", fails(429), false},
		{"404", fails(404), false},
		{"408", fails(408), false}, // its body did not come whole
		{"redirect", elsewhere, false},
		{"cut off", cutOff, false},
		{"wrong kind", wrongKind, false},
		{"not JSON", notJSON, false},
		{"silent", silent, false},
		{"endless", endless, false},
		{"stream 503", fails(503), true},
		{"stream of the wrong kind", onlyJSON, true},
		{"stream that begins with an error", firstError, true},
		{"plain answer of a stream that is cut", halfway, false},
		{"silent stream", silent, true},
		{"endless event", endless, true},
		{"stream without events", noEvents, true},
	} {
		t.Run(c.name, func(t *testing.T) { failOver(t, c.h, c.stream) })
	}
}

// failOver asks a market whose best miner is bad.
func failOver(t *testing.T, bad http.HandlerFunc, streaming bool) {
	m := newMarket(t, func(c *Config) {
		c.FirstEvent, c.WholeAnswer = 100*time.Millisecond, 100*time.Millisecond
		c.MaxAnswer, c.MaxEvent = 100_000, 32_000
	})
	m.add(0, 100, "", bad)
	m.add(0, 50, "", says("next"))
	body := ask
	if streaming {
		body = strings.Replace(ask, "{", `{"stream":true,`, 1)
	}
	resp, text := m.post("/v1/chat/completions", body)
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	require.Contains(t, text, `"next"`)
	require.NotContains(t, text, "error")
	require.True(t, strings.HasPrefix(resp.Header.Get("X-Agora-Miner"), "1/"))
	require.Equal(t, []int{1, 1}, []int{m.asked(0), m.asked(1)})
}

func TestStoppedMinerIsPassedOverAtOnce(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 100, "", says("best"))
	m.add(0, 50, "", says("second"))
	_, text := m.post("/v1/chat/completions", ask)
	require.Contains(t, text, "best")
	m.disconnect(0)
	_, text = m.post("/v1/chat/completions", ask)
	require.Contains(t, text, "second")
	require.Equal(t, 1, m.asked(0))
}

func TestAttemptsAreBounded(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.Attempts = 2 })
	for i := range 4 {
		m.add(0, uint16(100-i), "", fails(500))
	}
	resp, _ := m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
	require.Equal(t, 2, m.asked(0)+m.asked(1)+m.asked(2)+m.asked(3))
}

func TestTooSlowIsA504(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.WholeAnswer = 20 * time.Millisecond })
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	resp, text := m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusGatewayTimeout, resp.StatusCode)
	require.Contains(t, text, "miner_timeout")
}

func TestStalledStreamEndsWithAnError(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.Stall = 30 * time.Millisecond })
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		stream(w, "begun ", false)
		<-r.Context().Done()
	})
	resp, text := m.post("/v1/chat/completions", strings.Replace(ask, "{", `{"stream":true,`, 1))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, text, "begun")
	require.True(t, strings.HasSuffix(text, "\"code\":\"miner_died\"}}\n\n"), text)
	require.NotContains(t, text, "[DONE]")
}

// A miner sees the consumer's bytes and nothing that tells a consumer's request from a validator's.
func TestMinerSeesOnlyTheBody(t *testing.T) {
	m := newMarket(t, nil)
	body := `{ "messages":[{"role":"user","content":"hi \u00e9"}] ,"model":"chat", "unknown":  [1e2] }`
	seen := make(chan *http.Request, 1)
	got := make(chan string, 1)
	want := strings.TrimSuffix(body, " }") + ` ,"stream":true,"stream_options":{"include_usage":true}}`
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen <- r
		got <- string(b)
		says("x")(w, r)
	})
	m.post("/v1/chat/completions?user=me", body, with("User-Agent", "consumer/1"), with("X-Forwarded-For", "10.1.2.3"), with("Cookie", "a=b"))
	r := <-seen
	require.Equal(t, want, <-got)
	require.Equal(t, "/v1/chat/completions", r.URL.RequestURI())
	r.Header.Del("Accept-Encoding") // of the test's own transport
	require.Len(t, r.Header.Get("X-Agora-Nonce"), 32)
	r.Header.Del("X-Agora-Nonce") // differs each time
	require.Equal(t, http.Header{"Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(want))}, "X-Agora-Receipts": {"together"}}, r.Header)
	plain := Request(context.Background(), "/v1/chat/completions", AsStream([]byte(body)), [16]byte{})
	require.EqualValues(t, len(want), plain.ContentLength, "a validator's challenge is made in the same way")
	require.NotNil(t, plain.GetBody, "a stale stream's request can be repeated")
}

func TestConsumersLeavingIsNoFaultOfTheMiner(t *testing.T) {
	m := newMarket(t, nil)
	entered := make(chan struct{}, 8)
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		<-r.Context().Done()
	})
	for range breakAfter + 1 {
		ctx, leave := context.WithCancel(t.Context())
		client := m.client()
		done := make(chan error)
		go func() {
			_, err := client.Chat.Completions.New(ctx, chatOf("hi"))
			done <- err
		}()
		<-entered
		leave()
		require.True(t, errors.Is(<-done, context.Canceled))
	}
	h := m.healthOf(m.subnets[0].Miners[0].HotKey)
	require.Eventually(t, h.idle, 5*time.Second, time.Millisecond)
	require.Zero(t, h.failed)
}

func TestForgottenMinersLeaveNothingBehind(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", says("x"))
	require.Len(t, m.Gateway.health, 1)
	m.subnets[0].Miners = nil
	m.refresh()
	require.Empty(t, m.Gateway.health)
}

// exam is a judge with one item under test.
type exam string

func (e exam) Open(prompts [][]byte) bool {
	return slices.ContainsFunc(prompts, func(prompt []byte) bool { return string(prompt) == string(e) })
}

func TestOpenItemsOfTheJudgeAreNotSoldOn(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.Judge = exam("What is 12 + 30?") })
	m.add(0, 1, "", says("42"))
	for body, want := range map[string]int{
		ask: http.StatusBadRequest,
		`{"model":"chat","messages":[{"role":"user","content":[{"type":"text","text":"What is 12 + 30?"}]},{"role":"user","content":"well?"}]}`: http.StatusBadRequest,
		`{"model":"chat","messages":[{"role":"user","content":"What is 12 + 31?"}]}`:                                                            http.StatusOK,
	} {
		resp, text := m.post("/v1/chat/completions", body)
		require.Equal(t, want, resp.StatusCode, text)
		require.Equal(t, want == http.StatusBadRequest, strings.Contains(text, "open_question"), text)
	}
	require.Equal(t, 1, m.asked(0))
}
