package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func host(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|n)))
}

func TestOneAddressCannotTakeEveryHandshake(t *testing.T) {
	d := newDoor(16, 3)
	for i := range 3 {
		if !d.enter(host(1)) {
			t.Fatal("handshake", i)
		}
	}
	if d.enter(host(1)) {
		t.Fatal("a fourth handshake of one address began")
	}
	if !d.enter(host(2)) {
		t.Fatal("another address was kept out")
	}
	d.leave(host(1), false)
	if !d.enter(host(1)) {
		t.Fatal("a place did not come back")
	}
}

func TestShareOfHandshakesIsKeptForKnownKeys(t *testing.T) {
	d := newDoor(16, 8)
	for n := range uint32(3) {
		d.enter(host(n))
		d.leave(host(n), n < 2) // two were accepted
	}
	for n := range uint32(100) {
		d.enter(host(1000 + n))
	}
	if d.open != 12 {
		t.Fatalf("strangers hold %d of 16 places, want 12", d.open)
	}
	for n, want := range []bool{true, true, false} {
		if d.enter(host(uint32(n))) != want {
			t.Errorf("address %d: want %v", n, want)
		}
	}
}

func TestKnownAddressesAreBounded(t *testing.T) {
	d := newDoor(4, 4)
	for n := range uint32(maxKnown + 100) {
		d.enter(host(n))
		d.leave(host(n), true)
	}
	if len(d.known) != maxKnown || len(d.by) != 0 || d.open != 0 {
		t.Fatal(len(d.known), len(d.by), d.open)
	}
}

// Whoever came before a restart, clean or not, is known after it.
func TestKnownAddressesOutliveTheProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "addresses")
	first := newDoor(16, 8)
	if err := first.remember(path); err != nil {
		t.Fatal(err)
	}
	for n := range uint32(3) {
		first.enter(host(n))
		first.leave(host(n), n < 2)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0) // a crash in the middle of a line
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString("10.0.")
	file.Close()
	again := newDoor(16, 8)
	if err := again.remember(path); err != nil {
		t.Fatal(err)
	}
	again.enter(host(7))
	again.leave(host(7), true)
	third := newDoor(16, 8)
	if err := third.remember(path); err != nil {
		t.Fatal(err)
	}
	for n, want := range map[uint32]bool{0: true, 1: true, 2: false, 7: true} {
		if third.known[host(n)] != want {
			t.Errorf("address %d is known: %v", n, !want)
		}
	}
}

func TestFileOfKnownAddressesIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "addresses")
	for round := range uint32(3) {
		d := newDoor(4, 4)
		if err := d.remember(path); err != nil {
			t.Fatal(err)
		}
		for n := range uint32(3 * maxKnown) {
			at := host(round*4*maxKnown + n)
			d.enter(at)
			d.leave(at, true)
		}
		if err := d.kept.close(); err != nil {
			t.Fatal(err)
		}
	}
	d := newDoor(4, 4)
	if err := d.remember(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 16*maxKnown || len(d.known) != maxKnown || !d.known[host(2*4*maxKnown+3*maxKnown-1)] {
		t.Fatal(info.Size(), len(d.known), err)
	}
	if err := d.remember(t.TempDir()); err == nil {
		t.Error("a folder serves as the file")
	}
}

// Connections that say nothing fill their address's share and no more: a miner from elsewhere still comes in.
func TestSilentConnectionsAreBoundedPerAddress(t *testing.T) {
	hub := openHub(t, everyone, Options{MaxHandshakes: 64, MaxGreeting: 4, HandshakeTimeout: time.Minute})
	for range 50 {
		conn, err := net.Dial("tcp", hub.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	time.Sleep(100 * time.Millisecond)
	hub.door.mu.Lock()
	defer hub.door.mu.Unlock()
	if hub.door.open != 4 {
		t.Fatalf("%d handshakes are open, want 4", hub.door.open)
	}
}
