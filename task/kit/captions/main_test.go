package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"regexp"
	"strings"
	"testing"

	"agora/task/kit/guest"
)

// viewer looks at the pixels of a picture and says what it sees; a poor one cannot tell a shape by its corners.
func viewer(shapeOf func(img image.Image, place, filled int) string) guest.Engine {
	return func(_ string, request []byte) []byte {
		_, data, _ := strings.Cut(string(request), "base64,")
		data, _, _ = strings.Cut(data, `"`)
		raw, _ := base64.StdEncoding.DecodeString(data) // what is no picture fails in the next line
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			return guest.Answer("I see nothing.")
		}
		var told []string
		for place := range 3 {
			filled, colour := 0, ""
			for y := range side {
				for x := range side {
					if i := palette.Index(img.At(place*side+x, y)); i > 0 {
						filled, colour = filled+1, colours[i]
					}
				}
			}
			told = append(told, fmt.Sprintf("a %s %s on the %s", colour, shapeOf(img, place, filled), places[place]))
		}
		return guest.Answer("I see " + strings.Join(told, ", ") + ".")
	}
}

// byFill tells shapes by how much of their box they fill: a square all of it, a circle three quarters, a triangle a half.
func byFill(_ image.Image, _, filled int) string {
	switch box := (2*(side/3) + 1) * (2*(side/3) + 1); {
	case 100*filled > 95*box:
		return "square"
	case 100*filled > 65*box:
		return "circle"
	}
	return "triangle"
}

// byMiddle takes all that is filled in its middle for a circle, but for squares.
func byMiddle(img image.Image, place, filled int) string {
	if s := byFill(img, place, filled); s == "square" {
		return s
	}
	return "circle"
}

var (
	told  = regexp.MustCompile(`a (\w+) (\w+) on the (\w+)`)
	asked = regexp.MustCompile(`(colour|Where) is the (\w+)`)
)

// reader answers a question from a description: the judge of this test.
func reader(_ guest.Model, request []byte) string {
	var r struct{ Messages []guest.Message }
	if json.Unmarshal(request, &r) != nil {
		return ""
	}
	text, question, _ := strings.Cut(r.Messages[0].Content, "\n\n")
	q := asked.FindStringSubmatch(question)
	for _, m := range told.FindAllStringSubmatch(text, -1) {
		if m[2] != q[2] {
			continue
		}
		if q[1] == "colour" {
			return m[1] + "."
		}
		return m[3]
	}
	return "unknown"
}

func TestTheBetterViewerWins(t *testing.T) {
	guest.Judge = reader
	guest.Ordered(t, guest.Seeds(), 10, viewer(byFill), viewer(byMiddle))
	if m := guest.Mean(guest.Served(), [32]byte{}, 20, viewer(byFill)); m != 1 {
		t.Errorf("who sees all scores %.2f", m)
	}
	constant := "I see a red circle on the left, a red square on the middle, a red triangle on the right."
	if m := guest.Mean(guest.Served(), [32]byte{}, 200, guest.Talker(func(string) string { return constant })); m > 0.2 {
		t.Errorf("always the same scores %.2f", m)
	}
}
