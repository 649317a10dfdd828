package gateway

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3/packages/param"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"agora/engine"
	"agora/gateway/receipts"
	"agora/miner"
	"agora/wire"
	"agora/wire/receipt"
)

// signs adds proofs to a network and a miner that signs, of a seat that tests may change.
func (n *network) signs(e engine.Engine, seat miner.Seat) chan Checked {
	n.t.Helper()
	n.home = n.t.TempDir()
	store, err := receipts.Open(filepath.Join(n.home, "receipts.db"))
	require.NoError(n.t, err)
	voice := n.key.Public().(ed25519.PublicKey)
	checked := make(chan Checked, 100)
	n.Proofs = &Proofs{ChainID: "agora-test", Voice: voice, Store: store, Checked: func(c Checked) { checked <- c }}
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(n.t, err)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	seat.Model = e.Info()
	m, err := miner.New(miner.Config{
		Key: key, NetUID: 1, Handler: miner.NewServer(e, miner.Options{Log: quiet}), Directory: miner.Static{{HotKey: voice, Addr: n.hub.Addr()}},
		AllowPrivate: true, Log: quiet, Seat: func() (miner.Seat, bool) { return seat, true },
	})
	require.NoError(n.t, err)
	n.subnets[0].Miners = []Miner{{UID: 4, Registered: 9, HotKey: public, Model: "best", Engine: "test", Incentive: 1}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { n.Run(ctx); close(done) }()
	ended := make(chan error)
	go func() { ended <- m.Run(ctx) }()
	n.t.Cleanup(func() {
		cancel()
		<-done
		require.NoError(n.t, <-ended)
		require.NoError(n.t, store.Close())
	})
	require.Eventually(n.t, func() bool { return n.hub.Connected(1, public) }, 10*time.Second, time.Millisecond)
	require.NoError(n.t, n.Update(n.t.Context()))
	return checked
}

func next(t *testing.T, checked chan Checked) Checked {
	t.Helper()
	select {
	case c := <-checked:
		return c
	case <-time.After(20 * time.Second):
		t.Fatal("no receipt was checked")
		return Checked{}
	}
}

// seatOf is the one that the network's ranking names.
var seatOf = miner.Seat{ChainID: "agora-test", NetUID: 1, UID: 4, Registered: 9}

// A consumer who leaves when all has been said, and the receipt is still to come, ends the request: the miner has not failed to sign.
func TestWhoLeavesAtTheEndLeavesNoUnsignedAnswer(t *testing.T) {
	n := newNetwork(t)
	n.Proofs = &Proofs{ChainID: "agora-test", Voice: n.key.Public().(ed25519.PublicKey)}
	said := make(chan struct{})
	n.serve("best", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{"content":"42"},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
		assert.NoError(t, http.NewResponseController(w).Flush())
		close(said)
		<-r.Context().Done()
	}), slog.New(slog.DiscardHandler))
	require.NoError(t, n.Update(t.Context()))
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-said
		time.Sleep(endTime / 2) // until it was heard
		leave()
	}()
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model":"chat","messages":[{"role":"user","content":"What is 12 + 30?"}]}`))
	r.Header.Set("Authorization", "Bearer "+n.secret)
	n.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	require.Empty(t, n.unchecked)
}

