package testnet

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cometbft/cometbft/p2p"
	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"

	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
)

// Limits on what a node that joins takes from the nodes it asks.
const (
	askTimeout    = 30 * time.Second
	genesisChunks = 16 // of 16 MiB each
	genesisBytes  = genesisChunks << 24
)

// trustPeriod is how long a header can be trusted: less than evidence against its signers can still be punished.
const trustPeriod = 48 * time.Hour

// JoinOptions say which network a new node joins and how.
type JoinOptions struct {
	Home, Moniker string
	RPC           []string // nodes to ask, http://host:port; all must tell the same
	Keyring       string   // os, file or test; empty: os
	BasePort      int      // first of the node's ports on 127.0.0.1; 0: the usual ports
	Replay        bool     // run every block since genesis instead of starting from a snapshot
}

// Joined says what a joining node was told; its operator compares the trusted header with another source.
type Joined struct {
	ID          p2p.ID `json:"id"`
	ChainID     string `json:"chain_id"`
	TrustHeight int64  `json:"trust_height"` // 0 where the node replays
	TrustHash   string `json:"trust_hash"`   // hex
}

// witness is a node that was asked.
type witness struct {
	url     string
	client  *rpchttp.HTTP
	status  *coretypes.ResultStatus
	genesis []byte
}

// Join writes the home of a node that joins a running network. It starts from a snapshot at a header on which all the
// nodes asked agree.
func Join(ctx context.Context, o JoinOptions) (*Joined, error) {
	if len(o.RPC) == 0 {
		return nil, errors.New("no node to ask: give --ask http://host:port of one or, better, several nodes of the network")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var asked []*witness
	for _, u := range o.RPC {
		w, err := ask(ctx, u)
		if err != nil {
			return nil, fmt.Errorf("ask %s: %w", u, err)
		}
		if len(asked) > 0 && !bytes.Equal(w.genesis, asked[0].genesis) {
			return nil, fmt.Errorf("%s and %s tell different geneses: one of them is not on your network", u, asked[0].url)
		}
		asked = append(asked, w)
	}
	return o.write(ctx, asked)
}

func ask(ctx context.Context, rpc string) (*witness, error) {
	c, err := rpchttp.NewWithTimeout(rpc, "/websocket", uint(askTimeout/time.Second))
	if err != nil {
		return nil, err
	}
	w := &witness{url: rpc, client: c}
	if w.status, err = c.Status(ctx); err != nil {
		return nil, err
	}
	w.genesis, err = genesisOf(ctx, c)
	return w, err
}

// genesisOf fetches the genesis in chunks, as large ones are served.
func genesisOf(ctx context.Context, c *rpchttp.HTTP) ([]byte, error) {
	var out []byte
	for i, total := uint(0), 1; int(i) < total; i++ {
		chunk, err := c.GenesisChunked(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("genesis: %w", err)
		}
		if total = chunk.TotalChunks; total > genesisChunks {
			return nil, fmt.Errorf("genesis of %d chunks: at most %d are taken; copy the file into config/ instead", total, genesisChunks)
		}
		bz, err := base64.StdEncoding.DecodeString(chunk.Data)
		if err != nil {
			return nil, fmt.Errorf("genesis: %w", err)
		}
		if out = append(out, bz...); len(out) > genesisBytes {
			return nil, fmt.Errorf("genesis of more than %d bytes: copy the file into config/ instead", genesisBytes)
		}
	}
	return out, nil
}

func (o JoinOptions) write(ctx context.Context, asked []*witness) (*Joined, error) {
	genesis, err := genutiltypes.AppGenesisFromReader(bytes.NewReader(asked[0].genesis))
	if err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	h, err := newHome(o.Home, o.Moniker, o.Keyring)
	if err != nil {
		return nil, err
	}
	joined := &Joined{ChainID: genesis.ChainID}
	if joined.ID, _, err = h.keys(); err != nil {
		return nil, err
	}
	if err := h.listenFrom(o.BasePort); err != nil {
		return nil, err
	}
	if h.comet.P2P.PersistentPeers, err = peers(asked); err != nil {
		return nil, err
	}
	h.comet.P2P.AddrBookStrict = false
	if !o.Replay {
		if err := h.trust(ctx, asked, joined); err != nil {
			return nil, err
		}
	}
	return joined, h.write(genesis)
}

// peers are the asked nodes as peers. A node that listens on every address is dialled where it was asked.
func peers(asked []*witness) (string, error) {
	var list []string
	for _, w := range asked {
		address, err := peerAddress(w.status.NodeInfo.ListenAddr, w.url)
		if err != nil {
			return "", fmt.Errorf("%s tells no address for peers: %w", w.url, err)
		}
		id := w.status.NodeInfo.ID()
		if raw, err := hex.DecodeString(string(id)); err != nil || len(raw) != p2p.IDByteLength {
			return "", fmt.Errorf("%s tells a node id of %d bytes that is none", w.url, len(id))
		}
		list = append(list, p2p.IDAddressString(id, address))
	}
	return strings.Join(list, ","), nil
}

// peerAddress is the host:port behind what a node says it listens on, asked at rpc.
func peerAddress(listen, rpc string) (string, error) {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(listen, "tcp://"))
	if err != nil {
		return "", err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("port %.20q: %w", port, err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		u, err := url.Parse(rpc)
		if err != nil {
			return "", err
		}
		host = u.Hostname()
	}
	if strings.ContainsFunc(host, func(r rune) bool { return !strings.ContainsRune(hostLetters, r) }) || len(host) > 253 || host == "" {
		return "", fmt.Errorf("host %.60q is no address", host)
	}
	return net.JoinHostPort(host, port), nil
}

// hostLetters are those of names and IP addresses. The host goes into a configuration file, where others could mean more.
const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:"

// trust pins the header that the light client starts from: a recent one that all tell alike.
func (h *home) trust(ctx context.Context, asked []*witness, joined *Joined) error {
	latest := asked[0].status.SyncInfo.LatestBlockHeight
	for _, w := range asked {
		latest = min(latest, w.status.SyncInfo.LatestBlockHeight)
	}
	height := max(1, latest-2)
	for _, w := range asked {
		commit, err := w.client.Commit(ctx, &height)
		if err != nil {
			return fmt.Errorf("header %d of %s: %w", height, w.url, err)
		}
		hash := commit.Commit.BlockID.Hash.String()
		if joined.TrustHash != "" && hash != joined.TrustHash {
			return fmt.Errorf("header %d is %s at %s and %s at %s: one of them is not on your network", height, hash, w.url, joined.TrustHash, asked[0].url)
		}
		joined.TrustHeight, joined.TrustHash = height, hash
		h.comet.StateSync.RPCServers = append(h.comet.StateSync.RPCServers, w.url)
	}
	s := h.comet.StateSync
	if len(s.RPCServers) == 1 { // CometBFT wants a second opinion; with one node asked there is none
		s.RPCServers = append(s.RPCServers, s.RPCServers[0])
	}
	s.Enable, s.TrustHeight, s.TrustHash, s.TrustPeriod = true, joined.TrustHeight, joined.TrustHash, trustPeriod
	s.DiscoveryTime = 5 * time.Second
	return nil
}
