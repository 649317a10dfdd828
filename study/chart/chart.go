// Package chart draws the studies of the mechanism as SVG.
package chart

import (
	"fmt"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"agora/study"
)

// Size of a chart.
const (
	width  = 18 * vg.Centimeter
	height = 11 * vg.Centimeter
)

// Guarantee draws the weight that honest validators must give their own side
// against their stake, one line per curve, and what was published of the first.
func Guarantee(w io.Writer, curves []study.GuaranteeCurve) error {
	p := plot.New()
	p.Title.Text = "Weight on honest miners that guarantees the honest share"
	p.X.Label.Text = "honest stake"
	p.Y.Label.Text = "weight required in the worst case"
	var lines []any
	var published plotter.XYs
	for k, curve := range curves {
		points := make(plotter.XYs, 0, len(curve.Points))
		for _, at := range curve.Points {
			points = append(points, plotter.XY{X: at.HonestStake, Y: at.Required})
			if k == 0 && at.Published > 0 {
				published = append(published, plotter.XY{X: at.HonestStake, Y: at.Published})
			}
		}
		lines = append(lines, curve.Name, points)
	}
	if err := plotutil.AddLines(p, lines...); err != nil {
		return fmt.Errorf("drawing the curves: %w", err)
	}
	if len(published) > 0 {
		if err := plotutil.AddScatters(p, curves[0].Name+", published", published); err != nil {
			return fmt.Errorf("drawing the published points: %w", err)
		}
	}
	return write(p, w) // the lines leave the lower right free
}

// Copier draws the copier's dividend per stake against the age of what it
// copies, one line per formula, drift and noise.
func Copier(w io.Writer, cases []study.Copying) error {
	p := plot.New()
	p.Title.Text = "Dividend per stake of a copier, relative to an honest validator"
	p.X.Label.Text = "age of the copied consensus, epochs"
	p.Y.Label.Text = "copier / honest"
	var lines []any
	var points plotter.XYs
	for k, c := range cases {
		points = append(points, plotter.XY{X: float64(c.Age), Y: c.Ratio})
		if k+1 == len(cases) || cases[k+1].Age <= c.Age {
			lines = append(lines, fmt.Sprintf("%s, drift %.2f, noise %.2f", c.Formula, c.Drift, c.Noise), points)
			points = nil
		}
	}
	if err := plotutil.AddLinePoints(p, lines...); err != nil {
		return fmt.Errorf("drawing the lines: %w", err)
	}
	p.Legend.Left = true // the lines fall from the upper left
	return write(p, w)
}

// write writes the SVG, with the legend at the bottom.
func write(p *plot.Plot, w io.Writer) error {
	p.Legend.TextStyle.Font.Size = vg.Points(8)
	p.Add(plotter.NewGrid())
	image, err := p.WriterTo(width, height, "svg")
	if err != nil {
		return fmt.Errorf("drawing the chart: %w", err)
	}
	_, err = image.WriteTo(w)
	return err
}
