package web

import "fmt"

// Lanes are the holders of a subnet's places over its epochs, a lane for each place.
type Lanes struct {
	Width, Height float64
	box
	Places []Mark
	Epochs []Mark
	Spans  []Span
}

// Span is the time in which one model held a place.
type Span struct {
	X, Y, Width float64
	Colour      int
	Says        string
	Label       string // what of its name has room
}

const (
	laneHeight = 34
	maxLanes   = 12 // places that are drawn; the table has all
	maxSpans   = 60 // changes that are drawn
)

// Lanes draws who held which place from the first change that is known to the running epoch; nil where nobody ever held one.
// Epoch e lies at x = left + width · (e − e₀) / (e₁ + 1 − e₀).
func (s *Subnet) Lanes() *Lanes {
	list := s.Held[:min(len(s.Held), maxSpans)] // newest first
	places := 0
	for _, h := range list {
		places = max(places, min(len(h.Models), maxLanes))
	}
	if places == 0 {
		return nil
	}
	first, end := list[len(list)-1].Epoch, max(s.Epoch, list[0].Epoch)+1
	l := &Lanes{Width: chartWidth, Height: float64(places)*laneHeight + 28, box: box{46, 4, chartWidth - 14, float64(places)*laneHeight + 4}}
	x := func(epoch uint64) float64 { return l.Left + (l.Right-l.Left)*float64(epoch-first)/float64(end-first) }
	for i := range places {
		l.Places = append(l.Places, Mark{l.Top + laneHeight*float64(i) + 24, fmt.Sprint(i + 1)})
		l.Spans = append(l.Spans, s.spans(list, i, end, func(from, to uint64) Span {
			return Span{X: x(from), Y: l.Top + laneHeight*float64(i) + 19, Width: max(1, x(to)-x(from)-1)}
		})...)
	}
	l.Epochs = []Mark{{x(first), count(first)}, {x(end - 1), count(end - 1)}}
	if end-first < 2 {
		l.Epochs = l.Epochs[:1]
	}
	return l
}

// spans are one place's, oldest first; end is the epoch after the last.
func (s *Subnet) spans(list []Held, place int, end uint64, at func(from, to uint64) Span) (spans []Span) {
	holder := func(i int) string {
		if place < len(list[i].Models) {
			return list[i].Models[place]
		}
		return ""
	}
	for i := len(list) - 1; i >= 0; {
		model, from := holder(i), list[i].Epoch
		for i--; i >= 0 && holder(i) == model; i-- {
		}
		to := end
		if i >= 0 {
			to = list[i].Epoch
		}
		if model == "" {
			continue
		}
		span := at(from, to)
		name := s.Called(model)
		span.Colour, span.Says = s.Colour(model), fmt.Sprintf("place %d: %s, epochs %s to %s", place+1, name, count(from), count(to-1))
		if float64(len([]rune(name)))*letter <= span.Width {
			span.Label = name
		}
		spans = append(spans, span)
	}
	return spans
}
