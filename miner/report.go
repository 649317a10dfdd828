package miner

import (
	"fmt"
	"strings"
	"time"
)

// Report is how a miner does: what it prints and what `agora miner status` asks of a running one.
type Report struct {
	NetUID      uint32              `json:"netuid"`
	UID         uint32              `json:"uid"`
	Model       string              `json:"model"`
	Digest      string              `json:"digest,omitempty"` // of the model, "sha256:<hex>"; empty where nobody can name its weights
	PID         int                 `json:"pid"`
	Since       time.Time           `json:"since"`
	Connections []ConnectionReport  `json:"connections"`
	Requests    map[string]Outcomes `json:"requests"` // since the start, by kind
	InFlight    int                 `json:"in_flight"`
	Away        string              `json:"away,omitempty"` // why the backend is away, and since when
	Payments    *Payments           `json:"payments,omitempty"`
	Standing    *Standing           `json:"standing"` // nil before the chain was asked
}

// ConnectionReport is one validator's entry.
type ConnectionReport struct {
	Addr      string    `json:"addr"`
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason,omitempty"`
}

// Standing is what chain and validators think of a miner.
type Standing struct {
	Height    int64     `json:"height"`
	Epoch     uint64    `json:"epoch"`     // the last that paid
	Incentive float64   `json:"incentive"` // share of the miners' pay in it, 0 to 1
	Emission  uint64    `json:"emission"`  // rao, in it
	Opinions  []Opinion `json:"opinions"`
}

// Opinion is what one validator's page says of a miner.
type Opinion struct {
	Validator string   `json:"validator"` // address of its gateway
	Rank      int      `json:"rank"`      // from 1
	Of        int      `json:"of"`
	Score     float64  `json:"score"` // mean of the scored answers, 0 to 1
	Items     int      `json:"items"`
	Reasons   []string `json:"reasons"`
	Err       string   `json:"error,omitempty"` // why it could not be asked
}

// Describe is the miner's own part of a report.
func (m *Miner) Describe(s *Server, w *Watch) Report {
	st := s.Stats()
	r := Report{Requests: st.Kinds, InFlight: st.InFlight, Connections: []ConnectionReport{}, Payments: m.Meter.Payments()}
	for _, c := range m.Connections() {
		r.Connections = append(r.Connections, ConnectionReport{Addr: c.Addr, Connected: c.Connected, Since: c.Since, Reason: c.Reason})
	}
	if since, why := w.Away(); !since.IsZero() {
		r.Away = fmt.Sprintf("since %s: %v", since.Format(time.TimeOnly), why)
	}
	return r
}

// Connected counts the validators that have this miner.
func (r Report) Connected() int {
	n := 0
	for _, c := range r.Connections {
		if c.Connected {
			n++
		}
	}
	return n
}

// Text is the report for people, several lines.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "uid %d of subnet %d, %s: connected to %d of %d validators; %s\n", r.UID, r.NetUID, r.Model, r.Connected(), len(r.Connections), describe(r.Requests))
	if r.Digest != "" {
		fmt.Fprintf(&b, "  weights %s\n", r.Digest)
	}
	if r.Away != "" {
		fmt.Fprintf(&b, "  the backend is away %s\n", r.Away)
	}
	for _, c := range r.Connections {
		if !c.Connected && r.Away == "" {
			fmt.Fprintf(&b, "  not at %s: %s\n", c.Addr, c.Reason)
		}
	}
	if p := r.Payments; p != nil {
		fmt.Fprintf(&b, "  validators were charged %d rao and signed for %d; %d are lost, %d vouchers were no good\n", p.Charged, p.Signed, p.Lost, p.Refused)
	}
	if r.Standing != nil {
		b.WriteString(r.Standing.text())
	}
	return b.String()
}

func (s *Standing) text() string {
	var b strings.Builder
	if s.Epoch == 0 {
		fmt.Fprintf(&b, "  no epoch has paid yet\n")
	} else {
		fmt.Fprintf(&b, "  incentive %.2f %% of the miners' pay, %d rao, in epoch %d\n", 100*s.Incentive, s.Emission, s.Epoch)
	}
	for _, o := range s.Opinions {
		switch {
		case o.Err != "":
			fmt.Fprintf(&b, "  %s cannot be asked: %s\n", o.Validator, o.Err)
		case o.Items == 0:
			fmt.Fprintf(&b, "  %s: not judged yet\n", o.Validator)
		default:
			fmt.Fprintf(&b, "  %s: score %.3f of %d answers, rank %d of %d\n", o.Validator, o.Score, o.Items, o.Rank, o.Of)
		}
		for _, why := range o.Reasons {
			fmt.Fprintf(&b, "    %s\n", why)
		}
	}
	return b.String()
}
