package gateway

import (
	"context"
	"crypto/ed25519"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/require"

	"agora/gateway/ledger"
	"agora/mechanism/voucher"
	"agora/wallet/pay"
)

// newPurse opens a channel on the bank and a purse for it.
func (m *market) newPurse(b *bank, id, deposit uint64, caps pay.Caps) (*pay.Purse, string) {
	m.t.Helper()
	key := ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(id)))
	b.mu.Lock()
	b.channels[id] = ledger.Account{
		ID: accountOf(id), Channel: id, Payer: "ann", Key: key.Public().(ed25519.PublicKey), Line: voucher.Line{Limit: deposit},
	}
	b.mu.Unlock()
	path := filepath.Join(m.t.TempDir(), "purse.json")
	p, err := pay.Create(path, key, pay.Terms{ChainID: payChain, Payer: "ann", Payee: "agora1val", Gateway: m.url, Channel: id, Deposit: deposit, Caps: caps})
	require.NoError(m.t, err)
	return p, path
}

// endpoint serves a purse on loopback.
func (m *market) endpoint(p *pay.Purse) (string, *pay.Endpoint) {
	e := pay.NewEndpoint(p)
	srv := httptest.NewServer(e)
	m.t.Cleanup(srv.Close)
	return srv.URL + "/v1", e
}

// TestAnyClientPaysThroughTheLoopbackEndpoint uses the official client without a key, whole and streamed.
func TestAnyClientPaysThroughTheLoopbackEndpoint(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p, _ := m.newPurse(b, 4, 1_000_000_000, pay.Caps{})
	url, e := m.endpoint(p)
	client := openai.NewClient(option.WithBaseURL(url), option.WithAPIKey("none"), option.WithMaxRetries(0))
	for range 3 {
		got, err := client.Chat.Completions.New(t.Context(), chatOf("What is 12 + 30?"))
		require.NoError(t, err)
		require.Equal(t, "It is 42.", got.Choices[0].Message.Content)
		s := client.Chat.Completions.NewStreaming(t.Context(), chatOf("What is 12 + 30?"))
		for s.Next() {
		}
		require.NoError(t, s.Err())
	}
	require.Eventually(t, func() bool { return p.Status().Owed == 6*price7 }, time.Minute, time.Millisecond, "the last answer is booked after its end")
	require.NoError(t, e.Settle(t.Context()))
	require.NoError(t, m.Collect(t.Context()))
	a, err := m.Till.Ledger.Account(t.Context(), "channel/4")
	require.NoError(t, err)
	require.EqualValues(t, 6*price7, a.Line.Charged)
	require.EqualValues(t, 6*price7, a.Claimable())
	list, err := client.Models.List(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, list.Data)
}

func TestCapsHold(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	short := strings.Replace(ask, `{"model"`, `{"max_tokens":2,"model"`, 1)
	for name, c := range map[string]struct {
		caps   pay.Caps
		served int
	}{
		"per request": {pay.Caps{Request: 1_000}, 0},
		"per day":     {pay.Caps{Day: 22_000_000}, 2},
		"per month":   {pay.Caps{Month: 22_000_000}, 2},
		"none":        {pay.Caps{}, 4},
	} {
		id := uint64(10 + len(name))
		p, _ := m.newPurse(b, id, 1_000_000_000, c.caps)
		url, _ := m.endpoint(p)
		served := 0
		for range 4 {
			resp, err := http.Post(url+"/chat/completions", "application/json", strings.NewReader(short))
			require.NoError(t, err)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			resp.Body.Close()
			if resp.StatusCode == 200 {
				served++
			} else {
				require.Equal(t, 402, resp.StatusCode, string(text))
			}
		}
		if name == "per request" || name == "none" {
			require.Equal(t, c.served, served, name)
		}
		require.LessOrEqual(t, p.Status().Today, max(c.caps.Day, 4*price7), name)
	}
}

// isAnswered asks an endpoint once.
func isAnswered(t *testing.T, url string) {
	resp, err := http.Post(url+"/chat/completions", "application/json", strings.NewReader(ask))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		t.Errorf("%d %s %v", resp.StatusCode, text, err)
	}
}

func TestManyProgramsShareOnePurse(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p, _ := m.newPurse(b, 4, 10_000_000_000, pay.Caps{})
	url, e := m.endpoint(p)
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() { isAnswered(t, url) })
	}
	wg.Wait()
	require.NoError(t, e.Settle(t.Context()))
	require.EqualValues(t, 24*price7, p.Status().Owed)
	require.EqualValues(t, 24*price7, m.charged("channel/4"))
}

