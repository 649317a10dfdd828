package miner

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"agora/mechanism/voucher"
	"agora/wire/x402"
)

// remembered is a tab's file entry.
type remembered struct {
	Validator string       `json:"validator"` // hex of the hot key
	Key       []byte       `json:"key"`
	Limit     uint64       `json:"limit"`
	Charged   uint64       `json:"charged"`
	Lost      uint64       `json:"lost"`
	Voucher   x402.Payload `json:"voucher"`
}

const maxRemembered = 4 << 20

func (m *Meter) recall() error {
	if m.File == "" {
		return nil
	}
	info, err := os.Stat(m.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Size() > maxRemembered {
		return fmt.Errorf("%s has %d bytes, at most %d are read", m.File, info.Size(), maxRemembered)
	}
	raw, err := os.ReadFile(m.File)
	if err != nil {
		return err
	}
	var list []remembered
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("%s is damaged (%w): restore it, or move it away and lose the vouchers in it", m.File, err)
	}
	for _, r := range list {
		id, err := hex.DecodeString(r.Validator)
		if err != nil || len(id) != ed25519.PublicKeySize {
			return fmt.Errorf("%s is damaged: validator %.80q", m.File, r.Validator)
		}
		v, err := r.Voucher.Voucher()
		if err != nil {
			return fmt.Errorf("%s is damaged: %w", m.File, err)
		}
		m.tabs[[ed25519.PublicKeySize]byte(id)] = &tab{
			line: voucher.Line{Limit: voucher.MostAmount, Signed: v.Total(), Charged: r.Charged}, channel: v.Channel, key: r.Key,
			limit: r.Limit, held: v, proof: r.Voucher.Signature, lost: r.Lost,
		}
	}
	return nil
}

// save writes the vouchers down. The lock is held.
func (m *Meter) save() error {
	if m.File == "" {
		return nil
	}
	var list []remembered
	for id, t := range m.tabs {
		if len(t.proof) > 0 {
			list = append(list, remembered{
				hex.EncodeToString(id[:]), t.key, t.limit, t.line.Charged, t.lost, x402.NewPayload(t.held, t.proof),
			})
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.File), ".vouchers-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), m.File)
}
