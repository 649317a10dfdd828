package web

import (
	"net/http"
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

// model shows one of them.
func (s *Site) model(w http.ResponseWriter, r *http.Request) {
	sub, v, ok := s.find(w, r)
	if !ok {
		return
	}
	want := strings.TrimSuffix(r.PathValue("digest"), ".json")
	for i := range sub.Listed {
		m := &sub.Listed[i]
		if m.Digest != want {
			continue
		}
		if wantsJSON(r) {
			writeJSON(w, m)
			return
		}
		s.render(w, r, http.StatusOK, "model", page{view: v, Title: m.Full(), Here: "/subnets", Subnet: sub, Model: m})
		return
	}
	s.fail(w, http.StatusNotFound, "No such model is published in this subnet. The subnet's page of models lists those that are.")
}
