package guest

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"unsafe"
)

// The module's side of the interface, version 1. What a function gives out is held in given until the next call; what the host
// writes, in room.
var given, room []byte

func give(b []byte) uint64 {
	given = b
	if len(b) == 0 {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))<<32 | uint64(len(b))
}

func view(at unsafe.Pointer, n uint32) []byte { return unsafe.Slice((*byte)(at), n) }

//go:wasmexport agora_task_v1
func taskV1() {}

//go:wasmexport agora_alloc
func alloc(n uint32) unsafe.Pointer {
	room = make([]byte, n+1)
	return unsafe.Pointer(unsafe.SliceData(room))
}

//go:wasmexport agora_describe
func describe() uint64 { return give(description()) }

//go:wasmexport agora_item
func item(seed unsafe.Pointer, index uint64) uint64 {
	return give(encodeItem(served.Item([32]byte(view(seed, 32)), index)))
}

//go:wasmexport agora_score
func score(key unsafe.Pointer, keySize uint32, answer unsafe.Pointer, answerSize uint32) uint64 {
	return give(encodeScore(served.Score(view(key, keySize), view(answer, answerSize))))
}

// description is what agora_describe gives.
func description() []byte {
	out, err := json.Marshal(map[string]string{
		"name": served.Name, "about": served.About, "version": served.Version, "source": served.Source,
	})
	if err != nil {
		panic(err)
	}
	return out
}

// encodeItem writes an item's three fields, each with its length in four bytes before it.
func encodeItem(i Item) []byte {
	var out []byte
	for _, field := range [][]byte{[]byte(i.Path), i.Request, i.Key} {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(field)))
		out = append(out, field...)
	}
	return out
}

// encodeScore writes a score and its reason.
func encodeScore(score float64, reason string) []byte {
	if len(reason) > 1024 {
		reason = reason[:1024]
	}
	return append(binary.LittleEndian.AppendUint64(nil, math.Float64bits(score)), reason...)
}
