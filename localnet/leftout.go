package localnet

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"

	yumatypes "agora/chain/x/yuma/types"
)

// leftOutLeast is how many reveals a proposer must have left out before the check is content.
const leftOutLeast = 1

// chooseLeaver lets the node that proposed the first block of a window leave the others' reveals out of its blocks from now on: in a tempo
// of so few blocks the same ones come first again and again, and the reveals wait for the first.
func (w *withholder) chooseLeaver(ctx context.Context) error {
	if w.leaver != "" || len(w.choices) == 0 {
		return nil
	}
	first := w.choices[len(w.choices)-1].first
	for i := range w.file.Validators {
		key := cmted25519.PrivKey(keys(w.file.Seed).node("consensus", fmt.Sprintf("validator%d", i)))
		if key.PubKey().Address().String() == first {
			w.leaver = strconv.Itoa(i)
			return w.orderLeaver(ctx, w.netuid)
		}
	}
	return fmt.Errorf("no node of this market proposes as %s", first)
}

// endLeaving lets the node propose what waits again.
func (w *withholder) endLeaving(ctx context.Context) error {
	if w.leaver == "" {
		return nil
	}
	return w.orderLeaver(ctx, 0)
}

func (w *withholder) orderLeaver(ctx context.Context, netuid uint32) error {
	query := url.Values{"netuid": {strconv.FormatUint(uint64(netuid), 10)}, "but": {w.queue.Address()}}
	_, err := call(ctx, w.home, http.MethodPost, "/nodes/"+w.leaver+"/left-out?"+query.Encode())
	return err
}

// taken holds the reveals that the leaver left out in a tempo to those that the chain has of it.
func (w *withholder) taken(ctx context.Context, s yumatypes.Schedule, rows []yumatypes.Row, c *choice) error {
	if w.leaver == "" {
		return nil
	}
	told, err := call(ctx, w.home, http.MethodGet, "/nodes/"+w.leaver+"/left-out")
	if err != nil {
		return err
	}
	var left map[string]int64
	if err := json.Unmarshal(told, &left); err != nil {
		return fmt.Errorf("what node %s left out: %w", w.leaver, err)
	}
	return c.count(s, left, rows)
}

// count finds the reveals of a tempo that were left out, by salt and height, among its rows. One that is not there although blocks of others
// followed is an error; one that came for the window's last block alone has only come late.
func (c *choice) count(s yumatypes.Schedule, left map[string]int64, rows []yumatypes.Row) error {
	for salt, height := range left {
		switch has := slices.ContainsFunc(rows, func(r yumatypes.Row) bool { return hex.EncodeToString(r.Salt) == salt }); {
		case height < s.RevealFrom || height > s.RevealUntil:
		case has:
			c.left++
		case height == s.RevealUntil:
			c.late++
		default:
			return fmt.Errorf("the reveal under salt %.8s… was left out of block %d and of all until %d: one proposer has kept it from the seed of tempo %d", salt, height, s.RevealUntil, c.epoch)
		}
	}
	return nil
}

func (w *withholder) leftOut() (n int) {
	for _, c := range w.choices {
		n += c.left
	}
	return n
}

// late tells of reveals that came for the last block alone, if there were any.
func (w *withholder) late() string {
	n := 0
	for _, c := range w.choices {
		n += c.late
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d more came when only his was left)", n)
}
