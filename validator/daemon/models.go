package daemon

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cosmos/cosmos-sdk/types/query"

	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/frontier"
	"agora/validator/exam"
	"agora/web"
)

// fillModels lists what is published in a subnet, in the order of commits, and who serves it.
func (m *market) fillModels(ctx context.Context, w *web.Subnet) error {
	settings, err := m.client.Parameters(ctx, w.NetUID)
	if err != nil {
		return err
	}
	w.Listed = []web.Model{}
	w.Open = slices.ContainsFunc(settings, func(p subnettypes.Parameter) bool { return p.Name == subnettypes.Openness && p.Value == 1 })
	entries, err := m.published(ctx, w.NetUID)
	if err != nil || len(entries) == 0 {
		return err
	}
	neurons, err := m.client.Neurons(ctx, w.NetUID)
	if err != nil {
		return err
	}
	servers := map[string][]uint32{}
	for _, n := range neurons {
		if n.Card != nil && n.Card.Digest != "" {
			servers[n.Card.Digest] = append(servers[n.Card.Digest], n.Uid)
		}
	}
	for _, e := range entries {
		w.Listed = append(w.Listed, modelOf(e, servers[e.Model.Digest]))
	}
	slices.SortFunc(w.Listed, func(a, b web.Model) int {
		return cmp.Or(cmp.Compare(a.Height, b.Height), cmp.Compare(a.Index, b.Index))
	})
	return m.fillStandings(ctx, w)
}

// toldChanges is how many changes of places a page is told.
const toldChanges = 256

// fillStandings adds how the models stand with this validator, and who held which place. A course that the chain has not told anything
// yet adds nothing.
func (m *market) fillStandings(ctx context.Context, w *web.Subnet) error {
	course := m.judge.Course(w.NetUID)
	if course == nil {
		return nil
	}
	history, err := course.History(toldChanges)
	if err != nil {
		return err
	}
	for _, h := range history {
		w.Held = append(w.Held, web.Held{Epoch: h.Epoch, Models: h.Models})
	}
	if _, told := course.Running(); !told {
		return nil
	}
	list, err := course.Standings(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		digest := exam.SpellDigest(s.Model.Digest)
		if i := slices.IndexFunc(w.Listed, func(l web.Model) bool { return l.Digest == digest }); i >= 0 {
			w.Listed[i].Stands = &web.Place{Items: s.Items, Capability: part(s.Capability), Place: s.Place, Why: s.Why.String(), Fault: s.Fault}
		}
	}
	return nil
}

// part is a score as a part of one.
func part(s frontier.Score) float64 { return float64(s) / float64(frontier.Whole) }

// Exam implements web.Source.
func (m *market) Exam(_ context.Context, netuid uint32, digest string) (*web.Exam, error) {
	course := m.judge.Course(netuid)
	d, ok := exam.ParseDigest(digest)
	if course == nil || !ok {
		return nil, nil
	}
	tempos, err := course.Tempos(d, toldTempos)
	if err != nil {
		return nil, err
	}
	answers, err := course.Answers(d, toldAnswers)
	if err != nil {
		return nil, err
	}
	e := &web.Exam{Tempos: make([]web.Sat, len(tempos)), Answers: make([]web.Answer, len(answers))}
	for i, t := range tempos {
		e.Tempos[i] = web.Sat{Epoch: t.Epoch, Scores: make([]float64, len(t.Scores))}
		for j, s := range t.Scores {
			e.Tempos[i].Scores[j] = part(s)
		}
	}
	for i, a := range answers {
		e.Answers[i] = web.Answer{
			Epoch: a.Epoch, Item: a.Item, Family: a.Family, Question: a.Text, Said: a.Result.Answer, Score: part(a.Result.Score), Reason: a.Result.Reason,
		}.Readable()
	}
	return e, nil
}

// published reads the list of a subnet's models.
func (m *market) published(ctx context.Context, netuid uint32) (entries []modeltypes.Entry, err error) {
	var key []byte
	for {
		r, err := modeltypes.NewQueryClient(m.client.Conn()).Models(ctx, &modeltypes.QueryModelsRequest{
			Netuid: netuid, Pagination: &query.PageRequest{Key: key},
		})
		if err != nil {
			return nil, err
		}
		entries = append(entries, r.Entries...)
		if key = r.Pagination.GetNextKey(); len(key) == 0 {
			return entries, nil
		}
	}
}

// modelOf is a published model as a page shows it.
func modelOf(e modeltypes.Entry, servers []uint32) web.Model {
	l := e.Model
	if servers == nil {
		servers = []uint32{}
	}
	return web.Model{
		Digest: l.Digest, Name: l.Name, Author: l.Author, Common: e.Common, Retired: l.Retired, Licence: l.Licence, Format: l.Format,
		Bytes: l.Bytes, Parameters: l.Parameters, Template: l.Template, Sources: append([]string{}, l.Sources...), Share: float64(l.AuthorShare) / 10_000,
		Height: l.Height, Index: l.Index, Published: time.Unix(l.PublishedUnix, 0).UTC(), Earned: l.Earned, EarnedAuthor: l.EarnedAuthor,
		Servers: servers,
	}
}
