package daemon

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// What a miner refuses is an answer of no words.
func TestWhatAMinerRefusesIsAnAnswerOfNoWords(t *testing.T) {
	for status, want := range map[int]bool{400: true, 413: true, 429: false, 500: false} {
		body, err := answered(response(status, "no"), nil)
		if (err == nil) != want || want && string(body) != noWords {
			t.Errorf("%d: %q, %v", status, body, err)
		}
	}
	if body, err := answered(response(200, "{}"), nil); err != nil || string(body) != "{}" {
		t.Errorf("%q, %v", body, err)
	}
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}
}
