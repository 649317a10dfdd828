package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"agora/mechanism/voucher"
)

// Debt is what the gateway owes one payee, a miner's owner.
type Debt struct {
	Payee   string // account on the chain
	Channel uint64 // 0 while there is none
	Owed    voucher.Parts
	Held    Held // the highest voucher that was signed
}

// Due is what was answered and no voucher covers, in rao.
func (d Debt) Due() uint64 {
	signed := d.Held.Voucher.Total()
	return d.Owed.Total() - min(signed, d.Owed.Total())
}

// Owe adds what an answer cost to a payee's account and returns it.
func (l *Ledger) Owe(ctx context.Context, payee string, netuid uint32, rao uint64) (d Debt, err error) {
	return l.debt(ctx, payee, func(have *Debt) error {
		have.Owed = have.Owed.Plus(voucher.Parts{{Netuid: netuid, Amount: rao}})
		return nil
	})
}

// Promise writes down a voucher before it is handed out, so that none is ever signed for less than another. It is signed
// by sign for all that is owed, and ahead for what is not answered yet.
func (l *Ledger) Promise(ctx context.Context, payee string, channel uint64, ahead voucher.Parts, sign func(voucher.Voucher) ([]byte, error)) (Debt, error) {
	return l.debt(ctx, payee, func(have *Debt) error {
		if have.Channel != channel { // another channel begins at nothing: what the last one covered is paid from that
			have.Owed, have.Channel, have.Held = beyond(have.Owed, have.Held.Voucher.Parts), channel, Held{}
		}
		parts := have.Owed.Plus(ahead)
		parts = parts.Plus(beyond(have.Held.Voucher.Parts, parts)) // never less than before
		if len(parts) == 0 {
			return nil
		}
		v := voucher.Voucher{Channel: channel, Parts: parts}
		signature, err := sign(v)
		have.Held = Held{v, signature}
		return err
	})
}

// beyond is what p has more than q in each subnet.
func beyond(p, q voucher.Parts) (more voucher.Parts) {
	for _, part := range p {
		if have := q.Of(part.Netuid); part.Amount > have {
			more = append(more, voucher.Part{Netuid: part.Netuid, Amount: part.Amount - have})
		}
	}
	return more
}

// Debt is what is owed to a payee; nothing where it is not known.
func (l *Ledger) Debt(ctx context.Context, payee string) (Debt, error) {
	return l.debt(ctx, payee, nil)
}

func (l *Ledger) debt(ctx context.Context, payee string, change func(*Debt) error) (d Debt, err error) {
	err = l.do(ctx, "", func(w *work) error {
		have, err := w.debtOf(payee)
		if err != nil {
			return err
		}
		d = *have
		if change == nil {
			return nil
		}
		if err := change(&d); err != nil {
			return err
		}
		*have = d
		w.debts[payee], w.changed[payee] = have, true
		return nil
	})
	return d, err
}

// debtOf finds a debt, and locks it where others write too.
func (w *work) debtOf(payee string) (*Debt, error) {
	if have := w.debts[payee]; have != nil {
		return have, nil
	}
	if !w.dialect.shared {
		return &Debt{Payee: payee}, nil
	}
	if err := w.begin(); err != nil {
		return nil, err
	}
	d, err := scanDebt(w.tx.QueryRowContext(w.ctx, "SELECT "+debtColumns+" FROM debts WHERE payee = $1 FOR UPDATE", payee))
	if errors.Is(err, sql.ErrNoRows) {
		return &Debt{Payee: payee}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return d, nil
}

const debtColumns = "payee, channel, owed, promise, signature"

func scanDebt(row scanner) (*Debt, error) {
	d := &Debt{}
	var owed, promise []byte
	if err := row.Scan(&d.Payee, &d.Channel, &owed, &promise, &d.Held.Signature); err != nil {
		return nil, err
	}
	var err error
	if d.Owed, err = unpackParts(owed); err != nil {
		return nil, err
	}
	d.Held.Voucher, err = unpackVoucher(promise)
	return d, err
}

func (d *Debt) values() []any {
	return []any{d.Payee, d.Channel, packParts(d.Owed), packVoucher(d.Held.Voucher), d.Held.Signature}
}

// Debts lists everything owed, by payee.
func (l *Ledger) Debts(ctx context.Context) (all []Debt, err error) {
	if l.desk != nil {
		return l.desk.debts(), nil
	}
	err = l.each(ctx, "SELECT "+debtColumns+" FROM debts ORDER BY payee", func(row scanner) error {
		d, err := scanDebt(row)
		if err == nil {
			all = append(all, *d)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return all, nil
}
