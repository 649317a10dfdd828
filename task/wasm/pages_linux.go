package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pages are a memory in an anonymous file, which views are mapped from.
type pages struct {
	file   *os.File
	memory []byte   // the file, read-only
	table  *os.File // of this process's pages (proc_pid_pagemap(5)); nil where the system shows none
}

// newPages keeps a memory in a file that has no name; nil where the system has none.
func newPages(memory []byte) *pages {
	fd, err := unix.MemfdCreate("agora task", unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	p := &pages{file: os.NewFile(uintptr(fd), "agora task")}
	if err = p.fill(memory); err == nil {
		p.memory, err = unix.Mmap(fd, 0, len(memory), unix.PROT_READ, unix.MAP_SHARED)
	}
	if err != nil {
		p.file.Close() // nothing is lost with it
		return nil
	}
	if p.table, err = os.Open("/proc/self/pagemap"); err != nil {
		p.table = nil
	}
	return p
}

// fill writes what is not zero: the rest takes no room.
func (p *pages) fill(memory []byte) error {
	for at := 0; at < len(memory); at += pageSize {
		part := memory[at:min(at+pageSize, len(memory))]
		if bytes.Count(part, []byte{0}) == len(part) {
			continue
		}
		if _, err := p.file.WriteAt(part, int64(at)); err != nil {
			return err
		}
	}
	return p.file.Truncate(int64(len(memory)))
}

func (p *pages) close() error {
	if p.table != nil {
		p.table.Close() // only read
	}
	return errors.Join(unix.Munmap(p.memory), p.file.Close())
}

// view maps the pages: what is written is the view's alone.
func (p *pages) view() (*view, error) {
	mapped, err := unix.Mmap(int(p.file.Fd()), 0, len(p.memory), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	v := &view{of: p, mapped: mapped}
	v.told = v.tells()
	return v, nil
}

func unmap(mapped []byte) error { return unix.Munmap(mapped) }

// maxOwned is how many bytes of pages of its own a view keeps from call to call.
const maxOwned = 2 << 20

// reset undoes what was written. Pages that the view has of its own get their old content: they are likely to be written again, and to
// drop them would mean a fault for each. When there are many, or when the system does not tell which, all are dropped.
func (v *view) reset() error {
	if v.told {
		if owned, ok := v.owned(); ok && len(owned)*pageOfSystem <= maxOwned {
			for _, at := range owned {
				copy(v.mapped[at:at+pageOfSystem], v.of.memory[at:])
			}
			return nil
		}
	}
	return unix.Madvise(v.mapped, unix.MADV_DONTNEED)
}

var pageOfSystem = os.Getpagesize()

// The bits of an entry of the table of pages.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61 // it is the file's and not the view's own
)

// owned returns where the pages are that the view has of its own; false where the system does not tell.
func (v *view) owned() ([]int, bool) {
	first := uintptr(unsafe.Pointer(unsafe.SliceData(v.mapped))) / uintptr(pageOfSystem)
	if v.entries == nil {
		v.entries = make([]byte, 8*(len(v.mapped)/pageOfSystem))
	}
	if _, err := v.of.table.ReadAt(v.entries, 8*int64(first)); err != nil {
		return nil, false
	}
	v.at = v.at[:0]
	for i := 0; i < len(v.entries); i += 8 {
		entry := binary.NativeEndian.Uint64(v.entries[i:])
		if entry&(pagePresent|pageSwapped) != 0 && entry&pageOfFile == 0 {
			v.at = append(v.at, i/8*pageOfSystem)
		}
	}
	return v.at, true
}

// tells tries out whether the system tells which pages were written: none of a new view, and then the one that is written here.
func (v *view) tells() bool {
	if v.of.table == nil || len(v.mapped)%pageOfSystem != 0 {
		return false
	}
	if owned, ok := v.owned(); !ok || len(owned) > 0 {
		return false
	}
	at := len(v.mapped) / 2 / pageOfSystem * pageOfSystem
	v.mapped[at]++
	owned, ok := v.owned()
	v.mapped[at]--
	return ok && len(owned) == 1 && owned[0] == at
}
