package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// behindNginx puts nginx with its default settings in front of a server, but for how long it waits, and returns its URL.
func behindNginx(t *testing.T, url string, patience time.Duration) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("no nginx here: apt-get install nginx-light")
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	dir := t.TempDir()
	conf := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log; events {}\n"+
		"http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n"+
		"server { listen %[2]s; location / { proxy_pass %[3]s; proxy_read_timeout %[4]dms; } } }\n", dir, address, url, patience.Milliseconds())
	path := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o644))
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, nginx, "-p", dir, "-c", path)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	return "http://" + address
}

// open asks for a stream through url and returns its body.
func (m *market) open(url string) *http.Response {
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(askStream))
	require.NoError(m.t, err)
	r.Header.Set("Authorization", "Bearer "+m.secret)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(m.t, err)
	m.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestChunksArriveOneByOneBehindNginx(t *testing.T) {
	m := newMarket(t, nil)
	next := make(chan struct{})
	m.add(0, 9, "", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for range 20 {
			fmt.Fprint(w, "data: ", chunk, "\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-next: // the reader has it
			case <-r.Context().Done():
				return
			}
		}
		fmt.Fprint(w, finish)
	})
	url := behindNginx(t, m.url, time.Minute)
	lines := bufio.NewScanner(m.open(url).Body)
	for i := range 20 {
		require.True(t, lines.Scan(), "chunk %d", i)
		require.Equal(t, "data: "+chunk, lines.Text())
		require.True(t, lines.Scan())
		next <- struct{}{}
	}
	rest := ""
	for lines.Scan() {
		rest += lines.Text() + "\n"
	}
	require.Equal(t, finish+ended, rest)
}

// A first token later than the proxy's patience arrives, since comments come before it. Times are a hundredth of nginx's
// own: it waits for 0.6 s instead of 60, and a comment comes every 0.1 s instead of 10.
func TestLateFirstTokenArrivesBehindNginx(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.KeepAlive, c.Total = 100*time.Millisecond, 9*time.Second })
	m.add(0, 9, "", late(1500*time.Millisecond))
	url := behindNginx(t, m.url, 600*time.Millisecond)
	text, err := io.ReadAll(m.open(url).Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `"at "`)
	require.True(t, strings.HasSuffix(string(text), ended), "%s", text)

	direct := behindNginx(t, m.servers[string(m.subnets[0].Miners[0].HotKey)].URL, 600*time.Millisecond)
	require.Equal(t, http.StatusGatewayTimeout, m.open(direct).StatusCode, "without the gateway nginx gives up")
}
