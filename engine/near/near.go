// Package near says how far the answers of another engine are from what the exact one chooses after the same words, and how far those of
// an honest server are, by measurement. It is arithmetic on gaps, and no proof: other engines round otherwise, so nothing here closes a
// server or pays one.
package near

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
)

// Answers is over about how many of the latest answers a Tally counts.
const Answers = 64

// MaxGap is the most that one token counts, in nats: what is less probable than one in 10^8 is as far as it gets.
const MaxGap = 20

// Tally sums up the gaps of a server's answers: of each token by how many nats it was less probable than the exact engine's choice, 0
// where it was that choice. The zero value is of no answers.
type Tally struct {
	Answers float64 `json:"answers"` // the older ones count less, see Add
	Tokens  float64 `json:"tokens"`
	Sum     float64 `json:"sum"`   // of all gaps, nats
	Peaks   float64 `json:"peaks"` // of each answer's largest gap, nats
}

// Add counts an answer's gaps. Beyond Answers, what was counted before fades:
//
//	T ← T · min(1, (Answers − 1) ÷ T.Answers) + answer
func (t *Tally) Add(gaps []float64) {
	if len(gaps) == 0 {
		return
	}
	if t.Answers > Answers-1 {
		fade := (Answers - 1) / t.Answers
		t.Answers, t.Tokens, t.Sum, t.Peaks = t.Answers*fade, t.Tokens*fade, t.Sum*fade, t.Peaks*fade
	}
	peak := 0.0
	for _, g := range gaps {
		g = min(max(g, 0), MaxGap)
		t.Sum += g
		peak = max(peak, g)
	}
	t.Answers, t.Tokens, t.Peaks = t.Answers+1, t.Tokens+float64(len(gaps)), t.Peaks+peak
}

// Distance is the mean gap of a token, in nats; 0 of nothing.
func (t Tally) Distance() float64 { return mean(t.Sum, t.Tokens) }

// Peak is the mean of the answers' largest gaps, in nats; 0 of nothing. One token that is not the model's shows here: an answer that was
// cut has its only gap where it ends.
func (t Tally) Peak() float64 { return mean(t.Peaks, t.Answers) }

func mean(sum, n float64) float64 {
	if n <= 0 {
		return 0
	}
	return sum / n
}

// Figures are what was measured of one kind of server.
type Figures struct {
	Answers  int     `json:"answers"`
	Tokens   int     `json:"tokens"`
	Distance float64 `json:"distance"` // see Tally.Distance
	Peak     float64 `json:"peak"`     // see Tally.Peak
	Others   float64 `json:"others"`   // part of the tokens that are not the exact engine's choice
	// Peaks are the answers' largest gaps, in nats, that 50, 90, 99 and 100 % of them do not exceed.
	Peaks [4]float64 `json:"peaks"`
}

// Measure sums up the gaps of answers.
func Measure(answers [][]float64) Figures {
	var f Figures
	var t Tally
	var peaks []float64
	for _, gaps := range answers {
		if len(gaps) == 0 {
			continue
		}
		one := Tally{}
		one.Add(gaps)
		t.Answers, t.Tokens, t.Sum, t.Peaks = t.Answers+1, t.Tokens+one.Tokens, t.Sum+one.Sum, t.Peaks+one.Peaks
		peaks = append(peaks, one.Peaks)
		for _, g := range gaps {
			if g > 0 {
				f.Others++
			}
		}
	}
	f.Answers, f.Tokens, f.Distance, f.Peak = len(peaks), int(t.Tokens), t.Distance(), t.Peak()
	f.Others = mean(f.Others, t.Tokens)
	slices.Sort(peaks)
	for i, percent := range []int{50, 90, 99, 100} {
		if len(peaks) > 0 {
			f.Peaks[i] = peaks[(len(peaks)*percent+99)/100-1]
		}
	}
	return f
}

// Calibration is what was measured of an honest server that runs a model on another engine, and of servers that do not.
type Calibration struct {
	Model  string  `json:"model"`  // its name, for people
	Digest string  `json:"digest"` // "sha256:<hex>"
	Engine string  `json:"engine"` // what servers call themselves, as their cards have it
	Honest Figures `json:"honest"`
	// Others are servers that are not what they say, by what they did.
	Others map[string]Figures `json:"others,omitempty"`
}

//go:embed measured/*.json
var measured embed.FS

// Measured lists the calibrations that come with the program.
func Measured() ([]Calibration, error) {
	files, err := measured.ReadDir("measured")
	if err != nil {
		return nil, err
	}
	var list []Calibration
	for _, f := range files {
		text, err := measured.ReadFile("measured/" + f.Name())
		if err != nil {
			return nil, err
		}
		var c Calibration
		if err := json.Unmarshal(text, &c); err != nil {
			return nil, fmt.Errorf("near: %s: %w", f.Name(), err)
		}
		list = append(list, c)
	}
	return list, nil
}

// Of is the calibration of a model on an engine; false where none comes with the program.
func Of(digest, engine string) (Calibration, bool) {
	list, err := Measured()
	i := slices.IndexFunc(list, func(c Calibration) bool { return c.Digest == digest && c.Engine == engine })
	if err != nil || i < 0 {
		return Calibration{}, false
	}
	return list[i], true
}
