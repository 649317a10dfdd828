package web

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Exam is what this gateway's validator found out about one open model.
type Exam struct {
	Tempos  []Sat    `json:"tempos"`  // newest first
	Answers []Answer `json:"answers"` // to the latest questions, newest tempo first
}

// Sat is what a model got in one tempo.
type Sat struct {
	Epoch  uint64    `json:"epoch"`
	Scores []float64 `json:"scores"` // of its items, 0 to 1
}

// Answer is one question with what a model made of it.
type Answer struct {
	Epoch    uint64  `json:"epoch"`
	Item     int     `json:"item"`
	Family   string  `json:"family"`
	Question string  `json:"question"`
	Said     string  `json:"said"`
	Score    float64 `json:"score"` // 0 to 1
	Reason   string  `json:"reason,omitempty"`
}

// Mean is a tempo's mean score; 0 where it had no items.
func (t Sat) Mean() float64 {
	sum := 0.0
	for _, s := range t.Scores {
		sum += s
	}
	return sum / max(float64(len(t.Scores)), 1)
}

// Bars are a model's mean scores by tempo.
type Bars struct {
	Width, Height float64
	Bars          []Bar
	From, To      uint64 // first and last tempo
	Mean          float64
}

// Bar is one tempo's.
type Bar struct {
	X, Y, Width, Height float64
	Says                string
}

const barsHeight = 72

// Bars draws the tempos, oldest first, a bar of the height of each one's mean; nil where there are none.
func (e *Exam) Bars() *Bars {
	n := len(e.Tempos)
	if n == 0 {
		return nil
	}
	b := &Bars{Width: chartWidth, Height: barsHeight, From: e.Tempos[n-1].Epoch, To: e.Tempos[0].Epoch}
	step := min(float64(chartWidth)/float64(n), 24)
	for i, t := range e.Tempos {
		mean := t.Mean()
		b.Mean += mean / float64(n)
		height := max(mean*barsHeight, 1)
		b.Bars = append(b.Bars, Bar{
			X: step * float64(n-1-i), Y: barsHeight - height, Width: step - min(2, step/4), Height: height,
			Says: fmt.Sprintf("tempo %s: %s of %d items", count(t.Epoch), percent(mean), len(t.Scores)),
		})
	}
	return b
}

// Long questions are folded on the page: above so many bytes.
const longQuestion = 240

// Long says that a question is folded.
func (a Answer) Long() bool { return len(a.Question) > longQuestion }

// Begin is the start of a long question.
func (a Answer) Begin() string {
	text := []rune(a.Question)
	return string(text[:min(len(text), longQuestion/3)]) + " …"
}

// Verdict says what an answer is worth.
func (a Answer) Verdict() string {
	switch {
	case a.Reason != "":
		return "nothing: " + a.Reason
	case a.Score >= 1:
		return "right"
	case a.Score <= 0:
		return "wrong"
	}
	return fmt.Sprintf("%.3f", a.Score)
}

// readable makes what a model said one that JSON and pages can hold, and no longer than most bytes.
func readable(text string, most int) string {
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// Bounds of what is shown of an answer, in bytes. A question has at most 1,024, an answer 64 tokens.
const (
	maxQuestion = 4096
	maxReason   = 300
)

// Readable is an answer within bounds.
func (a Answer) Readable() Answer {
	a.Question, a.Said, a.Reason = readable(a.Question, maxQuestion), readable(a.Said, maxQuestion), readable(a.Reason, maxReason)
	return a
}

// maxExams bounds the examinations that are remembered for whoever looks next.
const maxExams = 64

// seen is an examination as it was when somebody looked.
type seen struct {
	exam *Exam
	at   time.Time
}

// exam asks the Source for an examination, at most once in fresh for a model however many people look; nil where there is none.
func (s *Site) exam(ctx context.Context, netuid uint32, digest string) (*Exam, error) {
	key := fmt.Sprintf("%d/%s", netuid, digest)
	s.examining.Lock()
	defer s.examining.Unlock()
	if have, ok := s.exams[key]; ok && time.Since(have.at) < fresh {
		return have.exam, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // others wait for this answer too
	defer cancel()
	e, err := s.source.Exam(ctx, netuid, digest)
	if err != nil {
		return nil, err
	}
	if len(s.exams) >= maxExams {
		clear(s.exams)
	}
	s.exams[key] = seen{e, time.Now()}
	return e, nil
}
