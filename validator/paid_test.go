package validator

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"agora/gateway"
	"agora/mechanism/price"
)

// purser pays with a word in the header, and counts.
type purser struct {
	Payer
	owed bool
	used price.Tokens
}

func (p *purser) Pays(h http.Header, _ uint32, _ Miner, most price.Tokens) {
	if most.In > 0 && most.Out > 0 {
		h.Set("Paid", "yes")
	}
}
func (p *purser) Asked(_ uint32, _ Miner, used price.Tokens) { p.used = p.used.Plus(used) }
func (p *purser) Owed(uint32, Miner, price.Tokens) bool      { return p.owed }

// answering is a miner that answers with a status and a text.
type answering struct {
	status int
	text   string
	asked  *http.Request
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = r
	w := httptest.NewRecorder()
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.text)
	return w.Result(), nil
}

// TestWhatIsAskedIsPaidAndCounted reads answers of every kind to their end, and refusals of who has to answer and who has not.
func TestWhatIsAskedIsPaidAndCounted(t *testing.T) {
	const usage = `"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}`
	for name, c := range map[string]struct {
		status int
		text   string
		want   price.Tokens
		owed   bool
		fails  bool
	}{
		"whole":             {200, `{"choices":[],` + usage + `}`, price.Tokens{In: 7, Out: 3}, false, false},
		"stream":            {200, "data: {\"usage\":null}\n\ndata: {" + usage + "}\n\ndata: [DONE]\n\n", price.Tokens{In: 7, Out: 3}, false, false},
		"long":              {200, "data: {" + strings.Repeat("x", 3*maxTail) + "}\n\ndata: {" + usage + "}\n\n", price.Tokens{In: 7, Out: 3}, false, false},
		"no usage":          {200, "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", price.Tokens{Out: 2}, false, false},
		"a failure":         {500, `{` + usage + `}`, price.Tokens{}, false, false},
		"wants money":       {402, `{}`, price.Tokens{}, false, true},
		"owes and does not": {402, `{}`, price.Tokens{}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p, miner := &purser{owed: c.owed}, &answering{status: c.status, text: c.text}
			way := paid{miner, p, 1, Miner{}}
			resp, err := way.RoundTrip(gateway.Request(t.Context(), "/v1/chat/completions", []byte(`{"max_tokens":5}`), [16]byte{}))
			if c.fails != errors.Is(err, errUnpaid) {
				t.Fatal(err)
			}
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				resp.Body.Close() // twice is counted once
			}
			if p.used != c.want || miner.asked.Header.Get("Paid") != "yes" {
				t.Errorf("%+v were counted, want %+v; the header says %q", p.used, c.want, miner.asked.Header.Get("Paid"))
			}
		})
	}
}
