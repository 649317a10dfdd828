package command

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"agora/wire/openai"
)

const (
	maxHeard = 60.0  // seconds of speech
	maxWords = 1000  // that a prompt may list
	heardAt  = 16000 // samples in a second that the recogniser's model knows
)

// voices is where the package pocketsphinx-en-us has its models.
func voices() string {
	if dir := os.Getenv("POCKETSPHINX_MODELS"); dir != "" {
		return dir
	}
	return "/usr/share/pocketsphinx/model/en-us"
}

func voicesThere() error {
	_, err := os.Stat(filepath.Join(voices(), "cmudict-en-us.dict"))
	return err
}

// dictionary is the recogniser's, read once: lines like "two T UW".
var dictionary = sync.OnceValues(func() ([]byte, error) { return os.ReadFile(filepath.Join(voices(), "cmudict-en-us.dict")) })

// Hear writes down English speech, a WAV file of at most 60 seconds, with pocketsphinx. Words, where there are any, are all that may be
// said. Errors: ErrMissing; an *openai.Error where the file is none.
func Hear(ctx context.Context, wav []byte, words []string) (string, error) {
	p, err := find("pocketsphinx")
	if err != nil {
		return "", err
	}
	sound, err := readWave(wav)
	if err != nil {
		return "", openai.Invalid("file", "%v", err)
	}
	if sound.seconds() > maxHeard {
		return "", openai.Invalid("file", "the sound lasts %.0f seconds, at most %.0f are heard", sound.seconds(), maxHeard)
	}
	files := map[string][]byte{"heard.wav": sound.at(heardAt).file()}
	args := []string{"-hmm", filepath.Join(voices(), "en-us"), "-infile", "heard.wav", "-logfn", os.DevNull}
	if len(words) > 0 {
		more, err := only(words)
		if err != nil {
			return "", err
		}
		files["words.dict"], files["words.gram"] = more, grammar(words)
		args = append(args, "-dict", "words.dict", "-jsgf", "words.gram")
	}
	out, _, err := run(ctx, files, "", p.file, args...)
	if err != nil {
		return "", fmt.Errorf("hear: %w", err)
	}
	return strings.Join(strings.Fields(string(out)), " "), nil
}

// grammar says that any of the words follow each other, one at least.
func grammar(words []string) []byte {
	return []byte("#JSGF V1.0;\ngrammar words;\npublic <said> = ( " + strings.Join(words, " | ") + " )+;\n")
}

// only is the part of the dictionary that says how these words are spoken; a second way is spelt "two(2) T UW".
func only(words []string) ([]byte, error) {
	all, err := dictionary()
	if err != nil {
		return nil, err
	}
	var out []byte
	known := map[string]bool{}
	for line := range bytes.Lines(all) {
		word, _, _ := strings.Cut(string(line), " ")
		word, _, _ = strings.Cut(word, "(")
		if slices.Contains(words, word) {
			out, known[word] = append(out, line...), true
		}
	}
	for _, w := range words {
		if !known[w] {
			return nil, openai.Invalid("prompt", "the recogniser does not know the word %.40q: a prompt lists the words that may be said", w)
		}
	}
	return out, nil
}

var word = regexp.MustCompile(`^[a-z']+$`)

// wordsOf reads a prompt: the words that may be said, in any order, once or more often.
func wordsOf(prompt string) ([]string, error) {
	words := strings.Fields(strings.ToLower(prompt))
	slices.Sort(words)
	words = slices.Compact(words)
	for _, w := range words {
		if !word.MatchString(w) || len(words) > maxWords {
			return nil, openai.Invalid("prompt", "a prompt lists at most %d words that may be said, of letters and apostrophes", maxWords)
		}
	}
	return words, nil
}

func (b *Backend) transcription(ctx context.Context, w http.ResponseWriter, kind string, body []byte) error {
	if _, err := b.who(openai.CanTranscribe); err != nil {
		return err
	}
	f, err := openai.ReadForm(kind, body)
	if err != nil {
		return err
	}
	format := f.Field("response_format")
	if format != "" && format != "json" && format != "text" {
		return openai.Invalid("response_format", "transcriptions come as json or text here, not %.20q", format).WithCode("unsupported_parameter")
	}
	words, err := wordsOf(f.Field("prompt"))
	if err != nil {
		return err
	}
	_, wav := f.File()
	text, err := Hear(ctx, wav, words)
	if err != nil {
		return err
	}
	if format == "text" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(text + "\n")) // nobody reads any more where it fails
		return nil
	}
	return reply(w, map[string]string{"text": text})
}
