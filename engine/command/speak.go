package command

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"agora/wire/openai"
)

// maxSaid is how many bytes a text to speak may have, as OpenAI has it in characters.
const maxSaid = 4096

// said is the file that a speaker writes, text.txt the one that it reads: a text is never an argument.
const said = "said.wav"

// speaker makes the arguments with which a program speaks text.txt into said.wav. Speed is in times the usual, 0.25 to 4.
type speaker struct {
	voices []string // the first is what OpenAI's names of voices mean here
	args   func(voice string, speed float64) []string
}

var (
	flite = speaker{[]string{"slt", "rms", "awb", "kal16", "kal"}, func(voice string, speed float64) []string {
		return []string{"-voice", voice, "--setf", "duration_stretch=" + strconv.FormatFloat(1/speed, 'f', 3, 64), "-f", "text.txt", "-o", said}
	}}
	espeak = speaker{[]string{"en", "en-gb", "en-us", "de", "es", "fr", "it"}, func(voice string, speed float64) []string {
		return []string{"-v", voice, "-s", strconv.Itoa(int(175 * speed)), "-b", "1", "-w", said, "-f", "text.txt"}
	}}
)

// usual are OpenAI's names of voices.
var usual = []string{"", "alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse", "marin", "cedar"}

// speechRequest is the body of POST /v1/audio/speech.
type speechRequest struct {
	Model  string   `json:"model"`
	Input  string   `json:"input"`
	Voice  string   `json:"voice"`
	Format string   `json:"response_format"`
	Speed  *float64 `json:"speed"`
	Stream string   `json:"stream_format"`
}

// check returns the program's voice and speed for a request, or what is wrong with it.
func (s speaker) check(r *speechRequest) (voice string, speed float64, _ error) {
	voice, speed = r.Voice, 1
	if slices.Contains(usual, voice) {
		voice = s.voices[0]
	}
	if r.Speed != nil {
		speed = *r.Speed
	}
	switch {
	case r.Input == "" || len(r.Input) > maxSaid || !utf8.ValidString(r.Input):
		return "", 0, openai.Invalid("input", "input must be a text of 1 to %d bytes", maxSaid)
	case !slices.Contains(s.voices, voice):
		return "", 0, openai.Invalid("voice", "there is no voice %.40q: name one of OpenAI's, or %v", r.Voice, s.voices)
	case r.Format != "" && r.Format != "wav":
		return "", 0, openai.Invalid("response_format", "sound comes as wav here, not %.20q", r.Format).WithCode("unsupported_parameter")
	case r.Stream != "" && r.Stream != "audio":
		return "", 0, openai.Invalid("stream_format", "sound comes in one piece here").WithCode("unsupported_parameter")
	case !(speed >= 0.25 && speed <= 4):
		return "", 0, openai.Invalid("speed", "speed must be from 0.25 to 4")
	}
	return voice, speed, nil
}

func (b *Backend) speech(ctx context.Context, w http.ResponseWriter, body []byte) error {
	p, err := b.who(openai.CanSpeak)
	if err != nil {
		return err
	}
	var r speechRequest
	if err := openai.Decode(body, &r); err != nil {
		return err
	}
	voice, speed, err := p.speak.check(&r)
	if err != nil {
		return err
	}
	_, wav, err := run(ctx, map[string][]byte{"text.txt": []byte(r.Input)}, said, p.file, p.speak.args(voice, speed)...)
	if err == nil {
		_, err = readWave(wav)
	}
	if err != nil {
		return fmt.Errorf("speak: %w", err)
	}
	w.Header().Set("Content-Type", "audio/wav")
	_, _ = w.Write(sized(wav)) // nobody reads any more where it fails
	return nil
}

// sized writes the true lengths into the head of a WAV file: programs that write as they speak leave them open.
func sized(wav []byte) []byte {
	binary.LittleEndian.PutUint32(wav[4:], uint32(len(wav)-8))
	binary.LittleEndian.PutUint32(wav[40:], uint32(len(wav)-waveHead))
	return wav
}
