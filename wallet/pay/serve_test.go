package pay

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A program that declares a body and sends none of it is told so in time, and its money stays.
func TestABodyThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	p := create(t, t.TempDir(), Caps{})
	e := NewEndpoint(p)
	e.bodyTimeout = 50 * time.Millisecond
	srv := httptest.NewServer(e)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if s := p.Status(); resp.StatusCode != http.StatusRequestTimeout || s.Owed+s.Unseen+s.Signed > 0 {
		t.Errorf("%s, %+v", resp.Status, s)
	}
}
