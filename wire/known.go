package wire

import (
	"bufio"
	"errors"
	"io/fs"
	"net/netip"
	"os"
)

// ledger keeps the addresses that a door knows over a restart, one a line. An address that is new is appended; what a crash
// left half written is no address and is passed over.
type ledger struct{ file *os.File }

// openLedger reads the file, which need not exist, and writes it again where it has grown to twice what is kept. The latest
// addresses win.
func openLedger(path string) (*ledger, []netip.Addr, error) {
	list, lines, err := readLedger(path)
	if err != nil {
		return nil, nil, err
	}
	if lines >= 2*maxKnown {
		if err := writeLedger(path, list); err != nil {
			return nil, nil, err
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	_, err = file.WriteString("\n") // after what is half written
	return &ledger{file}, list, err
}

// readLedger lists the last maxKnown addresses, and how many lines the file has.
func readLedger(path string) (list []netip.Addr, lines int, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	for text := bufio.NewScanner(file); text.Scan(); lines++ {
		if at, err := netip.ParseAddr(text.Text()); err == nil {
			list = append(list, at)
		}
	}
	return list[max(0, len(list)-maxKnown):], lines, nil
}

func writeLedger(path string, list []netip.Addr) error {
	var text []byte
	for _, at := range list {
		text = append(at.AppendTo(text), '\n')
	}
	return errors.Join(os.WriteFile(path+".new", text, 0o600), os.Rename(path+".new", path))
}

// add notes an address. What cannot be written is forgotten with this process: a hub goes on without.
func (l *ledger) add(at netip.Addr) {
	if l != nil {
		_, _ = l.file.WriteString(at.String() + "\n")
	}
}

func (l *ledger) close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
