package command

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"agora/wire/openai"
)

// open makes a backend, or skips the test where the programs are not installed.
func open(t *testing.T, names ...string) *Backend {
	t.Helper()
	b, err := Open(Options{}, names...)
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func post(t *testing.T, h http.Handler, path, kind string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// form is a request for a transcription.
func form(wav []byte, fields ...string) (kind string, body []byte) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, _ := w.CreateFormFile("file", "speech.wav") // into memory, as all of it
	_, _ = part.Write(wav)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	_ = w.Close()
	return w.FormDataContentType(), out.Bytes()
}

const counted = "one two three four five six"

func TestWhatIsSpokenIsHeard(t *testing.T) {
	for _, name := range []string{"flite", "espeak-ng"} {
		t.Run(name, func(t *testing.T) {
			b := open(t, name, "pocketsphinx")
			for _, more := range []string{"", `,"voice":"alloy","response_format":"wav","speed":0.9`} {
				said := post(t, b, "/v1/audio/speech", "application/json", []byte(`{"model":"x","input":"`+counted+`"`+more+`}`))
				if said.Code != http.StatusOK || said.Header().Get("Content-Type") != "audio/wav" {
					t.Fatalf("%d %s", said.Code, said.Body)
				}
				kind, body := form(said.Body.Bytes(), "model", "x", "prompt", "one two three four five six seven eight nine zero")
				heard := post(t, b, "/v1/audio/transcriptions", kind, body)
				var text struct{ Text string }
				if err := json.Unmarshal(heard.Body.Bytes(), &text); err != nil || heard.Code != http.StatusOK {
					t.Fatalf("%d %s", heard.Code, heard.Body)
				}
				right := 0
				for _, w := range strings.Fields(counted) {
					if strings.Contains(text.Text, w) {
						right++
					}
				}
				if right < 4 {
					t.Errorf("%q was heard", text.Text)
				}
			}
		})
	}
}

// A text is never an argument, and what a program cannot do is refused with a reason.
func TestSpeechIsRefusedWithAReason(t *testing.T) {
	b := open(t, "espeak-ng")
	if w := post(t, b, "/v1/audio/speech", "", []byte(`{"model":"x","input":"--version -w /tmp/x"}`)); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "RIFF") {
		t.Errorf("%d %.100s", w.Code, w.Body)
	}
	for body, want := range map[string]string{
		`{"model":"x","input":""}`:                                  "1 to 4096",
		`{"model":"x","input":"` + strings.Repeat("a", 5000) + `"}`: "1 to 4096",
		`{"model":"x","input":"a","voice":"../x"}`:                  "there is no voice",
		`{"model":"x","input":"a","response_format":"mp3"}`:         "wav",
		`{"model":"x","input":"a","stream_format":"sse"}`:           "one piece",
		`{"model":"x","input":"a","speed":9}`:                       "0.25 to 4",
		`{"model":"x","input":7}`:                                   "input must be",
		`{"model":"x","input":"a","input":"b"}`:                     "input",
	} {
		w := post(t, b, "/v1/audio/speech", "", []byte(body))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.60s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := post(t, b, "/v1/chat/completions", "", []byte(`{}`)); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}

func TestSoundIsRefusedWithAReason(t *testing.T) {
	b := open(t, "pocketsphinx")
	minute := wave{8000, make([]int16, 8000*61)}.file()
	stereo := wave{8000, make([]int16, 8000)}.file()
	stereo[22] = 2
	short := wave{8000, make([]int16, 8000)}.file()
	for name, c := range map[string]struct {
		wav    []byte
		fields []string
		want   string
	}{
		"text":   {[]byte("hello"), nil, "WAV"},
		"long":   {minute, nil, "at most 60"},
		"stereo": {stereo, nil, "one channel"},
		"word":   {short, []string{"prompt", "one xyzzyq"}, "xyzzyq"},
		"marks":  {short, []string{"prompt", "one; two | <x>"}, "letters"},
		"form":   {short, []string{"response_format", "srt"}, "json or text"},
	} {
		kind, body := form(c.wav, append(c.fields, "model", "x")...)
		if w := post(t, b, "/v1/audio/transcriptions", kind, body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// look asks for the text of a picture.
func look(raw []byte, more string) []byte {
	return fmt.Appendf(nil, `{"model":"x",%s"messages":[{"role":"system","content":"Read."},{"role":"user","content":[{"type":"text","text":"What does it say?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}]}]}`,
		more, base64.StdEncoding.EncodeToString(raw))
}

// bars is a picture of a big I, L and T, strokes that every reader knows.
func bars(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 240, 120))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	fill := func(x0, y0, x1, y1 int) {
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	fill(30, 30, 38, 90)   // L
	fill(30, 82, 60, 90)   // its foot
	fill(80, 30, 120, 38)  // T
	fill(96, 30, 104, 90)  // its stem
	fill(140, 30, 180, 38) // T
	fill(156, 30, 164, 90)
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, name := range []string{"tesseract", "ocrad"} {
		t.Run(name, func(t *testing.T) {
			b := open(t, name)
			w := post(t, b, "/v1/chat/completions", "", look(bars(t), ""))
			var r openai.ChatResponse
			if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if got := string(r.Choices[0].Message.Content); got != "LTT" {
				t.Errorf("read %q", got)
			}
			w = post(t, b, "/v1/chat/completions", "", look(bars(t), `"stream":true,"stream_options":{"include_usage":true},`))
			joined, err := openai.Join(openai.NewStream(w.Body, 1<<20))
			if err != nil || json.Unmarshal(joined, &r) != nil || string(r.Choices[0].Message.Content) != "LTT" || r.Usage.CompletionTokens != 1 {
				t.Errorf("%s, %v", joined, err)
			}
		})
	}
}

func TestPicturesAreRefusedWithAReason(t *testing.T) {
	b := open(t, "tesseract")
	wide := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x00\x00\x00\x00"), 0, 0, 0, 0)
	for body, want := range map[string]string{
		`{"model":"x","messages":[{"role":"user","content":"read"}]}`:                                                              "one picture",
		`{"model":"x","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://127.0.0.1/x.png"}}]}]}`: "nothing is fetched",
		string(look([]byte("no picture"), "")):                                                                                     "PNG or JPEG",
		string(look(wide, "")):                                                                                                     "PNG or JPEG",
		string(look(bars(t)[:200], "")):                                                                                            "PNG or JPEG", // cut within its palette
		string(look(bars(t), `"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required",`)):                   "tools",
	} {
		w := post(t, b, "/v1/chat/completions", "", []byte(body))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			if !(want == "PNG or JPEG" && strings.Contains(w.Body.String(), "broken")) {
				t.Errorf("%.80s: %d %s", body, w.Code, w.Body)
			}
		}
	}
}

// A program that never ends is killed with what it has started, in time.
func TestAProgramIsKilledWithAllItStarted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, _, err := run(ctx, nil, "", "sh", "-c", `sleep 600 & echo $! > "$1.part"; mv "$1.part" "$1"; wait`, "sh", file)
		done <- err
	}()
	var pid int
	for pid == 0 {
		text, err := os.ReadFile(file)
		if err == nil {
			pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for range 1000 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

func TestAProgramIsBounded(t *testing.T) {
	for name, script := range map[string]string{
		"prints":  "head -c 20000000 /dev/zero",
		"writes":  "head -c 20000000 /dev/zero > out",
		"links":   "ln -s /etc/passwd out",
		"fails":   "echo why >&2; exit 3",
		"forgets": "true",
	} {
		if _, _, err := run(t.Context(), nil, "out", "sh", "-c", script); err == nil {
			t.Errorf("%s: no error", name)
		} else if name == "fails" && !strings.Contains(err.Error(), "why") {
			t.Errorf("%v", err)
		}
	}
	t.Setenv("SECRET", "x")
	out, _, err := run(t.Context(), map[string][]byte{"a": []byte("b")}, "", "sh", "-c", "cat a; echo $SECRET; ls")
	if err != nil || string(out) != "b\na\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for want, names := range map[string][]string{"name a program": nil, "no program": {"cat"}} {
		if _, err := Open(Options{}, names...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", names, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Open(Options{}, "flite"); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("%v", err)
	}
}

func FuzzReadWave(f *testing.F) {
	f.Add(wave{8000, []int16{1, -1, 3}}.file())
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := readWave(b)
		if err != nil {
			return
		}
		if again, err := readWave(w.at(heardAt).file()); len(w.samples) > 4 && (err != nil || again.rate != heardAt) {
			t.Errorf("%v, %v", again.rate, err)
		}
	})
}

func FuzzPicture(f *testing.F) {
	f.Add([]byte(`{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if raw, err := picture(body); err == nil && len(raw) < 1<<16 {
			_, _ = grey(raw) // must not panic
		}
	})
}
