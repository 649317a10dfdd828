package http1

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// setLine sets a header line in the short way where there is one.
func setLine(w http.ResponseWriter, name, value string) {
	if s, ok := w.(interface{ SetLine(name, value string) }); ok {
		s.SetLine(name, value)
		return
	}
	w.Header().Set(name, value)
}

// lined are handlers that set header lines in both ways.
var lined = map[string]func(w http.ResponseWriter){
	"alone":          func(w http.ResponseWriter) { setLine(w, "X-A", "1"); setLine(w, "X-B", "2") },
	"twice":          func(w http.ResponseWriter) { setLine(w, "X-A", "1"); setLine(w, "X-A", "2") },
	"before the map": func(w http.ResponseWriter) { setLine(w, "X-A", "1"); w.Header().Set("X-A", "2") },
	"behind the map": func(w http.ResponseWriter) { w.Header()["X-A"] = []string{"1", "2"}; setLine(w, "X-A", "3") },
	"beside the map": func(w http.ResponseWriter) { w.Header().Set("X-A", "1"); setLine(w, "X-B", "2") },
	"added to":       func(w http.ResponseWriter) { setLine(w, "X-A", "1"); w.Header().Add("X-A", "2") },
	"taken back":     func(w http.ResponseWriter) { setLine(w, "X-A", "1"); w.Header().Del("X-A") },
	"line ends":      func(w http.ResponseWriter) { setLine(w, "X-A", " a\r\nX-B: b\n"); setLine(w, "X-C", "\r") },
	"no token": func(w http.ResponseWriter) {
		setLine(w, "X A", "1")
		setLine(w, "X-A\r\nX-B", "1")
		setLine(w, "", "1")
	},
	"length":       func(w http.ResponseWriter) { setLine(w, "Content-Length", "4"); setLine(w, "Content-Type", "a/b") },
	"closing":      func(w http.ResponseWriter) { setLine(w, "Connection", "close") },
	"not modified": func(w http.ResponseWriter) { setLine(w, "Content-Type", "a/b"); w.WriteHeader(http.StatusNotModified) },
	"behind the head": func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusOK)
		setLine(w, "X-A", "1")
		w.Header().Set("X-B", "1")
	},
	"hints first": func(w http.ResponseWriter) { setLine(w, "Link", "</a>"); w.WriteHeader(http.StatusEarlyHints) },
	"trailers": func(w http.ResponseWriter) {
		setLine(w, "Trailer", "X-A")
		_ = http.NewResponseController(w).Flush()
		setLine(w, "X-A", "1")
		setLine(w, http.TrailerPrefix+"X-B", "2")
	},
	"a map held since before": func(w http.ResponseWriter) {
		h := w.Header()
		h.Set("X-A", "1")
		setLine(w, "X-A", "2")
		h.Set("X-A", "3")
		setLine(w, "X-B", "1")
		h.Set("X-B", "2")
		w.Header().Set("X-C", h.Get("X-A")+h.Get("X-B"))
	},
	"many": func(w http.ResponseWriter) {
		for i := range 3 * usualLines {
			setLine(w, "X-"+strconv.Itoa(i), strconv.Itoa(i))
		}
	},
}

// TestLinesAreAsThoseOfTheMap holds what is set by SetLine to what net/http makes of the same in its map.
func TestLinesAreAsThoseOfTheMap(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if set := lined[r.URL.Query().Get("by")]; set != nil {
			set(w)
			_, _ = io.WriteString(w, "body")
			return
		}
		echo(w, r)
	})
	ours, standard := start(t, &Server{Handler: handler}), startStandard(t, handler)
	for name := range lined {
		t.Run(name, func(t *testing.T) {
			request := "GET /?by=" + url.QueryEscape(name) + " HTTP/1.1\r\n" + host + "\r\n"
			mine, goesOn := conversation(t, ours, http.MethodGet, request)
			theirs, theyGoOn := conversation(t, standard, http.MethodGet, request)
			require.NotEmpty(t, theirs)
			require.Equal(t, theirs, mine)
			require.Equal(t, theyGoOn, goesOn, "whether the connection goes on")
		})
	}
}
