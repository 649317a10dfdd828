package wire

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Protocol is the name negotiated in the TLS handshake (ALPN). A change that old peers cannot read gets a new name.
const Protocol = "agora/2"

// Reasons for which a handshake fails. The peer learns only a TLS alert.
var (
	ErrNoCertificate = errors.New("wire: peer presented no certificate")
	ErrNotEd25519    = errors.New("wire: peer's key is not ed25519")
	ErrWrongKey      = errors.New("wire: peer's hot key is not the expected one")
	ErrProtocol      = errors.New("wire: peer does not speak " + Protocol)
)

// pinned is a TLS 1.3 configuration that presents key and trusts nothing but what check says of the peer's key.
// The self-signed certificate only carries the key: names and dates in it mean nothing.
func pinned(key ed25519.PrivateKey, check func(ed25519.PublicKey) error) (*tls.Config, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("wire: hot key has %d bytes, want %d", len(key), ed25519.PrivateKeySize)
	}
	blank := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(nil, blank, blank, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("wire: make certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{Protocol},
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // there is no authority to ask: VerifyConnection is the check
		SessionTicketsDisabled: true,
		VerifyConnection:       func(cs tls.ConnectionState) error { return verify(cs, check) },
	}, nil
}

func verify(cs tls.ConnectionState, check func(ed25519.PublicKey) error) error {
	if cs.NegotiatedProtocol != Protocol {
		return ErrProtocol
	}
	key, err := peerKey(cs)
	if err != nil {
		return err
	}
	return check(key)
}

// peerKey is the key whose possession the other end proved in its handshake.
func peerKey(cs tls.ConnectionState) (ed25519.PublicKey, error) {
	if len(cs.PeerCertificates) == 0 {
		return nil, ErrNoCertificate
	}
	key, ok := cs.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, ErrNotEd25519
	}
	return key, nil
}

func only(want ed25519.PublicKey) func(ed25519.PublicKey) error {
	return func(got ed25519.PublicKey) error {
		if !want.Equal(got) {
			return fmt.Errorf("%w: got %s, want %s", ErrWrongKey, PeerID(got), PeerID(want))
		}
		return nil
	}
}

// anyKey lets the handshake finish, so that the hub can say in a sentence why it refuses a key.
func anyKey(ed25519.PublicKey) error { return nil }
