package openai

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"

	"agora/wire/openai"
)

// senses tries what a backend does beside text, once each: one short text, two to rank, a word to speak, a quarter of a
// second of silence to write down, a small image.
func (b *Backend) senses(ctx context.Context) (all openai.Ability) {
	for what, does := range map[openai.Ability]bool{
		openai.CanEmbed:      b.lists(ctx, "/embeddings", "data", 1, map[string]any{"input": "Hello"}),
		openai.CanRerank:     b.lists(ctx, "/rerank", "results", 2, map[string]any{"query": "cat", "documents": []string{"cat", "dog"}}),
		openai.CanDraw:       b.lists(ctx, "/images/generations", "data", 1, map[string]any{"prompt": "a dot", "n": 1, "size": "256x256"}),
		openai.CanSpeak:      b.speaks(ctx),
		openai.CanTranscribe: b.transcribes(ctx),
	} {
		if does {
			all |= what
		}
	}
	return all
}

// lists says whether the backend answers a question with so many entries under a name.
func (b *Backend) lists(ctx context.Context, path, name string, n int, question map[string]any) bool {
	question["model"] = b.opt.Model
	var answer map[string]json.RawMessage
	var entries []map[string]json.RawMessage
	return b.ask(ctx, http.MethodPost, path, question, &answer) == nil && json.Unmarshal(answer[name], &entries) == nil && len(entries) == n
}

func (b *Backend) speaks(ctx context.Context) bool {
	resp, err := b.call(ctx, http.MethodPost, "/audio/speech", map[string]any{"model": b.opt.Model, "input": "one", "voice": "alloy", "response_format": "wav"})
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "audio/")
}

func (b *Backend) transcribes(ctx context.Context) bool {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "silence.wav")
	if err != nil { // into memory
		panic(err)
	}
	_, _ = part.Write(silence())
	_ = w.WriteField("model", b.opt.Model)
	_ = w.Close()
	r, err := b.request(ctx, http.MethodPost, "/audio/transcriptions", form.Bytes())
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	resp, err := b.client.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := openai.ReadBody(resp.Body, maxProbe)
	var said struct {
		Text *string `json:"text"`
	}
	return err == nil && resp.StatusCode == http.StatusOK && json.Unmarshal(body, &said) == nil && said.Text != nil
}

// silence is a quarter of a second of it: RIFF WAVE, one channel of 16 bits at 16 kHz.
func silence() []byte {
	const rate, samples = 16000, 4000
	data := []byte("RIFF")
	data = binary.LittleEndian.AppendUint32(data, 36+2*samples)
	data = append(data, "WAVEfmt "...)
	for _, n := range []uint32{16, 1 | 1<<16, rate, 2 * rate, 2 | 16<<16} {
		data = binary.LittleEndian.AppendUint32(data, n)
	}
	data = append(data, "data"...)
	data = binary.LittleEndian.AppendUint32(data, 2*samples)
	return append(data, make([]byte, 2*samples)...)
}
