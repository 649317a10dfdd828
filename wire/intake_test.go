package wire

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// A body that does not come whole is no bad request: a 400 would be passed on to who asked, and nobody else be tried.
func TestABodyThatDoesNotComeWholeIsNoBadRequest(t *testing.T) {
	for name, why := range map[string]error{"cut": io.ErrUnexpectedEOF, "late": os.ErrDeadlineExceeded} {
		for _, length := range []int64{10, -1} {
			s := &server{ServeConfig: ServeConfig{Handler: echo}.withDefaults()}
			r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(why)))
			r.ContentLength = length
			w := httptest.NewRecorder()
			s.serve(w, r)
			if w.Code != http.StatusRequestTimeout {
				t.Errorf("%s, length %d: status %d", name, length, w.Code)
			}
		}
	}
}
