package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3/packages/param"
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
	store, err := receipts.Open(filepath.Join(n.t.TempDir(), "receipts.db"))
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
