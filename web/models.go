package web

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Model is a published model as the chain lists it. Amounts are in rao.
type Model struct {
	Digest       string    `json:"digest"` // "sha256:<hex>" of what it computes
	Name         string    `json:"name"`   // the author's own; empty once retired
	Author       string    `json:"author"` // account of whoever committed to it first
	Common       bool      `json:"common"` // was public before: nobody is paid as its author
	Retired      bool      `json:"retired"`
	Licence      string    `json:"licence"`
	Format       string    `json:"format"`
	Bytes        uint64    `json:"bytes"`
	Parameters   uint64    `json:"parameters"`
	Template     string    `json:"template,omitempty"`
	Sources      []string  `json:"sources"`
	Share        float64   `json:"share"`  // of its servers' pay that goes to its author, 0 to 1
	Height       int64     `json:"height"` // of the commit, which with Index is its order
	Index        uint64    `json:"index"`
	Published    time.Time `json:"published"`
	Earned       uint64    `json:"earned"` // by serving it, the author's part included
	EarnedAuthor uint64    `json:"earned_author"`
	Servers      []uint32  `json:"servers"` // uids whose card names it now
	Stands       *Place    `json:"stands"`  // nil where it is not examined
}

// Full is what a model is called: its author's account and his name for it.
func (m Model) Full() string {
	if m.Name == "" {
		return m.Digest
	}
	return m.Author + "/" + m.Name
}

// Pays says whether somebody is paid as its author.
func (m Model) Pays() bool { return !m.Common && !m.Retired && m.Share > 0 }

// models shows what is published in a subnet.
func (s *Site) models(w http.ResponseWriter, r *http.Request) {
	sub, v, ok := s.find(w, r)
	if !ok {
		return
	}
	if wantsJSON(r) {
		writeJSON(w, sub.Listed)
		return
	}
	s.render(w, r, http.StatusOK, "models", page{view: v, Title: "Models of " + sub.Name, Here: "/subnets", Subnet: sub})
}

// places tells who held which place.
func (s *Site) places(w http.ResponseWriter, r *http.Request) {
	if sub, _, ok := s.find(w, r); ok {
		writeJSON(w, append([]Held{}, sub.Held...))
	}
}

// Inspected is a model with its examination.
type Inspected struct {
	Model
	Exam *Exam `json:"exam"` // nil where it is not examined here
}

// model shows one of them.
func (s *Site) model(w http.ResponseWriter, r *http.Request) {
	sub, v, ok := s.find(w, r)
	if !ok {
		return
	}
	want := strings.TrimSuffix(r.PathValue("digest"), ".json")
	at := slices.IndexFunc(sub.Listed, func(m Model) bool { return m.Digest == want })
	if at < 0 {
		s.fail(w, http.StatusNotFound, "No such model is published in this subnet. The subnet's page of models lists those that are.")
		return
	}
	m := Inspected{Model: sub.Listed[at]}
	var err error
	if m.Exam, err = s.exam(r.Context(), sub.NetUID, want); err != nil {
		s.opt.Log.Warn("cannot read an examination for the pages", "model", want, "err", err)
		s.fail(w, http.StatusServiceUnavailable, "The examination of this model cannot be read now; this page tries again by itself.")
		return
	}
	if wantsJSON(r) {
		writeJSON(w, m)
		return
	}
	s.render(w, r, http.StatusOK, "model", page{view: v, Title: m.Full(), Here: "/subnets", Subnet: sub, Model: &m})
}

// Serving are a model's servers, in the order of the board.
func (s *Subnet) Serving(m *Inspected) (list []Miner) {
	for _, n := range s.Miners {
		if slices.Contains(m.Servers, n.UID) {
			list = append(list, n)
		}
	}
	return list
}

// Ranked are a subnet's models: those with a place first, then in the order of commits.
func (s *Subnet) Ranked() []Model {
	list := slices.Clone(s.Listed)
	slices.SortStableFunc(list, func(a, b Model) int { return cmp.Compare(a.rank(), b.rank()) })
	return list
}

// rank is a model's place, behind all where it has none.
func (m Model) rank() int {
	if m.Stands == nil || m.Stands.Place == 0 {
		return math.MaxInt
	}
	return m.Stands.Place
}

// Recent are the latest changes of places.
func (s *Subnet) Recent() []Held { return s.Held[:min(len(s.Held), maxRecent)] }

// maxRecent bounds the changes of places in the table.
const maxRecent = 20
