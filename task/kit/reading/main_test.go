package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agora/task/kit/guest"
)

// picture is the one in a request.
func picture(request []byte) (image.Image, []byte, error) {
	_, data, _ := strings.Cut(string(request), "base64,")
	data, _, _ = strings.Cut(data, `"`)
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, nil, err
	}
	img, err := png.Decode(bytes.NewReader(raw))
	return img, raw, err
}

// matcher reads by laying every letter over every place, at the slope at which most fits; it looks at one point in so many.
func matcher(t *testing.T, every int) guest.Engine {
	return func(_ string, request []byte) []byte {
		img, _, err := picture(request)
		if err != nil {
			t.Error(err)
			return nil
		}
		text, most := "", -1
		for slope := -4; slope <= 4; slope++ {
			if read, same := match(img.(*image.Paletted), slope, every); same > most {
				text, most = read, same
			}
		}
		return guest.Answer(text)
	}
}

// match is the text that fits best at a slope, and in how many points.
func match(img *image.Paletted, slope, every int) (text string, same int) {
	for row := range rows {
		for i := range width {
			best, most := byte(' '), -1
			for _, letter := range []byte(" abcdefghijklmnopqrstuvwxyz") {
				n := 0
				for p := 0; p < across*down; p += every {
					x, y := p%across, p/across
					at := (i*across+x)*scale + 1
					if ink := img.ColorIndexAt(margin+at, margin+(row*(down+4)+y)*scale+1+slope*at/100) == 1; ink == point(letter, x, y) {
						n++
					}
				}
				if n > most {
					best, most = letter, n
				}
			}
			text, same = text+string(best), same+most
		}
		text += "\n"
	}
	return text, same
}

func TestTheBetterReaderWins(t *testing.T) {
	good, poor := matcher(t, 1), matcher(t, 7)
	guest.Ordered(t, guest.Seeds(), 6, good, poor)
	if m := guest.Mean(guest.Served(), [32]byte{}, 12, good); m < 0.95 {
		t.Errorf("who sees all scores %.2f", m)
	}
	constant := guest.Talker(func(string) string { return "tane rolima sedu kanile bosa temi ralone pudi samela" })
	if m := guest.Mean(guest.Served(), [32]byte{}, 50, constant); m > 0.1 {
		t.Errorf("always the same scores %.2f", m)
	}
}

// program reads with a program of this machine, whose argument FILE is the picture.
func program(t *testing.T, name string, args ...string) guest.Engine {
	return func(_ string, request []byte) []byte {
		_, raw, err := picture(request)
		if err != nil {
			t.Error(err)
		}
		dir, err := os.MkdirTemp("", "reading")
		if err != nil {
			t.Error(err)
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "page.png")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, append([]string{file}, args...)...)
		cmd.Env = append(os.Environ(), "OMP_THREAD_LIMIT=1")
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return guest.Answer(string(out))
	}
}

func TestRealReadersAreToldApart(t *testing.T) {
	for _, name := range []string{"tesseract", "ocrad"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("install the packages tesseract-ocr and ocrad to run this: ", err)
		}
	}
	good, poor := program(t, "tesseract", "stdout", "--psm", "6", "-l", "eng"), program(t, "ocrad")
	a, b := guest.Mean(guest.Served(), [32]byte{3}, 6, good), guest.Mean(guest.Served(), [32]byte{3}, 6, poor)
	t.Logf("tesseract scores %.2f, ocrad %.2f", a, b)
	if a < b+0.1 {
		t.Error("they are not told apart")
	}
	seeds := max(2, guest.Seeds()/4) // each of them takes the processor some seconds
	if os.Getenv("TASK_SEEDS") != "" {
		seeds = guest.Seeds()
	}
	guest.Ordered(t, seeds, 12, good, poor)
}
