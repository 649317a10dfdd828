package study

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// GuaranteeReport is the result of the guarantee study as JSON.
type GuaranteeReport struct {
	Seed   uint64           `json:"seed"`
	Seeds  int              `json:"seeds"`
	Curves []GuaranteeCurve `json:"curves"`
}

// CopierReport is the result of the copier study as JSON.
type CopierReport struct {
	Seed  uint64    `json:"seed"`
	Seeds int       `json:"seeds"`
	Cases []Copying `json:"cases"`
}

// WriteJSON writes a report, indented.
func WriteJSON(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// WriteTable writes the curves as a table: required weight by honest stake,
// measured and, after a slash, published.
func (r GuaranteeReport) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{"honest stake"}
	for _, stake := range HonestStakes {
		head = append(head, fmt.Sprintf("%.2f", stake))
	}
	fmt.Fprintln(table, strings.Join(head, "\t"))
	for _, curve := range r.Curves {
		line := []string{curve.Name}
		for _, p := range curve.Points {
			cell := fmt.Sprintf("%.3f", p.Required)
			if p.Published > 0 {
				cell += fmt.Sprintf("/%.3f", p.Published)
			}
			line = append(line, cell)
		}
		fmt.Fprintln(table, strings.Join(line, "\t"))
	}
	return table.Flush()
}

// WriteTable writes a line per formula, drift and noise, with the copier's
// dividend per stake relative to an honest one at each age.
func (r CopierReport) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	ages := agesOf(r.Cases)
	fmt.Fprint(table, "formula\tdrift\tnoise")
	for _, age := range ages {
		fmt.Fprintf(table, "\tage %d", age)
	}
	for k, c := range r.Cases {
		if k%len(ages) == 0 {
			fmt.Fprintf(table, "\n%s\t%.2f\t%.2f", c.Formula, c.Drift, c.Noise)
		}
		fmt.Fprintf(table, "\t%.3f", c.Ratio)
	}
	fmt.Fprintln(table)
	return table.Flush()
}

// agesOf returns the ages of a grid, which vary fastest.
func agesOf(cases []Copying) []int {
	var ages []int
	for _, c := range cases {
		if len(ages) > 0 && c.Age == ages[0] {
			break
		}
		ages = append(ages, c.Age)
	}
	return ages
}

// WriteMarkdown writes the table of docs/epoch.md.
func (r GuaranteeReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| honest stake |")
	for _, stake := range HonestStakes {
		fmt.Fprintf(&b, " %s |", short(stake, 2))
	}
	b.WriteString("\n" + strings.Repeat("|---", 1+len(HonestStakes)) + "|\n")
	for _, curve := range r.Curves {
		fmt.Fprintf(&b, "| %s |", curve.Name)
		for _, p := range curve.Points {
			fmt.Fprintf(&b, " %s", short(p.Required, 3))
			if p.Published > 0 {
				fmt.Fprintf(&b, "/%s", short(p.Published, 3))
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes the table of docs/epoch.md.
func (r CopierReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	ages := agesOf(r.Cases)
	b.WriteString("| formula | drift | noise |")
	for _, age := range ages {
		fmt.Fprintf(&b, " age %d |", age)
	}
	b.WriteString("\n" + strings.Repeat("|---", 3+len(ages)) + "|")
	for k, c := range r.Cases {
		if k%len(ages) == 0 {
			fmt.Fprintf(&b, "\n| %s | %s | %s |", c.Formula, short(c.Drift, 2), short(c.Noise, 2))
		}
		fmt.Fprintf(&b, " %s |", short(c.Ratio, 3))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// short writes a number without the zero before its point.
func short(v float64, digits int) string {
	return strings.TrimPrefix(fmt.Sprintf("%.*f", digits, v), "0")
}
