package wire

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"agora/wire/mux"
)

// acceptPause is how long the hub waits after a failed accept, which is most often a lack of file descriptors.
const acceptPause = 50 * time.Millisecond

func (h *Hub) accept() {
	for {
		conn, err := h.l.Accept()
		if h.ctx.Err() != nil {
			closeIf(conn)
			return
		}
		if err != nil {
			h.opt.Log.Warn("cannot accept a miner's connection", "err", err)
			sleep(h.ctx, acceptPause)
			continue
		}
		h.admit(conn)
	}
}

// admit starts the handshake if the limits leave room for one more connection from this address.
func (h *Hub) admit(conn net.Conn) {
	from := address(conn)
	if !h.door.enter(from) {
		conn.Close()
		return
	}
	if !h.enter(from) {
		h.door.leave(from, false)
		conn.Close()
		return
	}
	h.wg.Go(func() {
		defer h.exit(from)
		p := h.greet(conn)
		h.door.leave(from, p != nil)
		if p != nil {
			h.hold(p)
		}
	})
}

// greet shakes hands and decides; nil means that the connection was refused and is closed.
func (h *Hub) greet(raw net.Conn) *peer {
	ctx, cancel := context.WithTimeout(h.ctx, h.opt.HandshakeTimeout)
	defer cancel()
	out := mux.NewOutlet(raw)
	conn := tls.Server(out, h.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		h.opt.Log.Debug("handshake failed", "from", raw.RemoteAddr(), "err", err)
		return nil
	}
	key, err := peerKey(conn.ConnectionState())
	if err != nil { // pinned has checked it already
		raw.Close()
		return nil
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	netuid, err := readIntent(conn)
	if err != nil {
		conn.Close()
		h.opt.Log.Debug("miner did not say for which subnet it comes", "peer", PeerID(key), "from", raw.RemoteAddr(), "err", err)
		return nil
	}
	at := place{netuid, [ed25519.PublicKeySize]byte(key)}
	refusal := h.refusal(at)
	if err := writeHello(conn, refusal); err != nil || refusal != nil {
		h.opt.Log.Debug("miner refused", "peer", PeerID(key), "from", raw.RemoteAddr(), "reason", refusal, "err", err)
		conn.Close()
		return nil
	}
	conn.SetDeadline(time.Time{})
	session := mux.Client(conn, out, mux.Config{}) // the hub alone opens streams
	return &peer{netuid: netuid, key: key, session: session, since: time.Now(), opt: &h.opt}
}

func (h *Hub) refusal(at place) error {
	if err := h.allow(at.netuid, at.key[:]); err != nil {
		return err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.peers[at] == nil && len(h.peers) >= h.opt.MaxConns {
		return ErrFull
	}
	return nil
}

// hold keeps a miner listed until its session ends.
func (h *Hub) hold(p *peer) {
	if !h.join(p) {
		p.end(codeShutdown)
		return
	}
	h.opt.Log.Debug("miner connected", "peer", PeerID(p.key), "from", p.session.RemoteAddr())
	<-p.session.Done()
	h.leave(p)
	p.session.Close()
	h.opt.Log.Debug("miner gone", "peer", PeerID(p.key))
}

func (h *Hub) join(p *peer) bool {
	id := p.place()
	h.change.Lock()
	defer h.change.Unlock()
	h.mu.Lock()
	old := h.peers[id]
	full := old == nil && len(h.peers) >= h.opt.MaxConns
	if h.ctx.Err() != nil || full {
		h.mu.Unlock()
		return false
	}
	h.peers[id] = p
	h.mu.Unlock()
	if old != nil {
		h.wg.Go(func() { old.end(codeReplaced) })
		return true
	}
	h.opt.OnChange(p.key, true)
	return true
}

func (h *Hub) leave(p *peer) {
	id := p.place()
	h.change.Lock()
	defer h.change.Unlock()
	h.mu.Lock()
	current := h.peers[id] == p
	if current {
		delete(h.peers, id)
	}
	h.mu.Unlock()
	if current {
		h.opt.OnChange(p.key, false)
	}
}

// enter counts a connection from an address and says whether it is within the limit.
func (h *Hub) enter(from netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byAddr[from] >= h.opt.MaxPerAddress {
		return false
	}
	h.byAddr[from]++
	return true
}

func (h *Hub) exit(from netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byAddr[from]--; h.byAddr[from] == 0 {
		delete(h.byAddr, from)
	}
}

// address is what MaxPerAddress counts by: an IPv4 address, or the /64 that one IPv6 host can use at will.
func address(conn net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().Addr()
	}
	return ip
}

func closeIf(conn net.Conn) {
	if conn != nil {
		conn.Close()
	}
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
