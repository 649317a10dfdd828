package main

import (
	"strings"
	"testing"

	"agora/study"
)

func TestATableIsReplacedBetweenItsMarks(t *testing.T) {
	page := "before\n<!-- copier -->\nold\n<!-- /copier -->\nafter\n"
	r := study.CopierReport{Cases: []study.Copying{{Formula: "f", Drift: .02, Noise: .3, Age: 1, Ratio: .5}, {Formula: "f", Age: 2, Ratio: 1.25}}}
	got, err := replace([]byte(page), "copier", r)
	if err != nil {
		t.Fatal(err)
	}
	want := "before\n<!-- copier -->\n| formula | drift | noise | age 1 | age 2 |\n|---|---|---|---|---|\n| f | .02 | .30 | .500 | 1.250 |\n<!-- /copier -->\nafter\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := replace([]byte("<!-- copier -->\n"), "copier", r); err == nil || !strings.Contains(err.Error(), "put them around the table") {
		t.Errorf("a page without the marks: %v", err)
	}
}
