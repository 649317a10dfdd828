// Command figures renews what docs/epoch.md shows of the studies: its plots, and the tables between its marks.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"agora/study"
	"agora/study/chart"
)

func main() {
	docs := flag.String("docs", "docs", "folder with epoch.md")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := renew(ctx, *docs); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func renew(ctx context.Context, docs string) error {
	settings, formulas := study.Settings(), study.Formulas()
	fmt.Fprintln(os.Stderr, "the guarantee: minutes")
	curves, err := study.Guarantee(ctx, settings, study.Effort{Seed: 1, Seeds: study.GuaranteeSeeds})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "the copier: seconds")
	grid := study.CopierGrid(formulas, study.Drifts, study.Noises, study.Ages)
	copies, err := study.Copier(ctx, grid, study.Effort{Seed: 1, Seeds: study.CopierSeeds})
	if err != nil {
		return err
	}
	page := filepath.Join(docs, "epoch.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if text, err = replace(text, "guarantee", study.GuaranteeReport{Curves: curves}); err != nil {
		return err
	}
	if text, err = replace(text, "copier", study.CopierReport{Cases: copies}); err != nil {
		return err
	}
	if err := os.WriteFile(page, text, 0o644); err != nil {
		return err
	}
	if err := draw(filepath.Join(docs, "epoch", "guarantee.svg"), func(w io.Writer) error { return chart.Guarantee(w, curves) }); err != nil {
		return err
	}
	shipped := copies[:len(copies)/len(formulas)]
	return draw(filepath.Join(docs, "epoch", "copier.svg"), func(w io.Writer) error { return chart.Copier(w, shipped) })
}

// table is what a report writes into the page.
type table interface{ WriteMarkdown(w io.Writer) error }

// replace puts a table between the lines <!-- name --> and <!-- /name --> of a page.
func replace(page []byte, name string, t table) ([]byte, error) {
	begin, end := fmt.Appendf(nil, "<!-- %s -->\n", name), fmt.Appendf(nil, "<!-- /%s -->\n", name)
	before, rest, opened := bytes.Cut(page, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !opened || !closed {
		return nil, fmt.Errorf("the page holds no lines <!-- %s --> and <!-- /%s -->: put them around the table", name, name)
	}
	var out bytes.Buffer
	out.Write(before)
	out.Write(begin)
	if err := t.WriteMarkdown(&out); err != nil {
		return nil, err
	}
	out.Write(end)
	out.Write(after)
	return out.Bytes(), nil
}

func draw(path string, write func(io.Writer) error) error {
	var image bytes.Buffer
	if err := write(&image); err != nil {
		return err
	}
	return os.WriteFile(path, image.Bytes(), 0o644)
}