func TestEveryAnswerHasAReceiptThatItsConsumerCanCheck(t *testing.T) {
	n := newNetwork(t)
	checked := n.signs(calculator{name: "best"}, seatOf)
	for name, body := range map[string]string{
		"whole":    `{"model":"chat","messages":[{"role":"user","content":"What is 12 + 30?"}]}`,
		"streamed": `{"model":"chat","messages":[{"role":"user","content":"What is 12 + 30?"}],"stream":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/v1/chat/completions", strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+n.secret)
			resp, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer resp.Body.Close()
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode, string(answer))
			require.NotContains(t, string(answer), "agora-tokens")
			c := next(t, checked)
			require.NoError(t, c.Err)
			require.Equal(t, "It is 42.", c.Answer.Choices[0].Content)
			id := resp.Header.Get("X-Agora-Receipt")
			require.Equal(t, hex.EncodeToString(c.Answer.Receipt.Nonce[:]), id)

			var record receipts.Record
			require.Eventually(t, func() bool {
				resp, err := http.Get(n.url + "/v1/receipts/" + id)
				require.NoError(t, err)
				defer resp.Body.Close()
				return resp.StatusCode == 200 && json.NewDecoder(resp.Body).Decode(&record) == nil
			}, 20*time.Second, 50*time.Millisecond)
			key, err := wire.ParsePeerID(record.HotKey)
			require.NoError(t, err)
			signed, err := receipt.Open(record.Signed, key)
			require.NoError(t, err)
			require.Equal(t, c.Answer.Receipt, signed)
			require.Equal(t, receipt.AnswerHash([]receipt.Choice{{Content: "It is 42.", Finish: "stop"}}), signed.Answer)
			_, err = Verify(record, []byte(body), answer)
			require.NoError(t, err)
			_, err = Verify(record, []byte(strings.Replace(body, "30", "31", 1)), answer)
			require.ErrorIs(t, err, receipt.ErrBinding)
			other := strings.NewReplacer("is 42.", "is 43.", `"42"`, `"43"`).Replace(string(answer)) // an id may have a 42 as well
			require.NotEqual(t, string(answer), other)
			_, err = Verify(record, nil, []byte(other))
			require.ErrorIs(t, err, receipt.ErrBinding)
			_, err = Verify(record, nil, answer[:len(answer)/2])
			require.Error(t, err)
		})
	}
}

// A consumer who has a whole answer finds its receipt after the gateway was killed at that moment: who checks receipts is held up
// here, more answers come than may wait for him, and a copy of what is on the disk is opened.
func TestAReceiptThatWasNamedOutlivesTheGateway(t *testing.T) {
	n := newNetwork(t)
	n.unchecked = make(chan *unchecked, 2)
	n.signs(calculator{name: "best"}, seatOf)
	held := make(chan struct{})
	n.Proofs.Checked = func(Checked) { <-held }
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	path := filepath.Join(n.home, "receipts.db")
	asked := map[string]string{}
	for i := range 8 {
		stream := []string{"", `,"stream":true`}[i%2]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/v1/chat/completions", strings.NewReader(`{"model":"chat","messages":[{"role":"user","content":"What is 12 + 30?"}]`+stream+`}`))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+n.secret)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode, string(answer))
		asked[resp.Header.Get("X-Agora-Receipt")] = stream
	}
	require.Len(t, asked, 8)

	again := filepath.Join(t.TempDir(), "receipts.db")
	pages, err := filepath.Glob(path + ".notes-*")
	require.NoError(t, err)
	for _, name := range pages {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(again+strings.TrimPrefix(name, path), raw, 0o600))
	}
	store, err := receipts.Open(again)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	proofs := *n.Proofs
	proofs.Store = store
	k := keeper{Gateway: &Gateway{Config: Config{Log: n.Log, Proofs: &proofs}}}
	k.recall()
	for id, stream := range asked {
		record, err := store.Find(id)
		require.NoError(t, err, "stream %q", stream)
		_, err = Verify(record, nil, nil)
		require.NoError(t, err)
	}

	release() // and none is lost where the gateway goes on
	require.Eventually(t, func() bool {
		for id := range asked {
			if _, err := n.Proofs.Store.Find(id); err != nil {
				return false
			}
		}
		return true
	}, 20*time.Second, 50*time.Millisecond)
}

// What was noted counts only if its miner signed it, for this voice on this chain and for this nonce.
func TestANoteOfSomethingElseIsNotRecalled(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	p := &Proofs{ChainID: "agora-test", Voice: public}
	r := receipt.Receipt{ChainID: "agora-test", Netuid: 1, UID: 4, Registered: 9, Voice: [32]byte(public), Nonce: [16]byte{1}}
	signed, err := receipt.Sign(&r, key)
	require.NoError(t, err)
	good := receipts.Note{Nonce: r.Nonce, HotKey: [32]byte(public), NetUID: 1, UID: 4, Registered: 9, Signed: signed}
	require.NoError(t, p.recall(&good))
	for name, change := range map[string]func(*receipts.Note, *Proofs){
		"nonce":        func(n *receipts.Note, _ *Proofs) { n.Nonce[1]++ },
		"hot key":      func(n *receipts.Note, _ *Proofs) { n.HotKey[1]++ },
		"subnet":       func(n *receipts.Note, _ *Proofs) { n.NetUID++ },
		"seat":         func(n *receipts.Note, _ *Proofs) { n.UID++ },
		"registration": func(n *receipts.Note, _ *Proofs) { n.Registered++ },
		"text":         func(n *receipts.Note, _ *Proofs) { n.Signed = n.Signed[1:] },
		"chain":        func(_ *receipts.Note, p *Proofs) { p.ChainID = "agora" },
		"voice":        func(_ *receipts.Note, p *Proofs) { p.Voice = make([]byte, 32) },
		"noted voice":  func(n *receipts.Note, _ *Proofs) { n.Voice[0] = r.Voice[0] + 1 },
	} {
		n, other := good, *p
		change(&n, &other)
		require.Error(t, other.recall(&n), name)
	}
}

// A gateway that was killed and comes back with another hot key keeps the receipts of answers under the old one.
func TestANoteOutlivesTheVoicesKey(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	next, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	r := receipt.Receipt{ChainID: "agora-test", Netuid: 1, UID: 4, Registered: 9, Voice: [32]byte(public), Nonce: [16]byte{1}}
	signed, err := receipt.Sign(&r, key)
	require.NoError(t, err)
	note := receipts.Note{Nonce: r.Nonce, HotKey: [32]byte(public), Voice: [32]byte(public), NetUID: 1, UID: 4, Registered: 9, Signed: signed}
	path := filepath.Join(t.TempDir(), "receipts.db")
	s, err := receipts.Open(path)
	require.NoError(t, err)
	_, err = s.Note(&note)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	again, err := receipts.Open(path)
	require.NoError(t, err)
	defer again.Close()
	left := again.Left(1)
	require.Len(t, left, 1)
	require.NoError(t, (&Proofs{ChainID: "agora-test", Voice: next}).recall(&left[0].Note))
}

// A miner that keeps its stream open after the answer's end does not keep the answer from its consumer for long.
func TestALateReceiptHoldsNoAnswerUp(t *testing.T) {
	n := newNetwork(t)
	n.Proofs = &Proofs{ChainID: "agora-test", Voice: n.key.Public().(ed25519.PublicKey)}
	end := make(chan struct{})
	n.serve("slow", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}), n.Log)
	t.Cleanup(func() { close(end) })
	require.NoError(t, n.Update(t.Context()))
	for stream, last := range map[string]string{"": "hello", `,"stream":true`: "[DONE]"} {
		began := time.Now()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/v1/chat/completions", strings.NewReader(`{"model":"chat","messages":[{"role":"user","content":"Hi"}]`+stream+`}`))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+n.secret)
		r.Close = true // the connection is free only when the receipt is waited for no more
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		in, seen := bufio.NewReader(resp.Body), ""
		for err == nil && !strings.Contains(seen, last) {
			var line string
			line, err = in.ReadString('\n')
			seen += line
		}
		require.Contains(t, seen, last)
		require.Less(t, time.Since(began), trailerTime, "stream %q: %s", stream, seen)
		require.NoError(t, resp.Body.Close())
	}
}

func TestAReceiptOfAnotherSeatDoesNotCount(t *testing.T) {
	n := newNetwork(t)
	seat := seatOf
	seat.Registered = 8 // of whoever had the seat before
	checked := n.signs(calculator{name: "best"}, seat)
	client := n.client()
	_, err := client.Chat.Completions.New(t.Context(), chatOf("What is 1 + 1?"))
	require.NoError(t, err)
	require.ErrorIs(t, next(t, checked).Err, receipt.ErrBinding)
	resp, err := http.Get(n.url + "/v1/receipts/" + strings.Repeat("0", 32))
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 404, resp.StatusCode)
}

func TestAMinerThatSignsNothingIsNoticed(t *testing.T) {
	n := newNetwork(t)
	checked := n.signs(calculator{name: "best"}, seatOf)
	n.join(calculator{name: "silent"}, n.Log)
	m := n.subnets[0].Miners
	m[0], m[1] = m[1], m[0]
	m[0].Incentive = 2
	require.NoError(t, n.Update(t.Context()))
	p := chatOf("What is 1 + 1?")
	p.Temperature = param.NewOpt(0.0)
	client := n.client()
	_, err := client.Chat.Completions.New(t.Context(), p)
	require.NoError(t, err)
	require.ErrorIs(t, next(t, checked).Err, receipt.ErrMalformed)
}
