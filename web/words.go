package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
)

var words = template.FuncMap{
	"tao": tao, "coins": coins, "percent": percent, "count": count, "short": short, "spell": spell, "seconds": seconds,
	"asset": assetURL, "rank": func(i int) int { return i + 1 },
	"px":    func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
	"scale": func(v float64) float64 { return 100 * min(max(v, 0), 1) },
}

// tao spells rao in TAO: to 3 decimal places below 1,000, to none above.
func tao(rao uint64) string {
	whole, part := rao/1e9, rao%1e9
	switch {
	case rao > 0 && rao < 1e6:
		return "<0.001"
	case whole < 1000:
		return fmt.Sprintf("%d.%03d", whole, part/1e6)
	}
	return count(whole)
}

// coins spells rao in TAO exactly, without an exponent.
func coins(rao uint64) string {
	whole, part := rao/1e9, rao%1e9
	text := count(whole)
	if part == 0 {
		return text
	}
	return strings.TrimRight(fmt.Sprintf("%s.%09d", text, part), "0")
}

// count writes an integer of any type in groups of three.
func count(n any) string {
	text := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 && text[i-1] != '-' {
			b.WriteRune(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func percent(v float64) string {
	switch {
	case v == 0:
		return "0 %"
	case v > 0 && v < 0.001:
		return "<0.1 %"
	case v > 0.9995:
		return "100 %"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

// short keeps both ends of a long address.
func short(s string) string {
	if len(s) <= 16 {
		return s
	}
	return s[:8] + "…" + s[len(s)-5:]
}

func seconds(s float64) string {
	if s == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f s", s)
}

// spell says a duration in its largest unit.
func spell(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
