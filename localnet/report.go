package localnet

import (
	"fmt"
	"strings"
)

// Finding is one thing that a check looked at.
type Finding struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

// Report is what a check found.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Text is the report for a person.
func (r *Report) Text() string {
	var b strings.Builder
	for _, f := range r.Findings {
		mark := "ok  "
		if !f.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(&b, "%s  %-34s %s\n", mark, f.Name, f.Detail)
	}
	return b.String()
}

// Err is nil if everything was as it should be.
func (r *Report) Err() error {
	var failed []string
	for _, f := range r.Findings {
		if !f.OK {
			failed = append(failed, f.Name)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("the loop is not sound: %s", strings.Join(failed, ", "))
	}
	return nil
}
