package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// page is what every template gets.
type page struct {
	view
	Title   string
	Here    string // path of the page in the navigation
	DemoKey string
	Origin  string // of the request, for examples that can be copied
	Subnet  *Subnet
	Line    *Line      // of the miner whose page it is
	Model   *Inspected // whose page it is
	Message string
}

// home shows the whole market.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	v, ok := s.look(w, r)
	if !ok {
		return
	}
	if wantsJSON(r) {
		writeJSON(w, v.Snapshot)
		return
	}
	s.render(w, r, http.StatusOK, "home", page{view: v, Title: "The market", Here: "/"})
}

// subnet shows one subnet's leaderboard.
func (s *Site) subnet(w http.ResponseWriter, r *http.Request) {
	sub, v, ok := s.find(w, r)
	if !ok {
		return
	}
	if wantsJSON(r) {
		writeJSON(w, sub)
		return
	}
	s.render(w, r, http.StatusOK, "subnet", page{view: v, Title: sub.Name, Here: "/subnets", Subnet: sub})
}

// plot gives the history of a subnet's incentives.
func (s *Site) plot(w http.ResponseWriter, r *http.Request) {
	sub, _, ok := s.find(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	data := s.history.series(sub)
	s.mu.Unlock()
	writeJSON(w, data)
}

func (s *Site) validators(w http.ResponseWriter, r *http.Request) {
	v, ok := s.look(w, r)
	if !ok {
		return
	}
	if wantsJSON(r) {
		writeJSON(w, v.Validators)
		return
	}
	s.render(w, r, http.StatusOK, "validators", page{view: v, Title: "Validators", Here: "/validators"})
}

// money shows prices, incomes and demand.
func (s *Site) money(w http.ResponseWriter, r *http.Request) {
	v, ok := s.look(w, r)
	if !ok {
		return
	}
	if wantsJSON(r) {
		writeJSON(w, v.Subnets)
		return
	}
	s.render(w, r, http.StatusOK, "money", page{view: v, Title: "Money", Here: "/money"})
}

func (s *Site) try(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.look(w, r); ok {
		s.render(w, r, http.StatusOK, "try", page{view: v, Title: "Ask the market", Here: "/try"})
	}
}

// look takes a snapshot; without one the answer is given.
func (s *Site) look(w http.ResponseWriter, r *http.Request) (view, bool) {
	v, err := s.snapshot(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "2")
		s.fail(w, http.StatusServiceUnavailable, "The chain cannot be read yet. A network that has just started needs some seconds; this page tries again by itself.")
		return v, false
	}
	ordered := *v.Snapshot
	ordered.Subnets = slices.Clone(ordered.Subnets)
	for i := range ordered.Subnets {
		ordered.Subnets[i].Miners = order(ordered.Subnets[i].Miners)
	}
	ordered.Validators = slices.Clone(ordered.Validators)
	slices.SortStableFunc(ordered.Validators, func(a, b Validator) int { return cmp.Compare(b.Stake, a.Stake) })
	v.Snapshot = &ordered
	return v, true
}

// order puts the best miner first: by incentive, then by own score, then by uid.
func order(miners []Miner) []Miner {
	value := func(m Miner) float64 {
		if m.Score == nil {
			return -1
		}
		return m.Score.Value
	}
	miners = slices.Clone(miners)
	slices.SortFunc(miners, func(a, b Miner) int {
		return cmp.Or(cmp.Compare(b.Incentive, a.Incentive), cmp.Compare(value(b), value(a)), cmp.Compare(a.UID, b.UID))
	})
	return miners
}

// find looks a subnet up by the netuid or name in the path.
func (s *Site) find(w http.ResponseWriter, r *http.Request) (*Subnet, view, bool) {
	v, ok := s.look(w, r)
	if !ok {
		return nil, v, false
	}
	want := strings.TrimSuffix(r.PathValue("netuid"), ".json")
	for i := range v.Subnets {
		if sub := &v.Subnets[i]; sub.Name == want || strconv.FormatUint(uint64(sub.NetUID), 10) == want {
			return sub, v, true
		}
	}
	s.fail(w, http.StatusNotFound, "There is no such subnet. The front page lists those that exist.")
	return nil, v, false
}

func wantsJSON(r *http.Request) bool {
	return r.URL.Query().Get("format") == "json" || strings.HasSuffix(r.URL.Path, ".json")
}

func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // our own structs marshal, unless a Source put NaN into one
		http.Error(w, "this table cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // a browser that left needs no answer
}

func (s *Site) fail(w http.ResponseWriter, status int, message string) {
	s.render(w, nil, status, "error", page{Title: http.StatusText(status), Message: message})
}

// render writes a page only if it is whole.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	if r != nil {
		p.Origin = origin(r)
		p.DemoKey = s.opt.DemoKey
	}
	var out bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&out, "layout", p); err != nil {
		s.opt.Log.Error("cannot render a page", "page", name, "err", err)
		http.Error(w, "this page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a browser that left needs no answer
}

func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
