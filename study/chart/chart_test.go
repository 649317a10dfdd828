package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"agora/mechanism/yuma"
	"agora/study"
	"agora/study/chart"
)

func TestChartsAreSVG(t *testing.T) {
	curves := []study.GuaranteeCurve{{
		Setting: study.Setting{Name: "base"},
		Points: []study.Point{
			{HonestStake: .6, Required: .73, Published: .74},
			{HonestStake: .7, Required: .75, Published: .75},
		},
	}}
	grid := study.CopierGrid([]study.Formula{{Name: "shipped", Params: yuma.Default()}},
		[]float64{.1}, []float64{0, .1}, []int{1, 2, 4})
	copies, err := study.Copier(t.Context(), grid, study.Effort{Seed: 1, Seeds: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, draw := range map[string]func(io.Writer) error{
		"guarantee": func(w io.Writer) error { return chart.Guarantee(w, curves) },
		"copier":    func(w io.Writer) error { return chart.Copier(w, copies) },
	} {
		var image bytes.Buffer
		if err := draw(&image); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Contains(image.Bytes(), []byte("<svg")) {
			t.Errorf("%s is no SVG", name)
		}
		decoder := xml.NewDecoder(&image)
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}
