package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agora/validator/daemon"
	"agora/web"
)

// explained is what a validator goes by when it weighs a miner.
type explained struct {
	Validator string           `json:"validator"`
	NetUID    uint32           `json:"netuid"`
	Line      web.Line         `json:"line"`
	Model     *daemon.Examined `json:"model,omitempty"` // of a server of an open model
}

func explainCommand() *cobra.Command {
	var out output
	var at string
	var netuid uint32
	cmd := &cobra.Command{
		Use:   "explain UID",
		Short: "Say what a validator goes by when it weighs a miner",
		Long: "Asks a validator for what it knows of a miner: its score or its model's place, whether its answers, when they were run\n" +
			"again on that model, were the model's, what the latest audits found, how many tokens a second it showed at the last moments, and\n" +
			"the weight that follows.",
		Example: "  agora validator explain 7 --subnet 1 --validator http://127.0.0.1:8080/v1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			uid, err := strconv.ParseUint(args[0], 10, 16)
			if err != nil {
				return fmt.Errorf("%q is no uid: it is the number that agora query yuma metagraph %d lists", args[0], netuid)
			}
			e, err := explain(cmd.Context(), at, netuid, uint32(uid))
			if err != nil {
				return err
			}
			return out.print(cmd, e, e.text())
		},
	}
	out.flag(cmd)
	cmd.Flags().StringVar(&at, "validator", "http://127.0.0.1:8080/v1", "base URL of the validator's gateway")
	cmd.Flags().Uint32Var(&netuid, "subnet", 1, "the subnet")
	return cmd
}

// maxLine bounds what is read of a validator, in bytes.
const maxLine = 1 << 20

func explain(ctx context.Context, gateway string, netuid, uid uint32) (*explained, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	e := &explained{Validator: gateway, NetUID: netuid}
	url := strings.TrimSuffix(strings.TrimSuffix(gateway, "/"), "/v1") + fmt.Sprintf("/subnets/%d/miners/%d.json", netuid, uid)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no validator answers at %s: name one with --validator (%w)", gateway, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the validator at %s knows no miner %d in subnet %d (status %d)", gateway, uid, netuid, resp.StatusCode)
	}
	if err := json.Unmarshal(body, &e.Line); err != nil {
		return nil, fmt.Errorf("what %s answers is not what this program knows: %w", url, err)
	}
	if exam, err := daemon.FetchExamination(ctx, gateway, netuid); err == nil { // there is none where answers are judged
		i := slices.IndexFunc(exam.Models, func(m daemon.Examined) bool { return slices.Contains(m.Servers, uid) })
		if i >= 0 {
			e.Model = &exam.Models[i]
			e.Model.Tempos, e.Model.Answers = nil, nil
		}
	}
	return e, nil
}

func (e *explained) text() string {
	var b strings.Builder
	m := e.Line.Miner
	fmt.Fprintf(&b, "uid %d of subnet %d, %s: rank %d of %d at %s\n", m.UID, e.NetUID, m.Model, e.Line.Rank, e.Line.Of, e.Validator)
	if x := e.Model; x != nil {
		fmt.Fprintf(&b, "model      %s %.19s, capability %.4f of %d items, place %d: %s\n", x.Name, x.Digest, float64(x.Capability)/1e6, x.Items, x.Place, x.Why)
	}
	if a := m.Audits; a != nil {
		gate := "open"
		if !a.Paid {
			gate = "shut"
		}
		fmt.Fprintf(&b, "gate       %s: %s\n", gate, a.Why)
		fmt.Fprintf(&b, "audits     %d answers could be audited; of the last %d audits %d were right, %d false\n", a.Answers, len(a.Last), a.Right, a.False)
		if n := a.Near; n != nil {
			fmt.Fprintf(&b, "near       %.4f nats a token over %.0f tokens, largest of an answer %.2f on average; never paid as exact\n", n.Distance, n.Tokens, n.Peak)
			if h := n.Honest; h != nil {
				fmt.Fprintf(&b, "           calibration: %.4f over %d tokens of %d answers, %.2f\n", h.Distance, h.Tokens, h.Answers, h.Peak)
			}
		}
		fmt.Fprintf(&b, "service    %.4f: of its last %d requests of this validator's own it answered %d\n", a.Service, a.Asked, a.Answered)
		if a.Figures != nil {
			fmt.Fprintf(&b, "capacity   %.1f tokens a second, an eighth of the sum of the last moments':", a.Capacity)
			for _, f := range a.Figures {
				fmt.Fprintf(&b, " %.1f", f)
			}
			b.WriteByte('\n')
		}
		for _, v := range a.Last[max(0, len(a.Last)-5):] {
			fmt.Fprintf(&b, "           %s %s %s %s\n", v.At.Format(time.TimeOnly), v.Receipt, v.Outcome, v.Reason)
		}
	}
	if s := m.Score; s != nil {
		of := ""
		if m.Audits != nil {
			of = " = place × capacity × service × gate, of 65535 in the subnet's largest"
		}
		fmt.Fprintf(&b, "weight     %.0f%s\n", s.Weight, of)
	}
	for _, why := range e.Line.Reasons {
		fmt.Fprintf(&b, "           %s\n", why)
	}
	return b.String()
}
