package wire

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// After the TLS handshake the miner sends one line, the hub another, and then yamux begins:
//
//	agora/2 subnet <netuid>
//
//	agora/2 ok
//	agora/2 refused <reason>
const (
	intent       = Protocol + " subnet "
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

// writeIntent says for which subnet a miner comes.
func writeIntent(w io.Writer, netuid uint32) error {
	_, err := fmt.Fprintf(w, "%s%d\n", intent, netuid)
	return err
}

func readIntent(r io.Reader) (netuid uint32, err error) {
	line, err := readLine(r)
	if err != nil {
		return 0, err
	}
	number, ok := strings.CutPrefix(line, intent)
	n, err := strconv.ParseUint(number, 10, 32)
	if !ok || err != nil {
		return 0, fmt.Errorf("wire: miner's greeting is %q, want %q and a subnet's number", strings.Map(printable, line), intent)
	}
	return uint32(n), nil
}

func readHello(r io.Reader) error {
	line, err := readLine(r)
	if err != nil {
		return err
	}
	return parseHello(line)
}

// readLine reads one line and not a byte more: the next byte belongs to yamux.
func readLine(r io.Reader) (string, error) {
	var line [maxHello]byte
	for n := range line {
		if _, err := io.ReadFull(r, line[n:n+1]); err != nil {
			return "", err
		}
		if line[n] == '\n' {
			return string(line[:n]), nil
		}
	}
	return "", fmt.Errorf("wire: the greeting is longer than %d bytes", maxHello)
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
