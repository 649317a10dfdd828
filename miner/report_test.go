package miner

import (
	"strings"
	"testing"
)

// A report names the weights where they have a digest, and leaves the line out where nobody can name them.
func TestAReportNamesTheWeights(t *testing.T) {
	r := Report{NetUID: 2, UID: 4, Model: "ngram-6"}
	if text := r.Text(); strings.Contains(text, "weights") {
		t.Errorf("weights without a digest:\n%s", text)
	}
	r.Digest = "sha256:" + strings.Repeat("0a", 32)
	if text := r.Text(); !strings.Contains(text, "  weights "+r.Digest+"\n") {
		t.Errorf("no line of the digest:\n%s", text)
	}
}
