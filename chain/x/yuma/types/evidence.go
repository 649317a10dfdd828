package types

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cometbft/cometbft/crypto/merkle"

	"agora/wire/receipt"
)

// Domains keep hashes and signatures over evidence from being anything else.
const (
	sheetDomain  = "agora/yuma/sheet/v1"
	leafDomain   = "agora/yuma/leaf/v1"
	answerDomain = "agora/yuma/answer/v1"
	chooseDomain = "agora/yuma/choose/v1"
)

// maxPath is the longest Merkle path: sheets of up to 2^32 leaves.
const maxPath = 32

// EvidenceRoot is what a commit's evidence_root must be for a sheet: SHA-256 over the domain, the sheet's Merkle root,
// its uids and their counts, encoded as CommitHash does. Leaves are hashed and joined as in RFC 6962.
func EvidenceRoot(sheet Sheet) [32]byte {
	b := appendBytes(nil, []byte(sheetDomain))
	b = appendBytes(b, sheet.Root)
	b = appendUint32s(b, sheet.Uids)
	b = appendUint32s(b, sheet.Counts)
	return sha256.Sum256(b)
}

// NewSheet builds the head of a score sheet and fills in the leaves' indices and paths. The leaves must be sorted by
// uid, as everywhere.
func NewSheet(leaves []Leaf) Sheet {
	var sheet Sheet
	items := make([][]byte, len(leaves))
	for k := range leaves {
		leaves[k].Index = uint64(k)
		items[k] = leaves[k].bytes()
		if n := len(sheet.Uids); n > 0 && sheet.Uids[n-1] == leaves[k].Uid {
			sheet.Counts[n-1]++
		} else {
			sheet.Uids, sheet.Counts = append(sheet.Uids, leaves[k].Uid), append(sheet.Counts, 1)
		}
	}
	root, proofs := merkle.ProofsFromByteSlices(items)
	sheet.Root = root
	for k := range leaves {
		leaves[k].Path = proofs[k].Aunts
	}
	return sheet
}

// AnswerBytes is what a miner signs for one answer: that he gave it, to this item, to this voice, in this epoch.
func AnswerBytes(chainID string, netuid uint32, epoch uint64, voice, item, answer []byte) []byte {
	b := appendBytes(nil, []byte(answerDomain))
	b = appendBytes(b, []byte(chainID))
	b = binary.BigEndian.AppendUint32(b, netuid)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = appendBytes(b, voice)
	b = appendBytes(b, item)
	return appendBytes(b, answer)
}

// bytes is the leaf as the tree holds it.
func (l Leaf) bytes() []byte {
	b := appendBytes(nil, []byte(leafDomain))
	b = binary.BigEndian.AppendUint64(b, l.Index)
	b = binary.BigEndian.AppendUint32(b, l.Uid)
	b = appendBytes(b, l.Item)
	b = appendBytes(b, l.Answer)
	b = binary.BigEndian.AppendUint32(b, l.Score)
	return appendBytes(b, l.Signature)
}

// CheckShape holds a sheet to its form: a root of 32 bytes, ascending uids, a count above zero for each. It returns the
// number of leaves. The error is ErrEvidence.
func (s Sheet) CheckShape() (leaves uint64, err error) {
	if len(s.Root) != sha256.Size || len(s.Uids) != len(s.Counts) || len(s.Uids) == 0 || len(s.Uids) > MaxEntries {
		return 0, fmt.Errorf("%w: sheet with a root of %d bytes, %d uids and %d counts",
			ErrEvidence, len(s.Root), len(s.Uids), len(s.Counts))
	}
	for k, uid := range s.Uids {
		if k > 0 && uid <= s.Uids[k-1] || s.Counts[k] == 0 {
			return 0, fmt.Errorf("%w: sheet: uid %d out of order or without leaves", ErrEvidence, uid)
		}
		leaves += uint64(s.Counts[k])
	}
	return leaves, nil
}

// UidAt returns the uid that leaf index belongs to by the sheet's counts.
func (s Sheet) UidAt(index uint64) (uint32, bool) {
	for k, n := range s.Counts {
		if index < uint64(n) {
			return s.Uids[k], true
		}
		index -= uint64(n)
	}
	return 0, false
}

// Choose returns which n of the sheet's leaves a reveal of these weights must open, all of them if there are fewer, each
// once, in the order in which they must be sent. seed is the hash of the block after the commit, so that nobody knew it
// when the sheet was sealed. With h = SHA-256(domain, seed, commit, k), leaf k is
//
//	a miner by his part of the weights, h[0:8] mod Σ weights, and one of his leaves, h[8:16] mod their count
//
// or the first free one after that. Whoever gets much weight is looked at often, however many leaves others have.
func (s Sheet) Choose(seed, commit []byte, uids, weights []uint32, n int) []uint64 {
	leaves := s.leaves()
	chosen := make([]uint64, 0, n)
	taken := make(map[uint64]bool, n)
	for k := 0; k < n && uint64(k) < leaves; k++ {
		b := appendBytes(nil, []byte(chooseDomain))
		b = appendBytes(b, seed)
		b = appendBytes(b, commit)
		b = binary.BigEndian.AppendUint32(b, uint32(k))
		h := sha256.Sum256(b)
		first, count := s.span(pick(binary.BigEndian.Uint64(h[:]), uids, weights))
		index := first + binary.BigEndian.Uint64(h[8:])%count
		for taken[index] {
			index = (index + 1) % leaves
		}
		taken[index] = true
		chosen = append(chosen, index)
	}
	return chosen
}

