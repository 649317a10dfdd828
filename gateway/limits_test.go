package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bearer shows another key than the market's.
func bearer(secret string) func(*http.Request) { return with("Authorization", "Bearer "+secret) }

func TestKeysExpire(t *testing.T) {
	k := openKeys(t)
	now := time.Now()
	past, _, err := k.Create("past", Limits{Expires: now.Add(-time.Second)})
	require.NoError(t, err)
	_, err = k.find(past)
	require.ErrorIs(t, err, ErrKeyExpired)
	future, _, err := k.Create("future", Limits{Expires: now.Add(time.Hour)})
	require.NoError(t, err)
	_, err = k.find(future)
	require.NoError(t, err)

	m := newMarket(t, nil)
	m.add(0, 1, "", says("ok"))
	expired, _, err := m.Keys.Create("expired", Limits{Expires: now})
	require.NoError(t, err)
	resp, text := m.post("/v1/chat/completions", ask, bearer(expired))
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	require.Contains(t, text, "expired")
}

// A gateway that shares no database knows the time of the chain's last block. What has passed since is counted on; a clock that is early
// ends keys early, and a block's time from before says nothing.
func TestKeysExpireByTheChainsTime(t *testing.T) {
	k := openKeys(t)
	now := time.Now()
	k.clock.own = func() time.Time { return time.Now().Add(-90 * time.Second) }
	secret, key, err := k.Create("a", Limits{Expires: now})
	require.NoError(t, err)
	_, err = k.find(secret)
	require.NoError(t, err, "nothing but its own clock tells it the time")
	require.NotNil(t, k.byID(key.ID))
	k.BlockAt(now.Add(-time.Minute))
	_, err = k.find(secret)
	require.NoError(t, err)
	k.BlockAt(now)
	_, err = k.find(secret)
	require.ErrorIs(t, err, ErrKeyExpired)
	require.Nil(t, k.byID(key.ID), "nor is it given credit")
	k.clock.chain.Store(&reading{said: now.Add(-time.Minute), at: now.Add(-time.Minute - time.Second)})
	_, err = k.find(secret)
	require.ErrorIs(t, err, ErrKeyExpired, "the block was a minute and a second ago")
	k.BlockAt(time.Time{})
	k.clock.own = nil
	_, err = k.find(secret)
	require.ErrorIs(t, err, ErrKeyExpired)
}

func TestLimitsOfAKeyChangeWhereItIsUsed(t *testing.T) {
	k := openKeys(t)
	secret, key, err := k.Create("alice", Limits{PerMinute: 60, Models: []string{"chat"}})
	require.NoError(t, err)
	changed, err := k.Limit(key.ID, func(l *Limits) { l.Daily = 7 })
	require.NoError(t, err)
	require.Equal(t, Limits{PerMinute: 60, Models: []string{"chat"}, Daily: 7}, changed.Limits)
	h, err := k.find(secret)
	require.NoError(t, err)
	require.Equal(t, changed, h.Key)
	_, err = k.Limit("nonsense", func(*Limits) {})
	require.ErrorIs(t, err, ErrNoSuchKey)
}

func TestKeysAskOnlyTheirModels(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "small", says("ok"))
	m.add(0, 2, "large", says("ok"))
	m.refresh()
	chat, _, err := m.Keys.Create("chat", Limits{Models: []string{"chat"}})
	require.NoError(t, err)
	small, _, err := m.Keys.Create("small", Limits{Models: []string{"small"}})
	require.NoError(t, err)
	for _, c := range []struct {
		secret, model, rest string
		status              int
	}{
		{chat, "chat", "", 200},
		{chat, "chat:fast", "", 200},
		{chat, "large", "", 200},
		{small, "small", "", 200},
		{small, "small:cheap", "", 200},
		{small, "chat", "", 403},
		{small, "large", "", 403},
		{small, "large", `"models":["small"],`, 200},
		{small, "nothing", "", 404},
	} {
		resp, text := m.post("/v1/chat/completions", asking(c.model, c.rest), bearer(c.secret))
		require.Equal(t, c.status, resp.StatusCode, "%s %s: %s", c.model, c.rest, text)
		if c.status == 403 {
			require.Contains(t, text, `"code":"model_not_allowed"`)
			require.Contains(t, text, "it may ask: small")
		}
	}
	_, list := m.post("/v1/models", "", bearer(small), func(r *http.Request) { r.Method = http.MethodGet })
	require.Contains(t, list, `"id":"small"`)
	require.NotContains(t, list, `"id":"large"`)
	require.NotContains(t, list, `"id":"chat"`)
}

