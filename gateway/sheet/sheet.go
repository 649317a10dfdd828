// Package sheet writes files through memory: what was written is the kernel's at once, whatever becomes of the program, and
// costs no call to it.
package sheet

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// Sheet is a file that is written through memory: a record is a copy of some bytes and no call to the kernel, which has
// them from then on, whatever becomes of the program. Its room is taken from the disk before it is used, so that a full disk
// is an error of room and not a fault in the middle of a write. Where files cannot be mapped it is written by calls. It is
// for one goroutine at a time.
type Sheet struct {
	*os.File
	room []byte // mapped; nil where files are not
}

// Step is how much a sheet begins with and grows by, in bytes.
const Step = 1 << 20

// ErrRoom is a sheet that cannot be written to.
var ErrRoom = errors.New("no room on the disk")

// New makes an empty file, or empties one, with room of Step. The error is ErrRoom, or why there is no file.
func New(path string) (*Sheet, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	s := &Sheet{File: f}
	if err := s.grow(Step); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return s, nil
}

// grow takes room for size bytes.
func (s *Sheet) grow(size int64) error {
	room, err := takeRoom(s.File, size)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRoom, err)
	}
	before := s.room
	s.room = room
	return leaveRoom(before)
}

// Put writes b at an offset, and takes more room where that is beyond it. The error is ErrRoom.
func (s *Sheet) Put(b []byte, at int64) (err error) {
	if end := at + int64(len(b)); s.room != nil && end > int64(len(s.room)) {
		if err := s.grow((end + Step - 1) / Step * Step); err != nil {
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
			err = fmt.Errorf("%w: %w", ErrRoom, fault)
		}
	}()
	copy(s.room[at:], b)
	return nil
}

// End closes the file at a length, and gives the room behind it back.
func (s *Sheet) End(length int64) error {
	err := errors.Join(leaveRoom(s.room), s.Truncate(length), s.Close())
	s.room = nil
	return err
}
