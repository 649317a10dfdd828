package burst

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"agora/mechanism/capacity"
)

// ID is a seat since it was taken.
type ID struct {
	UID        uint32
	Registered uint64
}

// Line is what one voice saw of a server at a moment.
type Line struct {
	UID        uint32   `json:"uid"`
	Registered uint64   `json:"registered"`
	Own        uint64   `json:"own"`                // requests that it kept with the server, each at most four times
	Whole      uint64   `json:"whole"`              // that all voices kept
	Answered   uint64   `json:"answered"`           // of its own, authentic and in the window
	Work       uint64   `json:"work"`               // 4 · tokens written + tokens read, with its consumers'
	Consumers  uint64   `json:"consumers"`          // of that, its consumers'
	Micros     uint64   `json:"micros"`             // of the window
	False      bool     `json:"false,omitempty"`    // one was not its model's
	Receipts   []string `json:"receipts,omitempty"` // of some of its own answers, as the server signed them
}

// ID is the server's.
func (l *Line) ID() ID { return ID{l.UID, l.Registered} }

// Sample is what a figure follows from.
func (l *Line) Sample() capacity.Sample {
	return capacity.Sample{Work: l.Work, Micros: l.Micros, Own: l.Own, Whole: l.Whole, False: l.False}
}

// Row is what one voice saw at a moment, by uid.
type Row struct {
	Moment int64  `json:"moment"` // block
	Lines  []Line `json:"lines"`
}

// of is the line of a server; nil where there is none. Lines are by uid.
func (r *Row) of(id ID) *Line {
	i, ok := slices.BinarySearchFunc(r.Lines, id.UID, func(l Line, uid uint32) int { return cmp.Compare(l.UID, uid) })
	if !ok || r.Lines[i].Registered != id.Registered {
		return nil
	}
	return &r.Lines[i]
}

// sorted says that lines are by uid, each once.
func (r *Row) sorted() bool {
	for i := range r.Lines {
		if i > 0 && r.Lines[i].UID <= r.Lines[i-1].UID {
			return false
		}
	}
	return true
}

// Bounds of what a voice tells.
const (
	MaxReceipts = 8 // of a line
	maxLines    = 4096
	MaxText     = 2 << 20 // bytes of all rows
)

// told is a list as it travels.
type told struct {
	ChainID string `json:"chain_id"`
	NetUID  uint32 `json:"netuid"`
	Rows    []Row  `json:"rows"` // of the last moments, by moment
}

const domain = "agora/capacity/v1\x00"

// ErrTold says that a text is no list of rows that its voice has signed.
var ErrTold = errors.New("burst: no rows that their voice signed")

// Tell writes the rows of the last moments without what they rest on, and its voice's signature.
func Tell(chainID string, netuid uint32, rows []Row, voice ed25519.PrivateKey) (text []byte, signature string, err error) {
	t := told{ChainID: chainID, NetUID: netuid, Rows: []Row{}}
	for _, r := range rows[max(0, len(rows)-capacity.Moments):] {
		lines := slices.Clone(r.Lines)
		for i := range lines {
			lines[i].Receipts = nil
		}
		t.Rows = append(t.Rows, Row{r.Moment, lines})
	}
	if text, err = json.Marshal(t); err != nil {
		return nil, "", err
	}
	return text, sign(text, voice), nil
}

func sign(text []byte, voice ed25519.PrivateKey) string {
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(voice, append([]byte(domain), text...)))
}

// Hear reads what Tell has written. The error is ErrTold.
func Hear(text []byte, signature string, voice ed25519.PublicKey, chainID string, netuid uint32) ([]Row, error) {
	sig, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(text) > MaxText || len(voice) != ed25519.PublicKeySize || !ed25519.Verify(voice, append([]byte(domain), text...), sig) {
		return nil, ErrTold
	}
	var t told
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTold, err)
	}
	if t.ChainID != chainID || t.NetUID != netuid || len(t.Rows) > capacity.Moments {
		return nil, fmt.Errorf("%w: %d rows of subnet %d on %.48q", ErrTold, len(t.Rows), t.NetUID, t.ChainID)
	}
	for i, r := range t.Rows {
		if i > 0 && r.Moment <= t.Rows[i-1].Moment || len(r.Lines) > maxLines || !r.sorted() {
			return nil, fmt.Errorf("%w: row %d", ErrTold, i+1)
		}
	}
	return t.Rows, nil
}