// pick returns a uid with a chance in proportion to its weight; false where all are zero.
func pick(r uint64, uids, weights []uint32) (uid uint32, ok bool) {
	var sum uint64
	for _, w := range weights {
		sum += uint64(w)
	}
	if sum == 0 {
		return 0, false
	}
	r %= sum
	for k, w := range weights {
		if r < uint64(w) {
			return uids[k], true
		}
		r -= uint64(w)
	}
	return 0, false
}

// span returns where the leaves of uid begin and how many they are; the whole sheet if it has none.
func (s Sheet) span(uid uint32, ok bool) (first, count uint64) {
	for k, n := range s.Counts {
		if ok && s.Uids[k] == uid {
			return first, uint64(n)
		}
		first += uint64(n)
	}
	return 0, first
}

// leaves is how many leaves the sheet counts.
func (s Sheet) leaves() uint64 {
	_, n := s.span(0, false)
	return n
}

// CheckDistinct refuses a leaf that shows an answer which another of the opened leaves has shown. The error is
// ErrEvidence.
func CheckDistinct(leaves []Leaf) error {
	for k, leaf := range leaves {
		if slices.ContainsFunc(leaves[:k], func(l Leaf) bool { return l.Uid == leaf.Uid && bytes.Equal(l.Item, leaf.Item) }) {
			return fmt.Errorf("%w: leaf %d judges an item of uid %d again", ErrEvidence, leaf.Index, leaf.Uid)
		}
	}
	return nil
}

// CheckPath verifies that a leaf lies in the sheet's tree of so many leaves, under the uid that the sheet says. The
// error is ErrEvidence.
func (s Sheet) CheckPath(leaf Leaf, leaves uint64) error {
	if len(leaf.Item) != sha256.Size || len(leaf.Answer) != sha256.Size && !leaf.Whole() || len(leaf.Answer) > receipt.MaxEncoded || len(leaf.Path) > maxPath || leaf.Score > full {
		return fmt.Errorf("%w: leaf %d: item of %d bytes, answer of %d, path of %d, score %d",
			ErrEvidence, leaf.Index, len(leaf.Item), len(leaf.Answer), len(leaf.Path), leaf.Score)
	}
	if uid, ok := s.UidAt(leaf.Index); !ok || uid != leaf.Uid {
		return fmt.Errorf("%w: leaf %d is not of uid %d", ErrEvidence, leaf.Index, leaf.Uid)
	}
	item := leaf.bytes()
	hash := sha256.Sum256(append([]byte{0}, item...))
	proof := merkle.Proof{Total: int64(leaves), Index: int64(leaf.Index), LeafHash: hash[:], Aunts: leaf.Path}
	if err := proof.Verify(s.Root, item); err != nil {
		return fmt.Errorf("%w: leaf %d: %w", ErrEvidence, leaf.Index, err)
	}
	return nil
}

// CheckSignature verifies that the miner's hot key signed a leaf's answer for this voice and epoch. The error is
// ErrEvidence.
func (l Leaf) CheckSignature(hotKey []byte, chainID string, netuid uint32, epoch uint64, voice []byte) error {
	if len(hotKey) != ed25519.PublicKeySize || len(l.Signature) != ed25519.SignatureSize ||
		!ed25519.Verify(hotKey, AnswerBytes(chainID, netuid, epoch, voice, l.Item, l.Answer), l.Signature) {
		return fmt.Errorf("%w: leaf %d is not signed by the hot key of uid %d", ErrEvidence, l.Index, l.Uid)
	}
	return nil
}

// Whole says that a leaf holds a receipt whole, as the server of an open model signed it (wire/receipt), in place of the hash of an answer.
func (l Leaf) Whole() bool { return len(l.Answer) > sha256.Size }

// CheckReceipt verifies the receipt that a leaf holds: signed alone, by the hot key of the seat since it was taken, for this voice, in a tempo whose
// nonces begin with one of the halves. Its item is the receipt's request. The error is ErrEvidence.
func (l Leaf) CheckReceipt(hotKey []byte, chainID string, netuid uint32, registered uint64, voice []byte, halves [][8]byte) error {
	r, err := receipt.Parse(l.Answer)
	if err != nil {
		return fmt.Errorf("%w: leaf %d: %w", ErrEvidence, l.Index, err)
	}
	switch {
	case r.ChainID != chainID || r.Netuid != netuid || r.UID != l.Uid || r.Registered != registered || !bytes.Equal(r.Voice[:], voice):
		return fmt.Errorf("%w: leaf %d holds another's receipt, or one for another voice", ErrEvidence, l.Index)
	case !bytes.Equal(l.Item, r.Request[:]):
		return fmt.Errorf("%w: leaf %d: its item is not the request of its receipt", ErrEvidence, l.Index)
	case !slices.Contains(halves, [8]byte(r.Nonce[:8])):
		return fmt.Errorf("%w: leaf %d holds a receipt of another tempo", ErrEvidence, l.Index)
	case len(hotKey) != ed25519.PublicKeySize || len(l.Signature) != ed25519.SignatureSize || !ed25519.Verify(hotKey, l.Answer, l.Signature):
		return fmt.Errorf("%w: leaf %d is not signed by the hot key of uid %d", ErrEvidence, l.Index, l.Uid)
	}
	return nil
}

// CheckCovers holds weights to the sheet: a weight above zero needs a leaf of its uid. The error is ErrEvidence.
func (s Sheet) CheckCovers(uids, weights []uint32) error {
	for k, uid := range uids {
		if _, judged := slices.BinarySearch(s.Uids, uid); weights[k] > 0 && !judged {
			return fmt.Errorf("%w: a weight on uid %d, of which the sheet has no leaf", ErrEvidence, uid)
		}
	}
	return nil
}
