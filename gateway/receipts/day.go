package receipts

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"slices"
	"sort"
	"time"

	"go.etcd.io/bbolt"

	"agora/wire"
)

// A day's bucket has packs of records in the order in which they were kept, and lists of where each lies, sorted by its nonce: a tree
// of records by their nonces, which are random, would write a page for each. Lists are of classes by their length. Eight of one class
// become one of a higher, so that a name is looked up in few.
//
// A record is the length of what was signed (2 bytes, big endian as all numbers), the hot key (32), the moment (8, Unix nanoseconds) and
// what was signed. Programs before wrote each as JSON under its name.
const (
	packBytes = 16 << 10 // a pack that is larger takes no more
	together  = 8        // lists of a class that become one
	topClass  = 6        // of lists from 8⁶ places on, which stay as they are
)

var (
	packsName  = []byte("packs")
	listsNames = []byte("0123456") // a bucket for each class
)

// place is where a record lies: its nonce (16 bytes), the number of its pack (4) and its offset in it (4).
type place [24]byte

func classOf(places int) int { return min((bits.Len(uint(places))-1)/3, topClass) }

// appendRecord appends a note's record.
func appendRecord(b []byte, n *Note) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(n.Signed)))
	b = append(b, n.HotKey[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(n.At.UnixNano()))
	return append(b, n.Signed...)
}

// recordAt reads the record of that name off the front.
func recordAt(b []byte, id string) Record {
	signed := b[42 : 42+int(binary.BigEndian.Uint16(b))]
	return Record{ID: id, Signed: string(signed), HotKey: wire.PeerID(b[2:34]), At: time.Unix(0, int64(binary.BigEndian.Uint64(b[34:]))).UTC()}
}

// add keeps notes in a day's bucket.
func add(day *bbolt.Bucket, of []*Noted) error {
	packs, err := day.CreateBucketIfNotExists(packsName)
	if err != nil {
		return err
	}
	places := make([]place, 0, len(of))
	for len(of) > 0 {
		number, err := packs.NextSequence()
		if err != nil {
			return err
		}
		pack := make([]byte, 0, packBytes+packBytes/16)
		for len(of) > 0 && len(pack) < packBytes {
			var p place
			copy(p[:], of[0].Nonce[:])
			binary.BigEndian.PutUint32(p[16:], uint32(number))
			binary.BigEndian.PutUint32(p[20:], uint32(len(pack)))
			places = append(places, p)
			pack, of = appendRecord(pack, &of[0].Note), of[1:]
		}
		if err := packs.Put(binary.BigEndian.AppendUint32(nil, uint32(number)), pack); err != nil {
			return err
		}
	}
	return list(day, places)
}

// list adds a list of places to a day, and makes one of those that have become too many.
func list(day *bbolt.Bucket, places []place) error {
	for {
		class := classOf(len(places))
		lists, err := day.CreateBucketIfNotExists(listsNames[class : class+1])
		if err != nil {
			return err
		}
		number, err := lists.NextSequence()
		if err != nil {
			return err
		}
		if class == topClass || number%together != 0 {
			return lists.Put(binary.BigEndian.AppendUint64(nil, number), sorted(places))
		}
		c := lists.Cursor()
		for key, value := c.First(); key != nil; key, value = c.First() {
			for raw := range slices.Chunk(value, len(place{})) {
				places = append(places, place(raw))
			}
			if err := c.Delete(); err != nil {
				return err
			}
		}
	}
}

func sorted(places []place) []byte {
	slices.SortFunc(places, func(a, b place) int { return bytes.Compare(a[:16], b[:16]) })
	b := make([]byte, 0, len(places)*len(place{}))
	for i := range places {
		b = append(b, places[i][:]...)
	}
	return b
}

// find looks a record up in a day. False is none.
func find(day *bbolt.Bucket, id string) (r Record, ok bool, err error) {
	if value := day.Get([]byte(id)); value != nil {
		err = json.Unmarshal(value, &r)
		return r, err == nil, err
	}
	nonce, err := hex.DecodeString(id)
	packs := day.Bucket(packsName)
	if err != nil || packs == nil || hex.EncodeToString(nonce) != id {
		return r, false, nil
	}
	for class := range listsNames {
		lists := day.Bucket(listsNames[class : class+1])
		if lists == nil {
			continue
		}
		c := lists.Cursor()
		for key, places := c.First(); key != nil; key, places = c.Next() {
			if at := search(places, nonce); at != nil {
				pack := packs.Get(at[16:20])
				return recordAt(pack[binary.BigEndian.Uint32(at[20:]):], id), true, nil
			}
		}
	}
	return r, false, nil
}

// search is the place of a nonce in a list; nil where it is not there.
func search(places, nonce []byte) []byte {
	const size = len(place{})
	i := sort.Search(len(places)/size, func(i int) bool { return bytes.Compare(places[i*size:i*size+16], nonce) >= 0 })
	if i*size == len(places) || !bytes.Equal(places[i*size:i*size+16], nonce) {
		return nil
	}
	return places[i*size : (i+1)*size]
}