// TestAProgramWaitsForWhatAnotherHasOpened lets the first program's answer take until the second was refused twice: the
// gateway has reserved for it what no voucher can cover before its purse knows how much that is.
func TestAProgramWaitsForWhatAnotherHasOpened(t *testing.T) {
	m, b := newShop(t, nil)
	taken, refused := make(chan struct{}), make(chan struct{}, 64)
	var first sync.Once
	m.sells(1, func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() {
			close(taken)
			<-refused
			<-refused
		})
		says("It is 42.")(w, r)
	})
	p, _ := m.newPurse(b, 4, 10_000_000_000, pay.Caps{})
	url, e := m.endpoint(p)
	there, err := neturl.Parse(m.url)
	require.NoError(t, err)
	between := httputil.NewSingleHostReverseProxy(there)
	between.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode == http.StatusPaymentRequired {
			refused <- struct{}{}
		}
		return nil
	}
	srv := httptest.NewServer(between)
	t.Cleanup(srv.Close)
	p.Redirect(srv.URL)
	var wg sync.WaitGroup
	wg.Go(func() { isAnswered(t, url) })
	<-taken
	wg.Go(func() { isAnswered(t, url) })
	wg.Wait()
	require.NoError(t, e.Settle(t.Context()))
	require.EqualValues(t, 2*price7, p.Status().Owed)
	require.EqualValues(t, 2*price7, m.charged("channel/4"))
}

// TestALyingGatewayGetsNoMoreThanTheCeilings answers as a gateway that claims to have charged much more: the purse signs
// nothing for it.
func TestALyingGatewayGetsNoMoreThanTheCeilings(t *testing.T) {
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	p, _ := m.newPurse(b, 4, 1_000_000_000, pay.Caps{})
	url, e := m.endpoint(p)
	resp, err := http.Post(url+"/chat/completions", "application/json", strings.NewReader(ask))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"channelId":"4","charged_rao":900000000,"charged_parts":[{"netuid":1,"amount":"900000000"}]}`)
	}))
	defer liar.Close()
	before := p.Status()
	p.Redirect(liar.URL)
	require.ErrorContains(t, e.Settle(t.Context()), "nothing is signed for that")
	after := p.Status()
	require.LessOrEqual(t, after.Signed, before.Owed+before.Unseen+1) // a first voucher is for one rao
}

// TestAConsumersKillLosesAtMostWhatWasOpen copies the purse's file at every step between signing, asking and noting the
// cost, and goes on from the copy with a new program: it pays no more than the ceilings of what was open, nothing is paid
// twice, and the gateway goes on serving it.
func TestAConsumersKillLosesAtMostWhatWasOpen(t *testing.T) {
	points := 60
	if os.Getenv("AGORA_NIGHTLY") != "" {
		points = 1_000
	}
	m, b := newShop(t, nil)
	m.sells(1, says("It is 42."))
	plain := strings.Replace(ask, `{"model"`, `{"stream":true,"max_tokens":4,"model"`, 1)
	p, path := m.newPurse(b, 4, 1_000_000_000_000, pay.Caps{})
	r := rand.New(rand.NewSource(1))
	served := uint64(0)
	for range points {
		ctx, kill := context.WithCancel(t.Context())
		url, e := m.endpoint(p)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/chat/completions", strings.NewReader(plain))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		copied := filepath.Join(t.TempDir(), "purse.json") // as a kill leaves the file now
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = io.ReadAll(io.LimitReader(resp.Body, int64(r.Intn(800))))
		require.NoError(t, err)
		killed := r.Intn(2) == 0
		if !killed {
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
		}
		kill()
		resp.Body.Close()
		served++
		if killed {
			require.NoError(t, os.WriteFile(copied, raw, 0o600))
			p, err = pay.Open(copied)
			require.NoError(t, err)
			path = copied
			continue
		}
		_ = e
	}
	_, e := m.endpoint(p)
	require.Eventually(t, func() bool {
		a, err := m.Till.Ledger.Account(t.Context(), "channel/4")
		return err == nil && a.Line.Open == 0
	}, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, e.Settle(t.Context()))
	charged := m.charged("channel/4")
	require.LessOrEqual(t, charged, served*price7)
	require.Equal(t, charged, p.Status().Owed)
	a, err := m.Till.Ledger.Account(t.Context(), "channel/4")
	require.NoError(t, err)
	require.Equal(t, charged, a.Claimable())
}