// A key without tokens waits; what answers took counts, however many requests were let in before it was known.
func TestKeyHasItsTokens(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", says("ok")) // tells 7 tokens
	secret, _, err := m.Keys.Create("slow", Limits{Tokens: 8})
	require.NoError(t, err)
	resp, text := m.post("/v1/chat/completions", ask, bearer(secret))
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	require.Equal(t, "8", resp.Header.Get("X-Ratelimit-Limit-Tokens"))
	require.Equal(t, "6", resp.Header.Get("X-Ratelimit-Remaining-Tokens"), "16 bytes of text have 2 tokens at least")
	require.NotEmpty(t, resp.Header.Get("X-Ratelimit-Reset-Tokens"))
	asked := m.asked(0)
	long := strings.Replace(ask, "What", strings.Repeat("What is more, what ", 20)+"What", 1)
	resp, text = m.post("/v1/chat/completions", long, bearer(secret)) // 400 bytes are 8 tokens at least, for which it waits most of a minute
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode, text)
	require.Contains(t, text, "limit of tokens")
	wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.LessOrEqual(t, wait, 60)
	require.Equal(t, asked, m.asked(0), "no miner saw it")
}

func TestAllowancesFillAndOwe(t *testing.T) {
	var h holder
	l := Limits{Tokens: 60}
	now := time.Unix(1_700_000_000, 0)
	left, _, ok := h.spend(l, 20, now)
	require.True(t, ok)
	require.Equal(t, quota{60, 40, 20 * time.Second}, left)
	h.owe(130)
	left, wait, ok := h.spend(l, 5, now)
	require.False(t, ok)
	require.InDelta(t, 95, wait.Seconds(), 1e-3)
	require.Equal(t, 0, left.remaining)
	_, _, ok = h.spend(l, 5, now.Add(95*time.Second+time.Millisecond))
	require.True(t, ok)
	left, _, ok = h.spend(l, 1000, now.Add(time.Hour))
	require.True(t, ok, "what is more than there ever is takes all of it")
	require.Equal(t, 0, left.remaining)
}

func TestBudgetsOfADayAndAMonth(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(1, says("It is 42."))
	for name, l := range map[string]Limits{"day": {Daily: 30 * price7}, "month": {Monthly: 30 * price7}} {
		t.Run(name, func(t *testing.T) {
			secret, key, err := m.Keys.Create(name, l)
			require.NoError(t, err)
			resp, text := m.post("/v1/chat/completions", ask, bearer(secret))
			require.Equal(t, http.StatusPaymentRequired, resp.StatusCode, "it may cost more than the budget: %s", text)
			require.Contains(t, text, `"code":"budget_spent"`)
			require.Contains(t, text, "begins anew at")
			short := strings.Replace(ask, `{`, `{"max_tokens":2,`, 1)
			served := 0
			for ; served < 31; served++ {
				if resp, text = m.post("/v1/chat/completions", short, bearer(secret)); resp.StatusCode != http.StatusOK {
					break
				}
			}
			require.Equal(t, http.StatusPaymentRequired, resp.StatusCode, text)
			require.Positive(t, served)
			require.LessOrEqual(t, served, 30)
			require.EqualValues(t, served*price7, m.charged("key/"+key.ID))
			a, err := m.Till.Ledger.Account(t.Context(), "key/"+key.ID)
			require.NoError(t, err)
			require.Zero(t, a.Line.Reserved, "who is refused holds nothing")
		})
	}
}

func TestABudgetThatIsRaisedOrLoweredHolds(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(1, says("It is 42."))
	secret, key, err := m.Keys.Create("alice", Limits{Budget: 1})
	require.NoError(t, err)
	for _, c := range []struct {
		budget uint64
		status int
	}{{1, 402}, {1_000_000_000, 200}, {1, 402}, {0, 200}} {
		_, err = m.Keys.Limit(key.ID, func(l *Limits) { l.Budget = c.budget })
		require.NoError(t, err)
		resp, text := m.post("/v1/chat/completions", ask, bearer(secret))
		require.Equal(t, c.status, resp.StatusCode, "%d: %s", c.budget, text)
	}
}

func TestLimitsAreKeptAsTheyWere(t *testing.T) {
	full := Limits{1, 2, 3, 4, 5, 6, 7, []string{"chat"}, time.Unix(1_700_000_000, 0).UTC()}
	text, err := json.Marshal(full)
	require.NoError(t, err)
	require.JSONEq(t, `{"per_minute":1,"burst":2,"in_flight":3,"tokens_per_minute":4,"budget_rao":5,"budget_day_rao":6,
		"budget_month_rao":7,"models":["chat"],"expires":"2023-11-14T22:13:20Z"}`, string(text))
	var back Limits
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, full, back)
}

func TestNobodyIsToldToWaitForNoTime(t *testing.T) {
	v := visit{key: &holder{Key: Key{ID: "k"}}}
	require.Contains(t, v.limited("requests", 4*time.Millisecond).Error(), "ask again in 0.1 s ")
	require.Contains(t, v.limited("requests", 1230*time.Millisecond).Error(), "ask again in 1.3 s ")
}
