package gateway

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/stretchr/testify/require"

	backend "agora/engine/openai"
	"agora/miner"
	wire "agora/wire/openai"
)

// sensible is a model server that embeds, ranks, draws, speaks and listens, all of it told apart by what it was asked.
func sensible() *httptest.Server {
	mux := http.NewServeMux()
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text)
		}
	}
	mux.HandleFunc("GET /v1/models", answer(`{"data":[{"id":"all"}]}`))
	mux.HandleFunc("POST /v1/embeddings", answer(`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.5]}],"model":"all","usage":{"prompt_tokens":3,"total_tokens":3}}`))
	mux.HandleFunc("POST /v1/rerank", answer(`{"results":[{"index":0,"relevance_score":0.9},{"index":1,"relevance_score":0.1}]}`))
	mux.HandleFunc("POST /v1/images/generations", answer(`{"created":1,"data":[{"b64_json":"AA=="}]}`))
	mux.HandleFunc("POST /v1/audio/speech", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = io.WriteString(w, "RIFF\x00\xff")
	})
	mux.HandleFunc("POST /v1/audio/transcriptions", func(w http.ResponseWriter, r *http.Request) {
		file, _, err := r.FormFile("file")
		if err != nil || r.FormValue("model") != "all" {
			http.Error(w, "no file, or another's model", http.StatusBadRequest)
			return
		}
		heard, _ := io.ReadAll(file)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"text": string(heard)})
	})
	return httptest.NewServer(mux)
}

func TestDoorsOfSensesTellWhoIsThere(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "talker", says("42"))
	for path, body := range map[string]string{
		"/v1/embeddings":         `{"model":"chat","input":"x"}`,
		"/v1/rerank":             `{"model":"chat","query":"x","documents":[]}`,
		"/v1/images/generations": `{"model":"chat","prompt":"x"}`,
		"/v1/audio/speech":       `{"model":"chat","input":"x"}`,
	} {
		resp, text := m.post(path, body)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, text)
		require.Contains(t, text, "nobody here does")
		require.Contains(t, text, `"code":"not_served"`)
	}
	require.Zero(t, m.asked(0), "who says nothing of it on its card is not asked")
	resp, text := m.post("/v1/embeddings", `{"model":"chat"}`)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, text, `missing required parameter: \"input\"`)
}

// What a server does beside text is found out by trying, said on the card, and asked through its own door.
func TestAnswersInOnePieceComeAsTheyAre(t *testing.T) {
	server := sensible()
	defer server.Close()
	b, err := backend.New(server.URL, backend.Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer b.Close()
	info, _, err := b.Probe(t.Context())
	require.NoError(t, err)
	const senses = wire.CanEmbed | wire.CanRerank | wire.CanDraw | wire.CanSpeak | wire.CanTranscribe
	require.Equal(t, senses, info.Can&senses)

	m := newMarket(t, nil)
	m.add(0, 9, "talker", says("42"))
	m.add(0, 1, "senses", miner.NewProxy(b, miner.Options{}).ServeHTTP)
	m.declare(0, wire.CanChat, 0)
	m.declare(1, senses, 0)
	client := m.client()
	vectors, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: "chat", Input: openai.EmbeddingNewParamsInputUnion{OfString: param.NewOpt("x")}})
	require.NoError(t, err)
	require.Equal(t, []float64{0.5, -0.5}, vectors.Data[0].Embedding)
	spoken, err := client.Audio.Speech.New(t.Context(), openai.AudioSpeechNewParams{Model: "senses", Input: "x", Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: param.NewOpt("alloy")}})
	require.NoError(t, err)
	require.Equal(t, "audio/wav", spoken.Header.Get("Content-Type"))
	sound, err := io.ReadAll(spoken.Body)
	require.NoError(t, err)
	require.Equal(t, "RIFF\x00\xff", string(sound))
	heard, err := client.Audio.Transcriptions.New(t.Context(), openai.AudioTranscriptionNewParams{Model: "chat", File: strings.NewReader("said")})
	require.NoError(t, err)
	require.Equal(t, "said", heard.Text)
	_, text := m.post("/v1/rerank", `{"model":"chat","provider":{"sort":"price"},"query":"x","documents":["a","b"]}`)
	require.Contains(t, text, `"relevance_score":0.9`)
	drawn, err := client.Images.Generate(t.Context(), openai.ImageGenerateParams{Model: "chat", Prompt: "x"})
	require.NoError(t, err)
	require.Equal(t, "AA==", drawn.Data[0].B64JSON)
	require.Zero(t, m.asked(0))

	resp, text := m.post("/v1/embeddings", `{"model":"talker","input":"x"}`)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.Contains(t, text, "there is: chat, senses")
}

// A stream of what comes in one piece is refused, and nobody is blamed for it; a price that is allowed at most holds here too.
func TestPiecesAreNotStreamed(t *testing.T) {
	m, _ := newShop(t, nil)
	m.sells(9, refuses(http.StatusInternalServerError, ""))
	m.declare(0, wire.CanEmbed|wire.CanDraw|wire.CanSpeak|wire.CanRerank, 0)
	for path, body := range map[string]string{
		"/v1/embeddings":         `{"model":"chat","stream":true,"input":"x"}`,
		"/v1/images/generations": `{"model":"chat","stream":true,"prompt":"x"}`,
		"/v1/rerank":             `{"model":"chat","stream":true,"query":"x"}`,
		"/v1/audio/speech":       `{"model":"chat","stream_format":"sse","input":"x"}`,
	} {
		resp, text := m.post(path, body)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, path)
		require.Contains(t, text, `"param":"stream`)
		require.Contains(t, text, `"code":"unsupported_parameter"`)
	}
	resp, text := m.post("/v1/embeddings", `{"model":"chat","stream":false,"input":"x","provider":{"max_price":{"prompt":0}}}`)
	require.Equal(t, http.StatusPaymentRequired, resp.StatusCode, text)
	require.Contains(t, text, "price_too_high")
	require.Zero(t, m.asked(0))
}

// An answer that a browser would run does not pass.
func TestPieceOfAnotherKindIsAFailure(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<script>")
	})
	m.declare(0, wire.CanSpeak, 0)
	resp, _ := m.post("/v1/audio/speech", `{"model":"chat","input":"x"}`)
	require.Equal(t, http.StatusBadGateway, resp.StatusCode)
}
