// Command captions is a task: describe a picture, so well that somebody who reads the description can answer questions about it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"agora/task/kit/guest"
)

// judge reads the description: the best of another subnet, or weights by their digest, which every validator runs.
var judge = guest.Subnet(1)

const side = 32 // pixels of a place; a picture has three places beside each other

var (
	palette = color.Palette{
		color.White, color.RGBA{220, 20, 20, 255}, color.RGBA{20, 150, 40, 255}, color.RGBA{30, 60, 220, 255}, color.RGBA{240, 210, 30, 255}, color.Black,
	}
	colours = strings.Fields("white red green blue yellow black")
	shapes  = strings.Fields("circle square triangle")
	places  = strings.Fields("left middle right")
)

// scene is what a picture shows: at each place a shape in a colour, by their numbers.
type scene struct{ Shape, Colour [3]int }

func draw(s *guest.Source) scene {
	c := scene{Shape: [3]int{0, 1, 2}, Colour: [3]int{1 + s.Intn(5), 1 + s.Intn(5), 1 + s.Intn(5)}}
	for i := range 2 {
		j := i + s.Intn(3-i)
		c.Shape[i], c.Shape[j] = c.Shape[j], c.Shape[i]
	}
	return c
}

// inside says whether a pixel of a place, from its middle, belongs to a shape of radius r.
func inside(shape, x, y, r int) bool {
	switch shape {
	case 0:
		return x*x+y*y <= r*r
	case 1:
		return max(x, -x) <= r && max(y, -y) <= r
	}
	return y <= r && y >= -r && 2*max(x, -x) <= y+r
}

func (c scene) picture() []byte {
	img := image.NewPaletted(image.Rect(0, 0, 3*side, side), palette)
	for y := range side {
		for x := range 3 * side {
			if at := x / side; inside(c.Shape[at], x%side-side/2, y-side/2, side/3) {
				img.SetColorIndex(x, y, uint8(c.Colour[at]))
			}
		}
	}
	var out bytes.Buffer
	_ = png.Encode(&out, img) // into memory
	return out.Bytes()
}

func item(seed [32]byte, index uint64) guest.Item {
	c := draw(guest.NewSource(seed, index))
	key, _ := json.Marshal(c) // numbers marshal
	return guest.Look("Describe this picture in one or two sentences: which shapes there are, in which colours, and where.", c.picture(), 128, key)
}

// score is the share of six questions that the judge answers from the description alone, 0 at a half.
func score(key, answer []byte) (float64, string) {
	var c scene
	text, err := guest.Text(answer)
	if err != nil || text == "" || len(text) > 500 || json.Unmarshal(key, &c) != nil {
		return 0, "no description"
	}
	right := 0
	for i, shape := range c.Shape {
		right += answered(text, "What colour is the "+shapes[shape]+"?", colours[c.Colour[i]])
		right += answered(text, "Where is the "+shapes[shape]+": left, middle or right?", places[i])
	}
	return max(0, float64(right)/3-1), fmt.Sprintf("the judge answers %d of 6 questions from it", right)
}

// answered is 1 where the judge finds the answer to a question in a description.
func answered(text, question, want string) int {
	if said := guest.Ask(judge, "A picture is described like this: "+text+"\n\n"+question+" Reply with one word.", 8); strings.EqualFold(strings.Trim(said, " .\n"), want) {
		return 1
	}
	return 0
}

func init() {
	guest.Serve(guest.Task{Name: "captions", About: "Describes pictures, so that questions about them can be answered.", Version: "1", Item: item, Score: score})
}

func main() {}
