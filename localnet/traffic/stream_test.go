package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestABrokenStreamIsAskedForAgain has a server break off every third stream after its first chunk, and refuse every eleventh.
func TestABrokenStreamIsAskedForAgain(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		if n%11 == 0 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		if n%3 == 0 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "data: two\n\n")
	}))
	defer server.Close()
	at := to(server.Listener.Addr().String(), "{}")
	c, err := dial(at)
	require.NoError(t, err)
	s := streamed{conn: c}
	defer func() { s.Close() }()
	for range 12 {
		require.NoError(t, s.ask(at, 7))
	}
	require.Len(t, s.times, 12)
	require.Equal(t, 7, s.broken, "of nineteen: the third, sixth, ninth, eleventh, twelfth, fifteenth and eighteenth")
	require.NoError(t, s.ask(at, 7))
	require.ErrorContains(t, s.ask(at, 7), "more than 7 streams broke")
}
