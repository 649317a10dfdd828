package enrolment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/miner"
	"agora/wire"
)

// maxOpinions bounds the validators asked, those with most stake.
const maxOpinions = 4

// Standing asks the chain and the largest validators' pages how a miner stands. Pages are asked at addresses that
// validators published: without allowPrivate only public ones.
func Standing(ctx context.Context, c *client.Client, netuid, uid uint32, allowPrivate bool) (*miner.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	height, err := c.Height(ctx)
	if err != nil {
		return nil, err
	}
	graph, err := c.Metagraph(ctx, netuid)
	if err != nil {
		return nil, err
	}
	s := &miner.Standing{Height: height, Epoch: graph.Epoch, Opinions: []miner.Opinion{}}
	for _, u := range graph.Uids {
		if u.Uid == uid {
			s.Incentive, s.Emission = float64(u.Incentive)/math.MaxUint16, u.Emission
		}
	}
	voices, err := c.Voices(ctx, netuid)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(voices, func(a, b subnettypes.VoiceEntry) int { return cmp.Compare(b.Stake, a.Stake) })
	pages := pageClient(allowPrivate)
	defer pages.CloseIdleConnections()
	for _, v := range voices {
		if v.Permitted && v.GatewayUrl != "" && len(s.Opinions) < maxOpinions {
			s.Opinions = append(s.Opinions, opinion(ctx, pages, v.GatewayUrl, netuid, uid))
		}
	}
	return s, nil
}

func pageClient(allowPrivate bool) *http.Client {
	return &http.Client{
		Timeout:       5 * time.Second,
		Transport:     &http.Transport{DialContext: wire.Dialer(allowPrivate).DialContext, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// opinion asks one validator's page for a miner's line.
func opinion(ctx context.Context, pages *http.Client, gateway string, netuid, uid uint32) miner.Opinion {
	o := miner.Opinion{Validator: gateway}
	if err := ask(ctx, pages, gateway, netuid, uid, &o); err != nil {
		o.Err = err.Error()
	}
	return o
}

func ask(ctx context.Context, pages *http.Client, gateway string, netuid, uid uint32, o *miner.Opinion) error {
	at, err := url.Parse(gateway)
	if err != nil {
		return err
	}
	at.Path = strings.TrimSuffix(strings.TrimSuffix(at.Path, "/"), "/v1") + fmt.Sprintf("/subnets/%d/miners/%d.json", netuid, uid)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return err
	}
	resp, err := pages.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("its page answers %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	var line struct {
		Rank  int `json:"rank"`
		Of    int `json:"of"`
		Miner struct {
			Score *struct {
				Value float64 `json:"value"`
				Items int     `json:"items"`
			} `json:"score"`
		} `json:"miner"`
		Reasons []string `json:"reasons"`
	}
	if err := json.Unmarshal(body, &line); err != nil {
		return fmt.Errorf("its page is not what this program knows: %w", err)
	}
	o.Rank, o.Of, o.Reasons = line.Rank, line.Of, line.Reasons[:min(len(line.Reasons), 8)]
	if s := line.Miner.Score; s != nil {
		o.Score, o.Items = s.Value, s.Items
	}
	return nil
}
