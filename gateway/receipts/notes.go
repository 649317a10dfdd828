package receipts

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"agora/gateway/sheet"
	"agora/wire"
	"agora/wire/receipt"
)

// Note is the receipt of an answer as it is written down before anybody has checked it.
type Note struct {
	Nonce      [16]byte
	HotKey     [ed25519.PublicKeySize]byte // of who is to have signed
	Voice      [ed25519.PublicKeySize]byte // hot key of the validator for whom; zero in a note of a program before
	NetUID     uint32
	UID        uint32
	Registered uint64 // block at which the seat was taken
	At         time.Time
	Signed     string // 1 to receipt.MaxSigned bytes
}

// Record is what is kept of it.
func (n *Note) Record() Record {
	return Record{ID: hex.EncodeToString(n.Nonce[:]), Signed: n.Signed, HotKey: wire.PeerID(n.HotKey[:]), At: n.At}
}

// Noted is a note with the place where it is written down; the zero place is none.
type Noted struct {
	Note
	page *page
	at   int64 // of its head in the page
}

// Written says whether the note outlives the program.
func (n *Noted) Written() bool { return n.page != nil }

// Errors of Note.
var (
	errTight  = errors.New("the store cannot be written to now, and the notes take no more room")
	errPages  = errors.New("too many notes wait to be checked")
	errClosed = errors.New("the store is closed")
)

// notes are pages of a fixed size beside the store, to which notes are added one after the other. A page that is full, and of
// which every note is settled, goes. Safe for concurrent use.
//
// A page is heads with what follows them: CRC-32C of that (4 bytes, big endian), its length (2), whether it is settled (1), and
// whether it names the voice (1). A head without a length is the end, one whose sum is another is of a write that a kill cut off.
type notes struct {
	where string // of the store

	mu     sync.Mutex
	page   *page            // that is written to; nil where none is
	number uint64           // of the last page
	pages  map[string]*page // all, by their files
	left   []*Noted         // that nobody has at hand
	tight  bool             // no page is begun
	closed bool
}

// page is one file of notes.
type page struct {
	name   string
	sheet  *sheet.Sheet // nil for one of before the start, of which all is settled or nothing
	end    int64        // where the next note goes
	open   int          // notes that are not settled
	buffer []byte
}

const (
	maxPages  = 32 // some 50,000 notes
	headBytes = 8
	settledAt = 6       // in a head
	voiceAt   = 7       // in a head
	bareBytes = 72      // of a note, without the voice and what was signed
	bodyBytes = 72 + 32 // with the voice
	pageGlob  = ".notes-*"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendNote appends a note with its head.
func appendNote(b []byte, n *Note) []byte {
	at := len(b)
	b = append(b, make([]byte, headBytes)...)
	b[at+voiceAt] = 1
	b = append(append(b, n.Nonce[:]...), n.HotKey[:]...)
	b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, n.NetUID), n.UID)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, n.Registered), uint64(n.At.UnixNano()))
	b = append(append(b, n.Voice[:]...), n.Signed...)
	body := b[at+headBytes:]
	binary.BigEndian.PutUint32(b[at:], crc32.Checksum(body, castagnoli))
	binary.BigEndian.PutUint16(b[at+4:], uint16(len(body)))
	return b
}

// notesIn reads the notes of a page that are not settled. What is cut is the end.
func notesIn(raw []byte) (open []*Noted) {
	for at := 0; at+headBytes <= len(raw); {
		head := raw[at : at+headBytes]
		length := int(binary.BigEndian.Uint16(head[4:]))
		begin := at + headBytes
		fixed := bareBytes
		if head[voiceAt] == 1 {
			fixed = bodyBytes
		}
		if length <= fixed || begin+length > len(raw) || crc32.Checksum(raw[begin:begin+length], castagnoli) != binary.BigEndian.Uint32(head) {
			return open
		}
		if head[settledAt] == 0 {
			open = append(open, &Noted{Note: noteOf(raw[begin:begin+length], fixed)})
		}
		at = begin + length
	}
	return open
}

// noteOf reads a note of which fixed bytes are not what was signed: bareBytes or bodyBytes.
func noteOf(body []byte, fixed int) (n Note) {
	copy(n.Nonce[:], body)
	copy(n.HotKey[:], body[16:])
	n.NetUID, n.UID = binary.BigEndian.Uint32(body[48:]), binary.BigEndian.Uint32(body[52:])
	n.Registered, n.At = binary.BigEndian.Uint64(body[56:]), time.Unix(0, int64(binary.BigEndian.Uint64(body[64:]))).UTC()
	copy(n.Voice[:], body[bareBytes:fixed])
	n.Signed = string(body[fixed:])
	return n
}

// open reads what a program before has left.
func (n *notes) open() error {
	n.pages = map[string]*page{}
	names, err := filepath.Glob(strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(n.where) + pageGlob)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Sscanf(strings.TrimPrefix(name, n.where+".notes-"), "%d", &n.number) // a name that is none is begun anew
		p := &page{name: name}
		for _, one := range notesIn(raw) {
			one.page = p
			p.open++
			n.left = append(n.left, one)
		}
		if n.pages[name] = p; p.open == 0 {
			err = n.drop(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add writes a note down.
func (n *notes) add(note *Note) (*Noted, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	one := &Noted{Note: *note}
	size := headBytes + bodyBytes + len(note.Signed)
	if len(note.Signed) > receipt.MaxSigned {
		return one, receipt.ErrMalformed
	}
	if n.page == nil || n.page.end+int64(size) > sheet.Step {
		if err := n.turn(); err != nil {
			return one, err
		}
	}
	p := n.page
	p.buffer = appendNote(p.buffer[:0], note)
	if err := p.sheet.Put(p.buffer, p.end); err != nil {
		return one, err
	}
	one.page, one.at = p, p.end
	p.end += int64(size)
	p.open++
	return one, nil
}

// turn begins a page.
func (n *notes) turn() error {
	switch {
	case n.closed:
		return errClosed
	case n.tight:
		return errTight
	case len(n.pages) >= maxPages:
		return errPages
	}
	name := fmt.Sprintf("%s.notes-%020d", n.where, n.number+1)
	s, err := sheet.New(name)
	if err != nil {
		return err
	}
	n.number++
	before := n.page
	n.page = &page{name: name, sheet: s}
	n.pages[name] = n.page
	if before != nil && before.open == 0 {
		return n.drop(before)
	}
	return nil
}

// drop removes a page of which nothing is needed any more.
func (n *notes) drop(p *page) (err error) {
	delete(n.pages, p.name)
	if p.sheet != nil {
		err = p.sheet.End(0)
	}
	return errors.Join(err, os.Remove(p.name))
}

// settle says of notes that they are kept, or that they need not be.
func (n *notes) settle(of []*Noted) (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, one := range of {
		p := one.page
		if p == nil {
			continue
		}
		one.page = nil
		if p.sheet != nil {
			err = errors.Join(err, p.sheet.Put([]byte{1}, one.at+settledAt))
		}
		if p.open--; p.open == 0 && p != n.page {
			err = errors.Join(err, n.drop(p))
		}
	}
	return err
}

// close leaves what is not settled to the next program.
func (n *notes) close() (err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed, n.page = true, nil
	for _, p := range n.pages {
		switch {
		case p.open == 0:
			err = errors.Join(err, n.drop(p))
		case p.sheet != nil:
			err = errors.Join(err, p.sheet.End(p.end))
			p.sheet = nil
		}
	}
	return err
}
