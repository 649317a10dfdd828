// Command reading is a task: read what a picture says, letter by letter.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"agora/task/kit/guest"
)

const (
	rows, inRow = 3, 3 // of words
	scale       = 3    // pixels of a point
	margin      = 20   // pixels
	width       = 22   // letters of a row, at most: words of up to six letters, and the spaces between
)

var beginnings, middles = strings.Fields("b c d f g h k l m n p r s t v w z"), strings.Fields("a e i o u")

// word is made of syllables, so that no dictionary knows it.
func word(s *guest.Source) (text string) {
	for range 2 + s.Intn(2) {
		text += guest.Pick(s, beginnings) + guest.Pick(s, middles)
	}
	return text
}

func item(seed [32]byte, index uint64) guest.Item {
	s := guest.NewSource(seed, index)
	var lines []string
	for range rows {
		words := make([]string, inRow)
		for i := range words {
			words[i] = word(s)
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return guest.Look("Write down the text in this picture, and nothing else.", draw(s, lines), 64, []byte(strings.Join(lines, " ")))
}

// draw is a picture of lines that run up or down, on paper with specks of dirt: up to four of a hundred pixels for the slope, of a
// thousand for the dirt.
func draw(s *guest.Source, lines []string) []byte {
	img := image.NewPaletted(image.Rect(0, 0, 2*margin+width*across*scale, 2*margin+len(lines)*(down+4)*scale), color.Palette{color.White, color.Black})
	slope := s.Intn(9) - 4
	for row, line := range lines {
		for i := range len(line) {
			for p := range across * down * scale * scale {
				x, y := p%(across*scale), p/(across*scale)
				if point(line[i], x/scale, y/scale) {
					at := i*across*scale + x
					img.SetColorIndex(margin+at, margin+row*(down+4)*scale+y+slope*at/100, 1)
				}
			}
		}
	}
	for range s.Intn(5) * len(img.Pix) / 1000 {
		at := s.Intn(len(img.Pix))
		img.Pix[at] = 1 - img.Pix[at]
	}
	var out bytes.Buffer
	_ = png.Encode(&out, img) // into memory
	return out.Bytes()
}

// score is 1 less twice the character error rate, at least 0: edits that make the text of what was read, over its letters. Any text of the
// right length has a rate of about a half or more.
func score(key, answer []byte) (float64, string) {
	text, err := guest.Text(answer)
	if err != nil || len(text) > 4*len(key) {
		return 0, "no text, or far too much"
	}
	read := strings.ToLower(strings.Join(strings.Fields(text), " "))
	wrong := guest.Edits(key, []byte(read))
	return max(0, 1-2*float64(wrong)/float64(len(key))), fmt.Sprintf("%d of %d letters are wrong", wrong, len(key))
}

func init() {
	guest.Serve(guest.Task{Name: "reading", About: "Reads what pictures say, letter by letter.", Version: "1", Item: item, Score: score})
}

func main() {}
