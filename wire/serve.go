package wire

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"agora/wire/mux"
)

// steady is how long a connection must have held for the next failure to count as the first.
const steady = 10 * time.Second

// ErrReplaced ends a connection because the same hot key connected from elsewhere.
var ErrReplaced = errors.New("wire: another program connected with this hot key; run one miner per hot key")

// ErrDropped ends a connection because the directory no longer lists the hot key.
var ErrDropped = errors.New("wire: the validator no longer accepts this hot key; is it still registered?")

// ServeConfig says whom a miner serves and what it can take. Zero values take the defaults named beside them.
type ServeConfig struct {
	Key          ed25519.PrivateKey // the miner's hot key
	NetUID       uint32             // the subnet that it serves
	Validator    ed25519.PublicKey  // the only key that may answer at Addr
	Addr         string             // "host:port"
	Handler      http.Handler       // gets requests whose body has been read whole
	AllowPrivate bool               // allow private, loopback and link-local addresses: local networks only
	Capacity     int                // requests open at once, beyond it streams are refused; 4096
	MaxBody      int64              // bytes of one request body, beyond it 413; 33 MiB: what gateways take, and some room
	MaxBuffered  int64              // bytes of all bodies being served, beyond it 429; 512 MiB
	WriteTimeout time.Duration      // for one whole answer; 15 min
	MinBackoff   time.Duration      // before the first try again; 200 ms
	MaxBackoff   time.Duration      // between tries; 15 s

	// OnChange is told when the connection is up, and when it is down or could not be made, with the reason.
	OnChange func(connected bool, reason error)
	Log      *slog.Logger // slog.Default()
}

func (c ServeConfig) withDefaults() ServeConfig {
	set(&c.Capacity, 4096)
	set(&c.WriteTimeout, 15*time.Minute)
	set(&c.MinBackoff, 200*time.Millisecond)
	set(&c.MaxBackoff, 15*time.Second)
	if c.MaxBody <= 0 {
		c.MaxBody = 33 << 20
	}
	if c.MaxBuffered <= 0 {
		c.MaxBuffered = 512 << 20
	}
	if c.OnChange == nil {
		c.OnChange = func(bool, error) {}
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Serve keeps a connection to one validator and answers its requests until ctx ends; then it returns nil, after the
// handlers have returned. A failed connection is tried again with growing, jittered pauses. An error means that the
// configuration cannot work.
func Serve(ctx context.Context, c ServeConfig) error {
	if len(c.Validator) != ed25519.PublicKeySize || c.Handler == nil {
		return errors.New("wire: Serve needs the validator's hot key and a handler")
	}
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("wire: validator's address: %w", err)
	}
	cfg, err := pinned(c.Key, only(c.Validator))
	if err != nil {
		return err
	}
	s := &server{ServeConfig: c.withDefaults(), tls: cfg}
	defer s.handlers.Wait()
	s.keep(ctx)
	return nil
}

type server struct {
	ServeConfig
	tls      *tls.Config
	handlers sync.WaitGroup // of sessions that ended
	buffered budget
}

func (s *server) keep(ctx context.Context) {
	pause := s.MinBackoff
	said := ""
	for ctx.Err() == nil {
		began := time.Now()
		reason := s.session(ctx)
		if ctx.Err() != nil {
			return
		}
		s.OnChange(false, reason)
		if now := fmt.Sprint(reason); now != said { // once for each reason, however often it is tried
			s.Log.Warn("not connected to validator", "addr", s.Addr, "validator", PeerID(s.Validator), "reason", reason)
			said = now
		}
		if time.Since(began) >= steady {
			pause, said = s.MinBackoff, ""
		}
		if errors.Is(reason, ErrReplaced) {
			pause = s.MaxBackoff
		}
		sleep(ctx, jitter(pause))
		pause = min(2*pause, s.MaxBackoff)
	}
}

// jitter spreads pauses over [d/2, d), so that the miners of a restarted validator do not come back all at once.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}

// Streams dials a validator once and returns the streams on which it asks, for who answers them without this package: an
// HTTP/1.1 request after another comes on each. The listener's end is the connection's.
func Streams(ctx context.Context, c ServeConfig) (net.Listener, error) {
	cfg, err := pinned(c.Key, only(c.Validator))
	if err != nil {
		return nil, err
	}
	s := &server{ServeConfig: c.withDefaults(), tls: cfg}
	return s.open(ctx)
}

// open dials and greets.
func (s *server) open(ctx context.Context) (*mux.Session, error) {
	conn, out, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	return mux.Server(conn, out, mux.Config{MaxIncoming: s.Capacity}), nil
}

// session dials, serves until the connection or ctx ends, and says why it ended.
func (s *server) session(ctx context.Context) error {
	session, err := s.open(ctx)
	if err != nil {
		return err
	}
	srv, opened := s.http(), &streams{Session: session}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	s.OnChange(true, nil)
	_ = srv.Serve(opened) // why is what ended the session
	srv.Close()
	s.handlers.Go(func() { _ = srv.Shutdown(context.Background()) }) // the contexts of all have ended
	return reason(opened.ended)
}

func (s *server) dial(ctx context.Context) (*tls.Conn, *mux.Outlet, error) {
	raw, err := dialer(s.AllowPrivate).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, nil, fmt.Errorf("wire: %w", err)
	}
	out := mux.NewOutlet(raw)
	conn := tls.Client(out, s.tls)
	conn.SetDeadline(time.Now().Add(dialTimeout))
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, nil, fmt.Errorf("wire: handshake with %s: %w", s.Addr, err)
	}
	if err := errors.Join(writeIntent(conn, s.NetUID), readHello(conn)); err != nil {
		raw.Close()
		return nil, nil, fmt.Errorf("wire: greeting of %s: %w", s.Addr, err)
	}
	conn.SetDeadline(time.Time{})
	return conn, out, nil
}

// reason turns a hub's closing code into a sentence.
func reason(err error) error {
	var away *mux.GoAway
	if !errors.As(err, &away) || !away.Remote {
		return err
	}
	switch away.Code {
	case codeReplaced:
		return ErrReplaced
	case codeNotAllowed:
		return ErrDropped
	case codeShutdown:
		return ErrClosing
	}
	return err
}
