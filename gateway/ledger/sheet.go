package ledger

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// sheet is a file that is written through memory: a record is a copy of some bytes and no call to the kernel, which has
// them from then on, whatever becomes of the program. Its room is taken from the disk before it is used, so that a full disk
// is an error of room and not a fault in the middle of a write. Where files cannot be mapped it is written by calls.
type sheet struct {
	*os.File
	room []byte // mapped; nil where files are not
}

// roomStep is how much a sheet grows by, in bytes: some twenty thousand charges.
const roomStep = 1 << 20

// errRoom is a sheet that cannot be written to.
var errRoom = errors.New("no room on the disk")

// newSheet makes an empty file, with room.
func newSheet(path string) (*sheet, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	s := &sheet{File: f}
	if err := s.grow(roomStep); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return s, nil
}

// grow takes room for size bytes.
func (s *sheet) grow(size int64) error {
	room, err := takeRoom(s.File, size)
	if err != nil {
		return fmt.Errorf("%w: %w", errRoom, err)
	}
	before := s.room
	s.room = room
	return leaveRoom(before)
}

// put writes b at an offset.
func (s *sheet) put(b []byte, at int64) (err error) {
	if end := at + int64(len(b)); s.room != nil && end > int64(len(s.room)) {
		if err := s.grow((end + roomStep - 1) / roomStep * roomStep); err != nil {
			return err
		}
	}
	if s.room == nil {
		_, err := s.WriteAt(b, at)
		return err
	}
	// A disk that fails, or a file that somebody cuts, is a fault of memory here.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault, is := recover().(runtime.Error); is {
			err = fmt.Errorf("%w: %w", errRoom, fault)
		}
	}()
	copy(s.room[at:], b)
	return nil
}

// end closes the file at its length, and gives the room behind it back.
func (s *sheet) end(length int64) error {
	err := errors.Join(leaveRoom(s.room), s.Truncate(length), s.Close())
	s.room = nil
	return err
}
