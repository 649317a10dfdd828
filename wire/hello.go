package wire

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// After the TLS handshake the hub sends one line, and then yamux begins:
//
//	agora/1 ok
//	agora/1 refused <reason>
const (
	helloOK      = Protocol + " ok"
	helloRefused = Protocol + " refused "
	maxHello     = 256 // bytes, line end included
)

// ErrRefused is what a miner gets when the validator closed the door with a reason.
var ErrRefused = errors.New("wire: validator refused the connection")

func writeHello(w io.Writer, refusal error) error {
	line := helloOK
	if refusal != nil {
		line = helloRefused + strings.Map(printable, refusal.Error())
	}
	if len(line) > maxHello-1 {
		line = line[:maxHello-1]
	}
	_, err := io.WriteString(w, line+"\n")
	return err
}

// printable keeps a foreign text to one harmless line.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// readHello reads one line and not a byte more: the next byte belongs to yamux.
func readHello(r io.Reader) error {
	var line [maxHello]byte
	for n := range line {
		if _, err := io.ReadFull(r, line[n:n+1]); err != nil {
			return err
		}
		if line[n] == '\n' {
			return parseHello(string(line[:n]))
		}
	}
	return fmt.Errorf("wire: validator's greeting is longer than %d bytes", maxHello)
}

func parseHello(line string) error {
	if line == helloOK {
		return nil
	}
	if reason, ok := strings.CutPrefix(line, helloRefused); ok {
		return fmt.Errorf("%w: %s", ErrRefused, strings.Map(printable, reason))
	}
	return fmt.Errorf("wire: validator's greeting is %q, want %q", line, helloOK)
}
