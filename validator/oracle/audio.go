package oracle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime/multipart"
)

// Form is the request for a transcription that a chat completion with speech in it amounts to: its body and content type; false where the
// request holds no speech. A text beside the speech is the form's prompt.
func Form(request []byte) (body []byte, contentType string, is bool) {
	sound, hint, is := Speech(request)
	if !is {
		return nil, "", false
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, _ := w.CreateFormFile("file", "speech.wav") // into memory, as all of it
	_, _ = part.Write(sound)
	for name, value := range map[string]string{"model": "task", "temperature": "0", "prompt": hint} {
		if value != "" {
			_ = w.WriteField(name, value)
		}
	}
	_ = w.Close()
	return form.Bytes(), w.FormDataContentType(), true
}

// Speech is the sound and the text in the last message of a chat completion; false where it holds no sound.
func Speech(request []byte) (sound []byte, hint string, is bool) {
	var r struct {
		Messages []struct {
			Content []struct {
				Text  string `json:"text"`
				Audio struct {
					Data   string `json:"data"`
					Format string `json:"format"`
				} `json:"input_audio"`
			} `json:"content"`
		} `json:"messages"`
	}
	if json.Unmarshal(request, &r) != nil || len(r.Messages) == 0 {
		return nil, "", false
	}
	for _, part := range r.Messages[len(r.Messages)-1].Content {
		if part.Text != "" {
			hint = part.Text
		}
		if raw, err := base64.StdEncoding.DecodeString(part.Audio.Data); err == nil && len(raw) > 0 {
			sound = raw
		}
	}
	return sound, hint, sound != nil
}
