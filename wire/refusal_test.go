package wire

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"code.dny.dev/ssrf"
)

// stranger is a client's TLS configuration with a certificate over the given key.
func stranger(t *testing.T, key crypto.Signer) *tls.Config {
	t.Helper()
	blank := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, blank, blank, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		InsecureSkipVerify: true, NextProtos: []string{Protocol},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
}

// knock shakes hands with the hub and returns what stood in the way.
func knock(t *testing.T, h *Hub, cfg *tls.Config) error {
	t.Helper()
	raw, err := net.Dial("tcp", h.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(patience))
	conn := tls.Client(raw, cfg)
	if err := conn.Handshake(); err != nil {
		return err
	}
	_ = writeIntent(conn, 1) // refused by now, perhaps
	return readHello(conn)   // TLS 1.3 reports a refused certificate with the first read
}

func TestHubRefusesWhatIsNotAPinnedKey(t *testing.T) {
	checkNoLeak(t)
	h := openHub(t, everyone, Options{})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(*tls.Config)) *tls.Config {
		c := stranger(t, hotKey("a"))
		f(c)
		return c
	}
	cases := map[string]*tls.Config{
		"RSA certificate":   stranger(t, rsaKey),
		"ECDSA certificate": stranger(t, ecKey),
		"no certificate":    edit(func(c *tls.Config) { c.Certificates = nil }),
		"TLS 1.2":           edit(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }),
		"other protocol":    edit(func(c *tls.Config) { c.NextProtos = []string{"h2"} }),
		"no protocol":       edit(func(c *tls.Config) { c.NextProtos = nil }),
	}
	for name, cfg := range cases {
		t.Run(name, func(t *testing.T) {
			err := knock(t, h, cfg)
			var timeout net.Error
			if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("let in, or left waiting: %v", err)
			}
		})
	}
	if err := knock(t, h, stranger(t, hotKey("a"))); err != nil {
		t.Fatalf("the same client with an ed25519 certificate: %v", err)
	}
}

func TestMinerRefusesAValidatorWithAnotherKey(t *testing.T) {
	h := openHub(t, everyone, Options{})
	m := startMiner(t, h, "a", echo, func(c *ServeConfig) { c.Validator = public25519(hotKey("another validator")) })
	if s := m.next(t); s.connected || !errors.Is(s.reason, ErrWrongKey) {
		t.Fatalf("state: %+v", s)
	}
	if len(h.Peers()) != 0 {
		t.Fatal("the hub lists a miner that turned it down")
	}
}

// The certificate must be backed by the key it names: a copied certificate proves nothing.
func TestACopiedCertificateIsNotEnough(t *testing.T) {
	h := openHub(t, everyone, Options{})
	cfg := stranger(t, hotKey("victim"))
	cfg.Certificates[0].PrivateKey = hotKey("thief")
	if err := knock(t, h, cfg); err == nil {
		t.Fatal("let in with somebody else's certificate")
	}
}

func TestMinerDialsPublicAddressesOnly(t *testing.T) {
	refused := []string{
		"127.0.0.1:9", "127.8.8.8:9", "[::1]:9", "0.0.0.0:9", "[::]:9",
		"10.1.2.3:9", "172.16.0.1:9", "172.31.255.255:9", "192.168.1.1:9", "[fc00::1]:9", "[fd12:3456::1]:9",
		"169.254.169.254:80", "[fe80::1]:9", "[fd00:ec2::254]:80", "100.64.0.1:9", "100.100.100.200:80",
		"224.0.0.1:9", "239.255.255.250:9", "[ff02::1]:9", "255.255.255.255:9", "240.0.0.1:9",
		"[::ffff:127.0.0.1]:9", "[::ffff:10.0.0.1]:9", "[64:ff9b::7f00:1]:9", "[2002:7f00:1::1]:9",
		"192.0.2.1:9", "198.18.0.1:9", "[2001:db8::1]:9",
	}
	d := dialer(false)
	for _, addr := range refused {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		conn, err := d.DialContext(ctx, "tcp", addr)
		cancel()
		if err == nil {
			conn.Close()
			t.Errorf("%s was dialled", addr)
			continue
		}
		// A host without IPv6 may fail before the check; either way nothing was dialled.
		if !errors.Is(err, ssrf.ErrProhibitedIP) && !strings.Contains(err.Error(), "address family") {
			t.Errorf("%s: refused for another reason: %v", addr, err)
		}
	}
	if err := d.Control("tcp4", "9.9.9.9:8443", nil); err != nil {
		t.Errorf("a public address is refused: %v", err)
	}
}

// A name that resolves to a private address is refused when it is dialled, whatever it resolved to before.
func TestMinerRefusesAPrivateAddressBehindAName(t *testing.T) {
	h := openHub(t, everyone, Options{})
	_, port, _ := net.SplitHostPort(h.Addr())
	m := startMiner(t, h, "a", echo, func(c *ServeConfig) { c.AllowPrivate, c.Addr = false, "localhost:"+port })
	s := m.next(t)
	if s.connected || !errors.Is(s.reason, ssrf.ErrProhibitedIP) || !strings.Contains(s.reason.Error(), "public address") {
		t.Fatalf("state: %+v", s)
	}
}

