package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Line is a miner's own page: its place and why it is there.
type Line struct {
	Rank    int      `json:"rank"` // from 1, in the order of the board
	Of      int      `json:"of"`
	Miner   Miner    `json:"miner"`
	Reasons []string `json:"reasons"`
}

// lineOf finds a miner in an ordered board.
func lineOf(sub *Subnet, uid string) (Line, bool) {
	for i, m := range sub.Miners {
		if strconv.FormatUint(uint64(m.UID), 10) == uid {
			l := Line{Rank: i + 1, Of: len(sub.Miners), Miner: m}
			l.Reasons = reasons(sub, i)
			return l, true
		}
	}
	return Line{}, false
}

// Few answers and slow service: below these a page names them.
const (
	fewItems    = 100
	fullService = 0.995
)

// reasons says in sentences what puts a miner where it is, the weightiest first.
func reasons(sub *Subnet, at int) []string {
	m := sub.Miners[at]
	var list []string
	if !m.Connected {
		list = append(list, "It is not connected to this gateway: who does not answer counts as absent and earns less every epoch.")
	}
	list = append(list, m.Audits.reasons()...)
	s := m.Score
	if s == nil {
		return append(list, "This gateway's validator has not judged it yet: a newcomer is asked first, until it has about a hundred answers behind it.")
	}
	if !s.Ready {
		list = append(list, fmt.Sprintf("It has been asked %d times: below about %d its weight is 0, whatever it answers.", s.Items, fewItems))
	}
	if s.CopyOf != nil {
		list = append(list, fmt.Sprintf("Its answers are those of uid %d, so it shares that one's place.", *s.CopyOf))
	}
	list = append(list, fmt.Sprintf("Its answers score %s on average; %s is certain, and pay goes by what is certain.", percent(s.Value), percent(s.Low)))
	if s.Service < fullService {
		list = append(list, fmt.Sprintf("Its service counts %s: answers that were slow, failed or refused within its capacity lower it.", percent(s.Service)))
	}
	if at > 0 && !sub.Miners[at-1].paidLike(m) {
		list = append(list, ahead(sub.Miners[at-1], m))
	}
	if s.Low <= 0 {
		list = append(list, "No answer of it was certainly better than chance: what it says is wrong, or is in a form that is not what was asked.")
	}
	return list
}

// reasons says what running its answers again has to do with a server's pay.
func (a *Audits) reasons() []string {
	if a == nil {
		return nil
	}
	if !a.Paid && a.Near != nil {
		return []string{"This validator pays it nothing: " + a.Why + ".", a.Near.said()}
	}
	if !a.Paid {
		return []string{"This validator pays it nothing: " + a.Why + "."}
	}
	return []string{fmt.Sprintf("Of its last %d answers that were run again on its model %d were the model's, %d were not.", len(a.Last), a.Right, a.False)}
}

// paidLike tells whether two miners share a place.
func (m Miner) paidLike(other Miner) bool {
	return m.Score != nil && other.Score != nil && m.Score.Tier == other.Score.Tier
}

// ahead says what the next better miner has more of.
func ahead(better, m Miner) string {
	name := better.Model
	if name == "" {
		name = "a miner without a card"
	}
	if better.Score == nil {
		return fmt.Sprintf("Ahead of it is uid %d, %s, by the chain's ranking.", better.UID, name)
	}
	return fmt.Sprintf("Ahead of it is uid %d, %s, with a score of %s: the place is its once its own score is certainly above that.", better.UID, name, percent(better.Score.Value))
}

// line shows one miner.
func (s *Site) line(w http.ResponseWriter, r *http.Request) {
	sub, v, ok := s.find(w, r)
	if !ok {
		return
	}
	l, ok := lineOf(sub, strings.TrimSuffix(r.PathValue("uid"), ".json"))
	if !ok {
		s.fail(w, http.StatusNotFound, "There is no miner with this uid in the subnet.")
		return
	}
	if wantsJSON(r) {
		writeJSON(w, l)
		return
	}
	s.render(w, r, http.StatusOK, "miner", page{view: v, Title: fmt.Sprintf("uid %d of %s", l.Miner.UID, sub.Name), Here: "/subnets", Subnet: sub, Line: &l})
}

// seek leads from what a miner knows of himself, his uid, hot key, owner's address or model, to his line.
func (s *Site) seek(w http.ResponseWriter, r *http.Request) {
	sub, _, ok := s.find(w, r)
	if !ok {
		return
	}
	want := strings.TrimSpace(r.URL.Query().Get("q"))
	for _, m := range sub.Miners {
		if want != "" && (strconv.FormatUint(uint64(m.UID), 10) == want || m.HotKey == want || m.Owner == want || strings.EqualFold(m.Model, want)) {
			http.Redirect(w, r, fmt.Sprintf("/subnets/%s/miners/%d", url.PathEscape(r.PathValue("netuid")), m.UID), http.StatusSeeOther)
			return
		}
	}
	s.fail(w, http.StatusNotFound, "No miner of this subnet has that uid, hot key, owner or model.")
}
