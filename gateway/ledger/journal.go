package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"agora/gateway/sheet"
)

// A journal is files beside the store, one after the other. Each begins with a word (8 bytes) and the length up to which it
// is known to be on the disk (8 bytes). Frames follow: length of the records and the CRC-32C of number and records (4 bytes
// each), the number of the frame (8), and the records of one write. Behind the last frame there may be room that was taken
// ahead. A frame that is not whole is the write that a kill cut off, of which nobody was told, or one that a power cut took,
// and the end; before the length that is on the disk it is damage.
type journal struct {
	where string // of the store
	file  *sheet.Sheet
	good  int64  // where the next frame begins
	frame uint64 // number of the last
	whole []byte // memory for one
}

const (
	journalWord = "agoralj2"
	journalHead = 16
	frameHead   = 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journalName is the file whose first frame has a number.
func (j *journal) journalName(first uint64) string {
	return fmt.Sprintf("%s.lines-%020d", j.where, first)
}

// turn begins a file for the next frames, unless the one that is written to has none yet. The one before is on the disk then.
func (j *journal) turn() error {
	if j.file != nil && j.good == journalHead {
		return nil
	}
	next, err := j.begin()
	if err != nil {
		return err
	}
	before, length := j.file, j.good
	if before != nil {
		if err := before.Sync(); err != nil {
			return errors.Join(err, next.End(0))
		}
	}
	j.file, j.good = next, journalHead
	if before != nil {
		return before.End(length)
	}
	return nil
}

// begin makes a file for the next frames.
func (j *journal) begin() (*sheet.Sheet, error) {
	s, err := sheet.New(j.journalName(j.frame + 1))
	if err != nil {
		return nil, err
	}
	if err := s.Put(append([]byte(journalWord), make([]byte, journalHead-len(journalWord))...), 0); err != nil {
		return nil, errors.Join(err, s.End(0))
	}
	return s, nil
}

// write appends a frame. What a write that failed, or was cut off, has left the next one overwrites.
func (j *journal) write(records []byte) error {
	head := headOf(records, j.frame+1)
	j.whole = append(append(j.whole[:0], head[:]...), records...)
	if err := j.file.Put(j.whole, j.good); err != nil {
		return err
	}
	j.good += int64(len(j.whole))
	j.frame++
	return nil
}

func headOf(records []byte, number uint64) (head [frameHead]byte) {
	binary.BigEndian.PutUint64(head[8:], number)
	binary.BigEndian.PutUint32(head[:], uint32(len(records)))
	binary.BigEndian.PutUint32(head[4:], crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, records))
	return head
}

// vouch notes that the disk has the file up to a length.
func (j *journal) vouch(length int64) error {
	return j.file.Put(binary.BigEndian.AppendUint64(nil, uint64(length)), int64(len(journalWord)))
}

// files lists the journal's files with the number of each one's first frame, in order.
func (j *journal) files() (names []string, err error) {
	names, err = filepath.Glob(escaped(j.where) + ".lines-*")
	slices.Sort(names)
	return names, err
}

// escaped is a path that Glob reads as it is.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// recall plays the frames after one.
func (j *journal) recall(after uint64, play func(records []byte) error) error {
	names, err := j.files()
	if err != nil {
		return err
	}
	j.frame = after
	for _, name := range names {
		if err := j.recallFile(name, after, play); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (j *journal) recallFile(name string, after uint64, play func([]byte) error) error {
	raw, err := os.ReadFile(name)
	if err != nil || len(bytes.Trim(raw, "\x00")) == 0 { // it was made, and nothing more
		return err
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(name, j.where+".lines-"), 10, 64)
	if err != nil || number > j.frame+1 {
		return fmt.Errorf("%w: frames are missing before it: %s", errJournal, restore)
	}
	if !bytes.HasPrefix(raw, []byte(journalWord)) || len(raw) < journalHead {
		return fmt.Errorf("%w: it is of another program, or cut: %s", errJournal, restore)
	}
	synced := binary.BigEndian.Uint64(raw[len(journalWord):])
	at := uint64(journalHead)
	for ; ; number++ {
		records, whole := frameAt(raw[at:], number)
		if !whole {
			break
		}
		at += frameHead + uint64(len(records))
		if number <= after {
			continue
		}
		if err := play(records); err != nil {
			return err
		}
		j.frame = number
	}
	if at < synced {
		return fmt.Errorf("%w: frame %d: %s", errJournal, number, restore)
	}
	return nil
}

// restore is what to do about a journal that does not read.
const restore = "restore it from a copy, or move it away and lose what was charged since"

// frameAt is the frame of a number at the beginning of raw, if it is whole.
func frameAt(raw []byte, number uint64) (records []byte, whole bool) {
	if len(raw) < frameHead {
		return nil, false
	}
	length := binary.BigEndian.Uint32(raw)
	if uint64(length) > uint64(len(raw)-frameHead) {
		return nil, false
	}
	records = raw[frameHead : frameHead+length]
	return records, headOf(records, number) == [frameHead]byte(raw)
}

// drop removes the files whose frames are all folded: those before the one that is written to now.
func (j *journal) drop(before string) error {
	names, err := j.files()
	for _, name := range names {
		if name < before {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}
