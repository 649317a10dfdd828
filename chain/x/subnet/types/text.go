package types

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The checks of text are written out instead of taken from net/url: every node must agree on them whatever Go built it.

const (
	maxName     = 32
	maxField    = 64
	maxText     = 256
	maxMetadata = 512
	maxHost     = 253
)

// checkName accepts [a-z0-9-]{1,32} that begins and ends with a letter or digit.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("%w: name %.64q, want 1 to %d of a-z, 0-9 and -", ErrInvalid, name, maxName)
	}
	if name[0] == '-' || name[len(name)-1] == '-' {
		return fmt.Errorf("%w: name %q begins or ends with -", ErrInvalid, name)
	}
	for i := range len(name) {
		if c := name[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("%w: name %q, want only a-z, 0-9 and -", ErrInvalid, name)
		}
	}
	return nil
}

// checkText accepts valid UTF-8 without control characters, at most most bytes.
func checkText(field, text string, most int) error {
	if len(text) > most {
		return fmt.Errorf("%w: %s of %d bytes, want at most %d", ErrInvalid, field, len(text), most)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrInvalid, field)
	}
	for _, r := range text {
		if r < 0x20 || (r >= 0x7f && r < 0xa0) {
			return fmt.Errorf("%w: %s has control character %#x", ErrInvalid, field, r)
		}
	}
	return nil
}

// CheckToken accepts printable ASCII without quotes, 1 to most bytes. The error is ErrInvalid and names field.
func CheckToken(field, text string, most int) error {
	if text == "" {
		return fmt.Errorf("%w: %s is empty", ErrInvalid, field)
	}
	if err := checkText(field, text, most); err != nil {
		return err
	}
	for i := range len(text) {
		if c := text[i]; c > 0x7e || strings.IndexByte("\"'`<>\\", c) >= 0 {
			return fmt.Errorf("%w: %s has character %q", ErrInvalid, field, c)
		}
	}
	return nil
}

// CheckDigest accepts "sha256:" and 64 lower-case hex digits. The error is ErrInvalid and names field.
func CheckDigest(field, digest string) error {
	digits, ok := strings.CutPrefix(digest, "sha256:")
	if raw, err := hex.DecodeString(digits); !ok || err != nil || len(raw) != 32 || digits != strings.ToLower(digits) {
		return fmt.Errorf("%w: %s %.80q, want sha256: and 64 hex digits", ErrInvalid, field, digest)
	}
	return nil
}

// CheckURL accepts http or https, a host with or without port, and a path of printable ASCII; nothing is fetched. The error is
// ErrInvalid and names field.
func CheckURL(field, url string) error {
	if err := CheckToken(field, url, maxText); err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(url, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(url, "http://")
	}
	host, _, _ := strings.Cut(rest, "/")
	if !ok || strings.ContainsAny(url, " @#") {
		return fmt.Errorf("%w: %s %q, want http:// or https:// and a host, without user, blank or fragment", ErrInvalid, field, url)
	}
	if checkHost(host) != nil && checkHostPort(field, host) != nil {
		return fmt.Errorf("%w: %s %q has no valid host", ErrInvalid, field, url)
	}
	return nil
}

// checkHostPort accepts a host and a port of 1 to 65,535.
func checkHostPort(field, address string) error {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 {
		return fmt.Errorf("%w: %s %.80q, want host:port", ErrInvalid, field, address)
	}
	port, err := strconv.ParseUint(address[colon+1:], 10, 16)
	if err != nil || port == 0 || address[colon+1] == '0' || address[colon+1] == '+' {
		return fmt.Errorf("%w: %s %.80q, want a port of 1 to 65535", ErrInvalid, field, address)
	}
	if err := checkHost(address[:colon]); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}

// checkHost accepts an IPv4 address, an IPv6 address in brackets, or a DNS name.
func checkHost(host string) error {
	if v6, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(v6, "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" || !strings.HasSuffix(v6, "]") {
			return fmt.Errorf("%w: host %.80q is no IPv6 address", ErrInvalid, host)
		}
		return nil
	}
	if host == "" || len(host) > maxHost {
		return fmt.Errorf("%w: host of %d bytes, want 1 to %d", ErrInvalid, len(host), maxHost)
	}
	for _, label := range strings.Split(host, ".") {
		if !isLabel(label) {
			return fmt.Errorf("%w: host %.80q is no DNS name", ErrInvalid, host)
		}
	}
	return nil
}

// isLabel accepts one part of a DNS name: 1 to 63 of letters, digits and inner hyphens.
func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i] | 0x20 // lower case
		if label[i] != '-' && (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') {
			return false
		}
	}
	return true
}
