package testnet

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cometbft/cometbft/p2p"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	cmttypes "github.com/cometbft/cometbft/types"
)

// teller is a node that tells a genesis and headers of its own making.
type teller struct{ genesis, header string }

func (n teller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req rpctypes.RPCRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var result any
	switch req.Method {
	case "status":
		result = &coretypes.ResultStatus{
			NodeInfo: p2p.DefaultNodeInfo{DefaultNodeID: "0123456789abcdef0123456789abcdef01234567", ListenAddr: "tcp://0.0.0.0:26656"},
			SyncInfo: coretypes.SyncInfo{LatestBlockHeight: 50},
		}
	case "genesis_chunked":
		result = &coretypes.ResultGenesisChunk{TotalChunks: 1, Data: base64.StdEncoding.EncodeToString([]byte(n.genesis))}
	case "commit":
		result = &coretypes.ResultCommit{SignedHeader: cmttypes.SignedHeader{
			Header: &cmttypes.Header{Height: 48}, Commit: &cmttypes.Commit{Height: 48, BlockID: cmttypes.BlockID{Hash: []byte(n.header)}},
		}}
	}
	bz, err := json.Marshal(rpctypes.NewRPCSuccessResponse(req.ID, result))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Write(bz)
}

const (
	genesisText = `{"genesis_time":"2026-01-01T00:00:00Z","chain_id":"agora-7","initial_height":"1","app_hash":"","app_state":{}}`
	headerHash  = "0123456789abcdef0123456789abcdef"
)

func join(t *testing.T, nodes ...teller) (*Joined, string, error) {
	t.Helper()
	o := JoinOptions{Home: filepath.Join(t.TempDir(), "node"), Moniker: "newcomer"}
	for _, n := range nodes {
		s := httptest.NewServer(n)
		t.Cleanup(s.Close)
		o.RPC = append(o.RPC, s.URL)
	}
	j, err := Join(t.Context(), o)
	return j, o.Home, err
}

func TestJoinTrustsWhatAllNodesTell(t *testing.T) {
	honest := teller{genesisText, headerHash}
	j, home, err := join(t, honest, honest)
	if err != nil {
		t.Fatal(err)
	}
	if j.ChainID != "agora-7" || j.TrustHeight != 48 || len(j.TrustHash) != 64 {
		t.Fatalf("joined %+v", j)
	}
	if _, err := newHome(home, "again", ""); err == nil {
		t.Fatal("the home holds no genesis")
	}
}

func TestJoinRefusesNodesThatDisagree(t *testing.T) {
	honest := teller{genesisText, headerHash}
	for name, liar := range map[string]teller{
		"genesis": {strings.Replace(genesisText, "agora-7", "agora-8", 1), headerHash},
		"header":  {genesisText, strings.ToUpper(headerHash)},
	} {
		_, home, err := join(t, honest, liar)
		if err == nil || !strings.Contains(err.Error(), "not on your network") {
			t.Errorf("another %s: %v", name, err)
		}
		if _, err := newHome(home, "again", ""); err != nil {
			t.Errorf("another %s left a node behind: %v", name, err)
		}
	}
}

func TestJoinNeedsANodeToAsk(t *testing.T) {
	if _, _, err := join(t); err == nil {
		t.Fatal("joined nobody")
	}
}

// FuzzPeerAddress holds what nodes say of themselves to a host and a port.
func FuzzPeerAddress(f *testing.F) {
	f.Add("tcp://0.0.0.0:26656", "http://10.0.0.1:26657")
	f.Add("tcp://[::]:1", "http://[::1]:2")
	f.Add("tcp://a.b:65535", "")
	f.Add(":0", "http://x")
	f.Add("tcp://a\"\nb,c@d:1", "http://x")
	f.Fuzz(func(t *testing.T, listen, rpc string) {
		address, err := peerAddress(listen, rpc)
		if err != nil {
			return
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			t.Fatalf("%q and %q give %q: %v", listen, rpc, address, err)
		}
		if strings.ContainsAny(address, "\"\\\n,@ ") {
			t.Fatalf("%q and %q give %q, which means more in a configuration", listen, rpc, address)
		}
	})
}
