package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/task/kit/guest"
)

// models is where the package pocketsphinx-en-us has its models.
func models() string {
	if dir := os.Getenv("POCKETSPHINX_MODELS"); dir != "" {
		return dir
	}
	return "/usr/share/pocketsphinx/model/en-us"
}

// output runs a program in a folder with these words.
func output(t *testing.T, dir, program string, args ...string) []byte {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v", program, err)
	}
	return out
}

// folder makes one with these files, which is removed at once by drop: a test hears thousands of them.
func folder(t *testing.T, files map[string][]byte) (dir string, drop func()) {
	dir, err := os.MkdirTemp("", "speech")
	for name, data := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	if err != nil {
		t.Error(err)
	}
	return dir, func() { _ = os.RemoveAll(dir) } // else it stays among the system's temporary files
}

// speaker is a program of this machine that speaks the word TEXT among its arguments into said.wav.
func speaker(t *testing.T, program string, args ...string) guest.Engine {
	return func(_ string, request []byte) []byte {
		var r struct{ Input string }
		if err := json.Unmarshal(request, &r); err != nil {
			t.Error(err)
		}
		dir, drop := folder(t, nil)
		defer drop()
		said := slices.Clone(args)
		said[slices.Index(said, "TEXT")] = r.Input
		output(t, dir, program, said...)
		wav, err := os.ReadFile(filepath.Join(dir, "said.wav"))
		if err != nil {
			t.Error(err)
		}
		return wav
	}
}

// recogniser is pocketsphinx with a grammar of the hinted words, and a dictionary of the task's alone: it is loaded for every answer.
func recogniser(t *testing.T) func(guest.Model, []byte) string {
	all, err := os.ReadFile(filepath.Join(models(), "cmudict-en-us.dict"))
	if err != nil {
		t.Fatal(err)
	}
	dictionary := spoken(all, vocabulary)
	return func(_ guest.Model, request []byte) string {
		var r struct {
			Messages []struct {
				Content []struct {
					Text  string
					Audio struct{ Data string } `json:"input_audio"`
				}
			}
		}
		if err := json.Unmarshal(request, &r); err != nil {
			t.Error(err)
			return ""
		}
		wav, err := base64.StdEncoding.DecodeString(r.Messages[0].Content[1].Audio.Data)
		if err != nil {
			t.Error(err)
			return ""
		}
		words := strings.Fields(r.Messages[0].Content[0].Text)
		grammar := "#JSGF V1.0;\ngrammar words;\npublic <said> = ( " + strings.Join(words, " | ") + " )+;\n"
		dir, drop := folder(t, map[string][]byte{"words.gram": []byte(grammar), "words.dict": dictionary, "heard.wav": at16k(wav)})
		defer drop()
		return strings.TrimSpace(string(output(t, dir, "pocketsphinx_continuous", "-hmm", filepath.Join(models(), "en-us"),
			"-dict", "words.dict", "-jsgf", "words.gram", "-infile", "heard.wav", "-logfn", os.DevNull)))
	}
}

// spoken is the part of a dictionary that says how these words are spoken: lines like "two T UW", the second way as "two(2) T UW".
func spoken(dictionary []byte, words []string) []byte {
	var out []byte
	for line := range bytes.Lines(dictionary) {
		word, _, _ := strings.Cut(string(line), " ")
		word, _, _ = strings.Cut(word, "(")
		if slices.Contains(words, word) {
			out = append(out, line...)
		}
	}
	return out
}

// at16k draws a WAV file's samples at 16 kHz, on lines between them.
func at16k(wav []byte) []byte {
	rate, data := float64(binary.LittleEndian.Uint32(wav[24:])), wav[44:]
	sample := func(i int) float64 { return float64(int16(binary.LittleEndian.Uint16(data[2*i:]))) }
	have := len(data) / 2
	n := int(float64(have-1) * 16000 / rate)
	out := bytes.NewBuffer(append([]byte{}, wav[:44]...))
	for i := range n {
		at := float64(i) * rate / 16000
		part := at - float64(int(at))
		_ = binary.Write(out, binary.LittleEndian, int16(sample(int(at))*(1-part)+sample(int(at)+1)*part)) // into memory
	}
	file := out.Bytes()
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	binary.LittleEndian.PutUint32(file[24:], 16000)
	binary.LittleEndian.PutUint32(file[28:], 32000)
	binary.LittleEndian.PutUint32(file[40:], uint32(2*n))
	return file
}

func TestTheClearerVoiceWins(t *testing.T) {
	for _, program := range []string{"flite", "espeak-ng", "pocketsphinx_continuous"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("install the packages flite, espeak-ng, pocketsphinx and pocketsphinx-en-us to run this: ", err)
		}
	}
	guest.Judge = recogniser(t)
	clear := speaker(t, "flite", "-voice", "slt", "-t", "TEXT", "-o", "said.wav")
	robot := speaker(t, "espeak-ng", "-w", "said.wav", "TEXT")
	seeds := max(2, guest.Seeds()/4) // each of them takes the processor some seconds
	if os.Getenv("TASK_SEEDS") != "" {
		seeds = guest.Seeds()
	}
	guest.Ordered(t, seeds, 12, clear, robot)
	t.Logf("flite scores %.2f, espeak-ng %.2f", guest.Mean(guest.Served(), [32]byte{9}, 12, clear), guest.Mean(guest.Served(), [32]byte{9}, 12, robot))
}

// What is no speech scores nothing, and nobody is asked about it.
func TestWhatIsNoSpeechScoresNothing(t *testing.T) {
	guest.Judge = func(guest.Model, []byte) string { t.Error("the judge is asked"); return "" }
	short := append([]byte("RIFF....WAVEfmt "), make([]byte, 28)...)
	copy(short[16:], []byte{16, 0, 0, 0, 1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0})
	for name, body := range map[string][]byte{"nothing": nil, "text": []byte(`{"error":"no"}`), "no sound": short, "too long": append(short, make([]byte, 16000*2*16)...)} {
		if score, why := guest.Served().Score([]byte("one two"), body); score != 0 {
			t.Errorf("%s scores %v: %s", name, score, why)
		}
	}
	for text, want := range map[string]int{"one two": 0, "two": 1, "one three two": 1, "": 2, "six": 2} {
		if got := guest.Edits([]string{"one", "two"}, strings.Fields(text)); got != want {
			t.Errorf("%q: %d edits, want %d", text, got, want)
		}
	}
}
