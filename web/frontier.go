package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Place is how an open model stands with this gateway's validator.
type Place struct {
	Items      int64   `json:"items"`      // that it was asked
	Capability float64 `json:"capability"` // mean score of them, 0 to 1
	Place      int     `json:"place"`      // from 1; 0 for none
	Why        string  `json:"why"`        // it has one or none
	Fault      string  `json:"fault,omitempty"`
}

// Held says who held which place from an epoch on, until the next one that is listed.
type Held struct {
	Epoch  uint64   `json:"epoch"`
	Models []string `json:"models"` // digests, the first place first
}

// box is where a chart's points lie, in its own units.
type box struct{ Left, Top, Right, Bottom float64 }

// Mark is a word at an axis.
type Mark struct {
	At   float64
	Text string
}

// Dot is a model in the chart.
type Dot struct {
	X, Y   float64
	Colour int // of its place; -1 where it has none
	Says   string
	Label  *Label // of one that has a place
}

// Label is a dot's name, drawn from X on.
type Label struct {
	X, Y float64
	Text string
}

// Frontier is a subnet's models by size and capability, in units of a picture of Width × Height.
type Frontier struct {
	Width, Height float64
	box
	Sizes, Shares []Mark
	Line          string // the best capability of those with a place that have at most so many parameters, as a path
	Dots          []Dot  // those with a place last, so that they lie on top
}

const (
	chartWidth  = 720
	chartHeight = 320
	maxLabel    = 20  // letters
	letter      = 6.8 // width of one, about
	lineHeight  = 15
)

// Frontier draws the models that were examined; nil where there are none. A model of p parameters with capability c lies at
//
//	x = left + width · (log p − log p₀) / (log p₁ − log p₀),   y = bottom − height · c
//
// where p₀ is half of the smallest and p₁ twice the largest.
func (s *Subnet) Frontier() *Frontier {
	shown := s.examined()
	if len(shown) == 0 {
		return nil
	}
	f := &Frontier{Width: chartWidth, Height: chartHeight, box: box{46, 14, chartWidth - 14, chartHeight - 44}}
	low, high := logs(shown)
	x := func(parameters float64) float64 {
		return f.Left + (f.Right-f.Left)*(math.Log10(parameters)-low)/(high-low)
	}
	y := func(share float64) float64 { return f.Bottom - (f.Bottom-f.Top)*min(max(share, 0), 1) }
	for share := 0; share <= 100; share += 25 {
		f.Shares = append(f.Shares, Mark{y(float64(share) / 100), fmt.Sprintf("%d %%", share)})
	}
	for _, p := range sizes(low, high) {
		f.Sizes = append(f.Sizes, Mark{x(p), round(p)})
	}
	for _, m := range shown {
		f.Dots = append(f.Dots, Dot{X: x(size(m)), Y: y(m.Stands.Capability), Colour: -1, Says: m.says()})
		if m.Stands.Place > 0 {
			f.Dots[len(f.Dots)-1].Colour = s.Colour(m.Digest)
		}
	}
	f.name(shown)
	f.Line = f.path(shown)
	return f
}

// examined are the models that were asked something: those without a place first, then from the last place to the first.
func (s *Subnet) examined() (list []Model) {
	for _, m := range s.Listed {
		if m.Stands != nil && m.Stands.Items > 0 {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b Model) int {
		if (a.Stands.Place > 0) != (b.Stands.Place > 0) {
			return cmp.Compare(a.Stands.Place, b.Stands.Place)
		}
		return cmp.Compare(b.Stands.Place, a.Stands.Place)
	})
	return list
}

// size is a model's number of parameters, at least 1.
func size(m Model) float64 { return max(float64(m.Parameters), 1) }

// logs are log₁₀ of half of the smallest size and of twice the largest.
func logs(list []Model) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, m := range list {
		low, high = min(low, math.Log10(size(m)/2)), max(high, math.Log10(size(m)*2))
	}
	return low, high
}

// sizes are the round numbers between two logarithms: powers of ten, where these are fewer than three also twice and five times them.
func sizes(low, high float64) []float64 {
	steps := []float64{1}
	if high-low < 3 {
		steps = []float64{1, 2, 5}
	}
	var list []float64
	for e := math.Floor(low); e <= high; e++ {
		for _, step := range steps {
			if p := step * math.Pow(10, e); p >= 1 && math.Log10(p) >= low && math.Log10(p) <= high {
				list = append(list, p)
			}
		}
	}
	return list
}

