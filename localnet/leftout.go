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

	yumatypes "agora/chain/x/yuma/types"
)

// leftOutLeast is how many reveals a proposer should have left out before the check stops waiting for one that comes in time for a first block.
const leftOutLeast = 1

// leaveOut tells every node to leave the others' reveals of a market out of the block at a height, which one of them will propose; a netuid of
// 0 ends it.
func (w *withholder) leaveOut(ctx context.Context, netuid uint32, at int64) error {
	query := url.Values{"netuid": {strconv.FormatUint(uint64(netuid), 10)}, "but": {w.queue.Address()}, "at": {strconv.FormatInt(at, 10)}}
	for i := range w.file.Validators {
		if _, err := call(ctx, w.home, http.MethodPost, fmt.Sprintf("/nodes/%d/left-out?%s", i, query.Encode())); err != nil {
			return err
		}
	}
	return nil
}

// taken holds the reveals that were left out of a tempo's first block for them to those that the chain has of it.
func (w *withholder) taken(ctx context.Context, s yumatypes.Schedule, rows []yumatypes.Row, c *choice) error {
	for i := range w.file.Validators {
		told, err := call(ctx, w.home, http.MethodGet, fmt.Sprintf("/nodes/%d/left-out", i))
		if err != nil {
			return err
		}
		var left map[string]int64
		if err := json.Unmarshal(told, &left); err != nil {
			return fmt.Errorf("what node %d left out: %w", i, err)
		}
		if err := c.count(s, left, rows); err != nil {
			return err
		}
	}
	return nil
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
