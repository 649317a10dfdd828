package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"agora/mechanism/frontier"
	"agora/validator/exam"
)

// ExaminationPath is where a validator publishes what it found out about a subnet's models: ExaminationPath + netuid.
const ExaminationPath = "/v1/examination/"

// Examination is what a validator publishes of a subnet of open models.
type Examination struct {
	NetUID   uint32        `json:"netuid"`
	Progress exam.Progress `json:"progress"`
	Models   []Examined    `json:"models"` // first those that take part, in the order of the list
}

// Examined is one model of an Examination.
type Examined struct {
	Digest     string         `json:"digest"`
	Name       string         `json:"name"`
	Author     string         `json:"author"`
	Licence    string         `json:"licence"`
	Parameters uint64         `json:"parameters"`
	Servers    []uint32       `json:"servers"`
	Items      int64          `json:"items"`
	Capability frontier.Score `json:"capability"` // millionths
	Place      int            `json:"place"`      // 0 for none
	Depth      int            `json:"depth"`
	Why        string         `json:"why"`
	Fault      string         `json:"fault,omitempty"`
	Tempos     []exam.Tempo   `json:"tempos"`  // the latest, newest first
	Answers    []exam.Answer  `json:"answers"` // some of the latest
}

// How much of a model's past is told.
const (
	toldTempos  = 64
	toldAnswers = 16
)

func (d *Daemon) serveExamination(w http.ResponseWriter, r *http.Request) {
	netuid, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, ExaminationPath), 10, 32)
	course := d.judge.Course(uint32(netuid))
	if err != nil || course == nil {
		http.Error(w, `{"error":"no subnet of open models with this number is examined here"}`, http.StatusNotFound)
		return
	}
	e, err := examinationOf(r, uint32(netuid), course)
	if err != nil {
		http.Error(w, `{"error":"the examination cannot be read now"}`, http.StatusServiceUnavailable)
		d.cfg.Log.Warn("examination not told", "netuid", netuid, "err", err)
		return
	}
	w.Header().Set("content-type", "application/json")
	_ = json.NewEncoder(w).Encode(e) // whoever left needs no answer
}

func examinationOf(r *http.Request, netuid uint32, course *exam.Course) (*Examination, error) {
	list, err := course.Standings(r.Context())
	if err != nil {
		return nil, err
	}
	e := &Examination{NetUID: netuid, Progress: course.Progress(), Models: []Examined{}}
	for _, s := range list {
		m := Examined{
			Digest: exam.SpellDigest(s.Model.Digest), Name: s.Listed.Name, Author: s.Listed.Author, Licence: s.Listed.Licence,
			Parameters: s.Model.Parameters, Servers: s.Servers, Items: s.Items, Capability: s.Capability, Place: s.Place, Depth: s.Depth,
			Why: s.Why.String(), Fault: s.Fault,
		}
		if m.Tempos, err = course.Tempos(s.Model.Digest, toldTempos); err != nil {
			return nil, err
		}
		if m.Answers, err = course.Answers(s.Model.Digest, toldAnswers); err != nil {
			return nil, err
		}
		e.Models = append(e.Models, m)
	}
	return e, nil
}

// fetchWithin bounds the wait for what a validator publishes.
const fetchWithin = 30 * time.Second

// FetchExamination asks a validator, by its gateway's base URL, what it found out about a subnet's models.
func FetchExamination(ctx context.Context, gateway string, netuid uint32) (*Examination, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	url := strings.TrimSuffix(strings.TrimSuffix(gateway, "/"), "/v1") + ExaminationPath + strconv.Itoa(int(netuid))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxExamination))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", resp.Status, body)
	}
	if err != nil {
		return nil, fmt.Errorf("examination by %s: %w", url, err)
	}
	e := &Examination{}
	if err := json.Unmarshal(body, e); err != nil {
		return nil, fmt.Errorf("examination by %s: %w", url, err)
	}
	return e, nil
}

// maxExamination bounds what is read of a validator, in bytes.
const maxExamination = 64 << 20

// ErrDiffers says that a published result is not what the weights give.
var ErrDiffers = errors.New("the examination differs")

// Compare holds published results to those of own and counts the scores that both have. The error is ErrDiffers and names the first that
// is another.
func (e *Examination) Compare(own *exam.Course) (same int, err error) {
	for _, m := range e.Models {
		digest, ok := exam.ParseDigest(m.Digest)
		if !ok {
			return same, fmt.Errorf("%w: there is no model %q", ErrDiffers, m.Digest)
		}
		mine, err := own.Tempos(digest, math.MaxInt)
		if err != nil {
			return same, err
		}
		for _, t := range m.Tempos {
			i := slices.IndexFunc(mine, func(o exam.Tempo) bool { return o.Epoch == t.Epoch })
			if i < 0 {
				continue
			}
			if !slices.Equal(mine[i].Scores, t.Scores) {
				return same, fmt.Errorf("%w: %s, tempo %d: published are %v, here are %v", ErrDiffers, m.Name, t.Epoch, t.Scores, mine[i].Scores)
			}
			same += len(t.Scores)
		}
	}
	return same, nil
}
