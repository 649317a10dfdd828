package gateway

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"agora/wire/receipt"
)

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestRequestsAreSpansOfTheirConsumersTrace(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	var access safeBuffer
	m := newMarket(t, func(c *Config) {
		c.Spans = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")
		c.Access = jsonLog(&access)
	})
	asked := make(chan http.Header, 1)
	m.add(0, 9, "best", func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header
		sends(speaks("a secret"), false)(w, r)
	})
	resp, text := m.post("/v1/chat/completions", ask, with("Traceparent", traceparent))
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
	require.Equal(t, traceparent, resp.Header.Get("Traceparent"))
	got := <-asked
	require.Empty(t, got.Get("Traceparent"), "a miner must not know which requests belong together")
	require.Eventually(t, func() bool { return len(recorder.Ended()) == 1 }, time.Minute, time.Millisecond)
	span := recorder.Ended()[0]
	require.Equal(t, "chat chat", span.Name())
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", span.SpanContext().TraceID().String())
	require.Equal(t, "00f067aa0ba902b7", span.Parent().SpanID().String())
	require.Len(t, span.Links(), 1)
	at := span.Links()[0].SpanContext
	nonce, err := hex.DecodeString(got.Get(receipt.NonceHeader))
	require.NoError(t, err)
	require.Equal(t, receipt.TraceParent([16]byte(nonce)), "00-"+at.TraceID().String()+"-"+at.SpanID().String()+"-"+at.TraceFlags().String())
	require.Contains(t, access.String(), `"receipt":"`+at.TraceID().String())
	told := map[string]string{}
	for _, a := range span.Attributes() {
		told[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, "best", told[attrAnswered])
	require.Equal(t, "5", told[attrIn])
	require.Equal(t, "200", told[attrStatus])
	require.Contains(t, told[attrFinish], "stop")
	require.Contains(t, access.String(), "4bf92f3577b34da6a3ce929d0e0e4736")

	resp, _ = m.post("/v1/chat/completions", ask, with("Traceparent", "nonsense"))
	<-asked
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Empty(t, resp.Header.Get("Traceparent"))
}

func TestSpansGoToACollector(t *testing.T) {
	got := make(chan string, 8)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	tracer, end, err := Tracer(t.Context(), collector.URL+"/v1/traces")
	require.NoError(t, err)
	_, span := tracer.Start(t.Context(), "chat chat")
	span.End()
	require.NoError(t, end(t.Context()))
	text := <-got
	require.Contains(t, text, "/v1/traces ")
	require.Contains(t, text, "agora-gateway")
}

// The board asks for metrics that there are.
func TestTheBoardAsksForWhatIsMeasured(t *testing.T) {
	text, err := os.ReadFile("../docs/grafana.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	require.Greater(t, len(board.Panels), 10)
	m := newMarket(t, nil)
	page, err := os.ReadFile("../docs/validator.md")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, file := range []string{"metrics.go", "hedge.go"} {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`"((?:gen_ai|agora_gateway)_[a-z_]+)"`).FindAllStringSubmatch(string(code), -1) {
			known[name[1]] = true
		}
	}
	families, err := m.metrics.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		require.True(t, known[f.GetName()] || !strings.HasPrefix(f.GetName(), "agora_gateway_"), f.GetName())
	}
	labels := map[string]bool{"gen_ai_operation_name": true, "gen_ai_token_type": true}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			for _, name := range regexp.MustCompile(`(?:gen_ai|agora_gateway)_[a-z_]+`).FindAllString(target.Expr, -1) {
				base := name
				for _, suffix := range []string{"_bucket", "_sum", "_count"} {
					base = strings.TrimSuffix(base, suffix)
				}
				require.True(t, labels[name] || known[base], "%s asks for %s", p.Title, name)
			}
		}
	}
	for name := range known {
		short := "_" + strings.TrimPrefix(name, "agora_gateway_")
		require.True(t, labels[name] || strings.Contains(string(page), name) || strings.Contains(string(page), short), "docs/validator.md does not name %s", name)
	}
}

func TestACollectorsAddressIsOne(t *testing.T) {
	for _, bad := range []string{"", "localhost:4318", "http://", "ftp://host/v1/traces", "host", "http://a b/"} {
		_, _, err := Tracer(t.Context(), bad)
		require.ErrorContains(t, err, "write http://host:4318/v1/traces", bad)
	}
	for _, good := range []string{"http://127.0.0.1:4318/v1/traces", "https://collector/v1/traces", "http://[::1]:4318"} {
		_, end, err := Tracer(t.Context(), good)
		require.NoError(t, err, good)
		require.NoError(t, end(t.Context()))
	}
}