func TestServeRefusesAConfigurationThatCannotWork(t *testing.T) {
	good := ServeConfig{Key: hotKey("a"), Validator: public25519(hotKey("v")), Addr: "127.0.0.1:1", Handler: echo}
	cases := map[string]func(*ServeConfig){
		"no validator": func(c *ServeConfig) { c.Validator = nil },
		"no handler":   func(c *ServeConfig) { c.Handler = nil },
		"no port":      func(c *ServeConfig) { c.Addr = "127.0.0.1" },
		"short key":    func(c *ServeConfig) { c.Key = c.Key[:31] },
	}
	for name, edit := range cases {
		t.Run(name, func(t *testing.T) {
			c := good
			edit(&c)
			if err := Serve(t.Context(), c); err == nil {
				t.Fatal("no error")
			}
		})
	}
}

func FuzzHello(f *testing.F) {
	for _, s := range []string{"agora/2 ok\n", "agora/2 refused because\n", "", "\n", "agora/2 refused \x1b[2J\n", strings.Repeat("x", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := strings.NewReader(s)
		err := readHello(r)
		if read := len(s) - r.Len(); read > maxHello {
			t.Fatalf("read %d bytes", read)
		}
		if err == nil && !strings.HasPrefix(s, "agora/2 ok\n") {
			t.Fatalf("%q passes for a welcome", s)
		}
		if errors.Is(err, ErrRefused) && strings.ContainsAny(err.Error(), "\x1b\n\r") {
			t.Fatalf("control characters reach the log: %q", err)
		}
	})
}

func FuzzIntent(f *testing.F) {
	for _, s := range []string{"agora/2 subnet 1\n", "agora/2 subnet -1\n", "agora/2 subnet 4294967296\n", "agora/2 subnet \n", "\n", "", "agora/2 ok\n", strings.Repeat("x", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := strings.NewReader(s)
		n, err := readIntent(r)
		if read := len(s) - r.Len(); read > maxHello {
			t.Fatalf("read %d bytes", read)
		}
		number, _, _ := strings.Cut(strings.TrimPrefix(s, "agora/2 subnet "), "\n")
		if want, e := strconv.ParseUint(number, 10, 32); err == nil && (e != nil || uint32(want) != n) {
			t.Fatalf("%q passes for subnet %d", s, n)
		}
		if err != nil && strings.ContainsAny(strings.TrimSuffix(err.Error(), "\n"), "\x1b\r") {
			t.Fatalf("control characters reach the log: %q", err)
		}
	})
}

// One key in two subnets is two places, each with a program of its own: a request for one never reaches the other's.
func TestOneKeyInTwoSubnetsIsTwoPlaces(t *testing.T) {
	checkNoLeak(t)
	says := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
	}
	h := openHub(t, everyone, Options{})
	startMiner(t, h, "a", says("one"))
	startMiner(t, h, "a", says("two"), func(c *ServeConfig) { c.NetUID = 2 })
	key := public25519(hotKey("a"))
	eventually(t, "the hub lists both", func() bool { return h.Connected(1, key) && h.Connected(2, key) })
	for netuid, want := range map[uint32]string{1: "one", 2: "two"} {
		if got := ask(t, &http.Client{Transport: h.RoundTripper(netuid, key)}, "hello"); got != want {
			t.Errorf("subnet %d is answered by %q", netuid, got)
		}
	}
	if _, err := h.RoundTripper(3, key).RoundTrip(httptest.NewRequest(http.MethodPost, "http://miner/", nil)); !errors.Is(err, ErrNotConnected) {
		t.Errorf("subnet 3: %v", err)
	}
}

func TestRefusalLongerThanALineIsCut(t *testing.T) {
	var b strings.Builder
	if err := writeHello(&b, errors.New(strings.Repeat("long reason ", 100))); err != nil {
		t.Fatal(err)
	}
	if b.Len() > maxHello {
		t.Fatalf("%d bytes", b.Len())
	}
	if err := readHello(strings.NewReader(b.String())); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
}

func TestPeerIDIsSpelledAsLibp2pDoes(t *testing.T) {
	// The ed25519 key of libp2p's peer id specification, spelled by go-libp2p v0.48.0.
	key, err := hex.DecodeString("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
	if err != nil {
		t.Fatal(err)
	}
	id := PeerID(key)
	if id != "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq" {
		t.Fatalf("id %q", id)
	}
	back, err := ParsePeerID(id)
	if err != nil || !back.Equal(ed25519.PublicKey(key)) {
		t.Fatalf("back: %v, %v", back, err)
	}
	for _, bad := range []string{"", "12D3KooW", id[:51], id + "1", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", strings.Repeat("1", 1<<20), "0OIl"} {
		if _, err := ParsePeerID(bad); err == nil {
			t.Errorf("%.60q was accepted", bad)
		}
	}
}

func FuzzParsePeerID(f *testing.F) {
	f.Add(PeerID(public25519(hotKey("a"))))
	f.Add("12D3KooW")
	f.Fuzz(func(t *testing.T, s string) {
		key, err := ParsePeerID(s)
		if err != nil {
			return
		}
		if len(key) != ed25519.PublicKeySize {
			t.Fatal(fmt.Sprint("key of ", len(key), " bytes"))
		}
		if PeerID(key) != s {
			t.Fatalf("%q is a second spelling of %q", s, PeerID(key))
		}
	})
}
