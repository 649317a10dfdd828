package exam

import (
	"context"
	"errors"
	"time"
)

// maxLent bounds the weights that stay in memory between two loans, in bytes; a single model may have more.
const maxLent = 1 << 30

// loan is a model in memory for whoever wants to run it on something else than questions.
type loan struct {
	model *Specimen
	bytes uint64
	users int
	used  time.Time // when the last of them began
}

// Cores is how many models are run at once.
func (r *Room) Cores() int { return cap(r.cores) }

// Lend gives a model with one of the room's cores, until done is called. A model that was lent stays in memory while there is room
// for it. Errors are those of Examine.
func (r *Room) Lend(ctx context.Context, m Listed) (model *Specimen, done func(), err error) {
	select {
	case r.cores <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	began := time.Now()
	l, err := r.borrow(ctx, m)
	if err != nil {
		<-r.cores
		return nil, nil, err
	}
	return l.model, func() {
		r.lending.Lock()
		l.users--
		r.lending.Unlock()
		r.mu.Lock()
		r.work += time.Since(began)
		r.mu.Unlock()
		<-r.cores
	}, nil
}

func (r *Room) borrow(ctx context.Context, m Listed) (*loan, error) {
	r.lending.Lock()
	defer r.lending.Unlock()
	l := r.lent[m.edition()]
	if l == nil {
		r.makeRoom(m.Bytes)
		model, err := r.open(ctx, m)
		if err != nil {
			return nil, err
		}
		l = &loan{model: model, bytes: m.Bytes}
		r.lent[m.edition()] = l
	}
	l.users++
	l.used = time.Now()
	return l, nil
}

// makeRoom gives up the models that were lent longest ago, until so many bytes more fit. The lock is held.
func (r *Room) makeRoom(bytes uint64) {
	for {
		sum, oldest := bytes, edition{}
		for model, l := range r.lent {
			sum += l.bytes
			if o := r.lent[oldest]; l.users == 0 && (o == nil || l.used.Before(o.used)) {
				oldest = model
			}
		}
		l := r.lent[oldest]
		if sum <= maxLent || l == nil {
			return
		}
		delete(r.lent, oldest)
		_ = l.model.Close() // it was read only
	}
}

// Close gives up what was lent. Nothing may be lent any more.
func (r *Room) Close() error {
	r.lending.Lock()
	defer r.lending.Unlock()
	var errs []error
	for model, l := range r.lent {
		delete(r.lent, model)
		errs = append(errs, l.model.Close())
	}
	return errors.Join(errs...)
}