// round spells a number of parameters in thousands, millions or billions.
func round(p float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e9, " B"}, {1e6, " M"}, {1e3, " k"}} {
		if p >= unit.of {
			return fmt.Sprintf("%.3g%s", p/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%.3g", p)
}

// Size spells a model's number of parameters roundly.
func (m Model) Size() string { return round(float64(m.Parameters)) }

// Short is what a model is called where there is little room.
func (m Model) Short() string {
	name := []rune(m.Name)
	switch {
	case len(name) == 0:
		return short(strings.TrimPrefix(m.Digest, "sha256:"))
	case len(name) > maxLabel:
		return string(name[:maxLabel-1]) + "…"
	}
	return string(name)
}

// says is what a dot stands for.
func (m Model) says() string {
	text := fmt.Sprintf("%s: %s parameters, %s of %s items", m.Full(), count(m.Parameters), percent(m.Stands.Capability), count(m.Stands.Items))
	if m.Stands.Place > 0 {
		return text + fmt.Sprintf(", place %d", m.Stands.Place)
	}
	return text + ", no place: " + m.Stands.Why
}

// name labels the dots of those that have a place, the first place first, each where it covers no other label and no such dot.
func (f *Frontier) name(shown []Model) {
	var taken []box
	for i := range f.Dots {
		if d := f.Dots[i]; d.Colour >= 0 {
			taken = append(taken, box{d.X - 6, d.Y - 6, d.X + 6, d.Y + 6})
		}
	}
	for i := len(shown) - 1; i >= 0 && f.Dots[i].Colour >= 0; i-- {
		l := f.label(f.Dots[i], fmt.Sprintf("%d. %s", shown[i].Stands.Place, shown[i].Short()), taken)
		f.Dots[i].Label, taken = l, append(taken, l.box())
	}
}

// label finds room for a name above or below its dot; where there is none it stands above it.
func (f *Frontier) label(d Dot, text string, taken []box) *Label {
	width := letter * float64(len([]rune(text)))
	right := min(d.X+9, f.Right-width)
	left := max(d.X-9-width, f.Left+2)
	var first *Label
	for step := range 6 {
		for _, x := range []float64{right, left} {
			for _, y := range []float64{d.Y - 8 - lineHeight*float64(step), d.Y + 18 + lineHeight*float64(step)} {
				l := &Label{X: x, Y: y, Text: text}
				if first == nil {
					first = l
				}
				if b := l.box(); b.Top >= f.Top-4 && b.Bottom <= f.Bottom && !slices.ContainsFunc(taken, b.meets) {
					return l
				}
			}
		}
	}
	return first
}

// box is the room that a label takes.
func (l *Label) box() box {
	return box{l.X, l.Y - lineHeight + 4, l.X + letter*float64(len([]rune(l.Text))), l.Y + 4}
}

func (b box) meets(o box) bool {
	return b.Left < o.Right && o.Left < b.Right && b.Top < o.Bottom && o.Top < b.Bottom
}

// path is the frontier, a step up at each model that is better than all smaller ones.
func (f *Frontier) path(shown []Model) string {
	type point struct{ x, y float64 }
	var holders []point
	for i := range shown {
		if d := f.Dots[i]; d.Colour >= 0 {
			holders = append(holders, point{d.X, d.Y})
		}
	}
	slices.SortFunc(holders, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(b.y, a.y)) })
	var path strings.Builder
	best := f.Bottom
	for _, h := range holders {
		if path.Len() == 0 {
			fmt.Fprintf(&path, "M%.1f %.1f", h.x, f.Bottom)
		}
		if h.y < best {
			fmt.Fprintf(&path, "H%.1fV%.1f", h.x, h.y)
			best = h.y
		}
	}
	if path.Len() > 0 {
		fmt.Fprintf(&path, "H%.1f", f.Right)
	}
	return path.String()
}

// Colour is the number of a model's colour: by the order of commits.
func (s *Subnet) Colour(digest string) int {
	return max(slices.IndexFunc(s.Listed, func(m Model) bool { return m.Digest == digest }), 0) % palette
}

// Called is a listed model's short name.
func (s *Subnet) Called(digest string) string {
	for _, m := range s.Listed {
		if m.Digest == digest {
			return m.Short()
		}
	}
	return Model{Digest: digest}.Short()
}

// Middle is between the ends of the axis of sizes.
func (f *Frontier) Middle() float64 { return (f.Left + f.Right) / 2 }

// Placed says whether a model has a place.
func (m Model) Placed() bool { return m.Stands != nil && m.Stands.Place > 0 }
