package command

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // pictures come as JPEG or PNG
	_ "image/png"
	"net/http"
	"strings"
	"time"

	"agora/wire/openai"
)

// maxPixels bounds a picture: an A4 page at 300 dots per inch has 8.7 million.
const maxPixels = 10_000_000

// reader is the arguments with which a program prints the text of page.pgm.
type reader []string

var (
	tesseract = reader{"page.pgm", "stdout", "--psm", "6", "-l", "eng"}
	ocrad     = reader{"--format=utf8", "page.pgm"}
)

// picture is the one in the last message of a chat. Nothing is fetched: it must be in the request.
func picture(body []byte) ([]byte, error) {
	var r struct {
		Messages []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	var parts []openai.Part
	if json.Unmarshal(body, &r) != nil || len(r.Messages) == 0 || json.Unmarshal(r.Messages[len(r.Messages)-1].Content, &parts) != nil {
		return nil, openai.Invalid("messages", "send one picture to read: a last message with a part of the type image_url")
	}
	var found []string
	for _, part := range parts {
		if part.Image != nil {
			found = append(found, part.Image.URL)
		}
	}
	if len(found) != 1 {
		return nil, openai.Invalid("messages", "the last message has %d pictures: send one", len(found))
	}
	head, data, _ := strings.Cut(found[0], ",")
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil || !strings.HasPrefix(head, "data:image/") || !strings.HasSuffix(head, ";base64") {
		return nil, openai.Invalid("messages", "a picture comes in the request, as data:image/png;base64,…: nothing is fetched")
	}
	return raw, nil
}

// grey draws a picture again as a PGM file, the simplest there is: what a program reads is ours, whatever was sent.
func grey(raw []byte) ([]byte, error) {
	c, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return nil, openai.Invalid("messages", "the picture must be a PNG or JPEG of at most %d pixels", maxPixels)
	}
	img, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, openai.Invalid("messages", "the picture is broken: %v", err)
	}
	size := img.Bounds()
	out := fmt.Appendf(nil, "P5\n%d %d\n255\n", size.Dx(), size.Dy())
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			out = append(out, color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y)
		}
	}
	return out, nil
}

// readable are the abilities that a reader's request may ask for: its words do not matter, only its picture.
const readable = openai.CanChat | openai.CanImages | openai.CanSystem | openai.CanTurns

func (b *Backend) reading(ctx context.Context, w http.ResponseWriter, body []byte) error {
	p, err := b.who(openai.CanImages)
	if err != nil {
		return err
	}
	if e := openai.ReadAsk(body).Refusal(readable); e != nil {
		return e
	}
	raw, err := picture(body)
	if err != nil {
		return err
	}
	page, err := grey(raw)
	if err != nil {
		return err
	}
	out, _, err := run(ctx, map[string][]byte{"page.pgm": page}, "", p.file, p.read...)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return tell(w, body, p.name, strings.ToValidUTF8(strings.TrimSpace(string(out)), "\ufffd"))
}

// tell answers a chat with a text, whole or as a stream, as the request wants it.
func tell(w http.ResponseWriter, request []byte, model, text string) error {
	var wish struct {
		Stream  bool                  `json:"stream"`
		Options *openai.StreamOptions `json:"stream_options"`
	}
	if err := openai.Decode(request, &wish); err != nil {
		return err
	}
	id, now, stop := "chatcmpl-"+rand.Text(), time.Now().Unix(), "stop"
	usage := &openai.Usage{CompletionTokens: len(strings.Fields(text))} // a reader has no tokens but words
	usage.TotalTokens = usage.CompletionTokens
	if !wish.Stream {
		return reply(w, openai.ChatResponse{ID: id, Object: "chat.completion", Created: now, Model: model, Usage: usage, Choices: []openai.ChatChoice{
			{Message: openai.Message{Role: "assistant", Content: openai.Content(text)}, FinishReason: stop},
		}})
	}
	chunk := openai.ChatChunk{ID: id, Object: "chat.completion.chunk", Created: now, Model: model}
	events := openai.NewEventWriter(w)
	for _, c := range []openai.ChatChunkChoice{{Delta: openai.Delta{Role: "assistant", Content: text}}, {FinishReason: &stop}} {
		chunk.Choices = []openai.ChatChunkChoice{c}
		_ = events.Add(&chunk) // nobody reads any more where it fails
	}
	if wish.Options.WantsUsage() {
		chunk.Choices, chunk.Usage = []openai.ChatChunkChoice{}, usage
		_ = events.Add(&chunk)
	}
	_ = events.Done()
	return nil
}

func reply(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // nobody reads any more where it fails
	return nil
}
