package localnet

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cosmos/gogoproto/proto"

	"github.com/cosmos/cosmos-sdk/types/tx"

	yumatypes "agora/chain/x/yuma/types"
)

// proposer is a chain node's application as CometBFT sees it. Told to, it does the one thing that a proposer can do to the seed of an
// examination: it leaves a market's reveals out of a block that it proposes.
type proposer struct {
	abci.Application

	mu     sync.Mutex
	netuid uint32           // of the market; 0 leaves nothing out
	spared string           // the account whose reveals it proposes all the same
	at     int64            // the height of the block that lacks them
	left   map[string]int64 // the first height at which it left a reveal out, by the reveal's salt in hexadecimal
}

// mostLeftOut bounds what is remembered of reveals that were left out.
const mostLeftOut = 512

// leaveOut leaves the reveals of a market, but those of one account, out of the block at a height, if this node proposes it; a netuid of 0
// ends it. What was left out before is forgotten.
func (p *proposer) leaveOut(netuid uint32, spared string, at int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.netuid, p.spared, p.at, p.left = netuid, spared, at, map[string]int64{}
}

// leftOut says which reveals were left out, by their salts in hexadecimal, and from which height on.
func (p *proposer) leftOut() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.left)
}

// serveLeaveOut answers an order to leave out the reveals of the market "netuid" "but" those of an account from the block "at" a height.
func (p *proposer) serveLeaveOut(w http.ResponseWriter, r *http.Request) {
	netuid, err := strconv.ParseUint(r.FormValue("netuid"), 10, 32)
	if err != nil {
		http.Error(w, "netuid: "+err.Error(), http.StatusBadRequest)
		return
	}
	at, err := strconv.ParseInt(r.FormValue("at"), 10, 64)
	if err != nil {
		http.Error(w, "at: "+err.Error(), http.StatusBadRequest)
		return
	}
	p.leaveOut(uint32(netuid), r.FormValue("but"), at)
}

func (p *proposer) serveLeftOut(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(p.leftOut()) // whoever left needs no answer
}

// PrepareProposal implements abci.Application.
func (p *proposer) PrepareProposal(ctx context.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	resp, err := p.Application.PrepareProposal(ctx, req)
	if err == nil {
		resp.Txs = p.without(resp.Txs, req.Height)
	}
	return resp, err
}

// without leaves reveals out, and what their senders sent after them: its sequence would not fit.
func (p *proposer) without(txs [][]byte, height int64) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.netuid == 0 || height != p.at {
		return txs
	}
	var kept [][]byte
	waiting := map[string]bool{}
	for _, raw := range txs {
		sender, reveals := read(raw)
		for _, r := range reveals {
			if r.Netuid != p.netuid || r.HotAccount == p.spared {
				continue
			}
			waiting[sender] = true
			if salt := hex.EncodeToString(r.Salt); p.left[salt] == 0 && len(p.left) < mostLeftOut {
				p.left[salt] = height
			}
		}
		if !waiting[sender] {
			kept = append(kept, raw)
		}
	}
	return kept
}

// read returns the key that signs a transaction first and its reveals; nothing of bytes that do not decode.
func read(raw []byte) (sender string, reveals []*yumatypes.MsgRevealWeights) {
	var whole tx.TxRaw
	var body tx.TxBody
	var auth tx.AuthInfo
	if whole.Unmarshal(raw) != nil || body.Unmarshal(whole.BodyBytes) != nil || auth.Unmarshal(whole.AuthInfoBytes) != nil {
		return "", nil
	}
	if len(auth.SignerInfos) > 0 && auth.SignerInfos[0].PublicKey != nil {
		sender = string(auth.SignerInfos[0].PublicKey.Value)
	}
	kind := "/" + proto.MessageName(&yumatypes.MsgRevealWeights{})
	for _, m := range body.Messages {
		r := &yumatypes.MsgRevealWeights{}
		if m.TypeUrl == kind && r.Unmarshal(m.Value) == nil {
			reveals = append(reveals, r)
		}
	}
	return sender, reveals
}
