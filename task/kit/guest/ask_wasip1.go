package guest

import "unsafe"

//go:wasmimport agora ask
func hostAsk(model unsafe.Pointer, n uint32, request unsafe.Pointer, size uint32) uint64

func ask(m Model, request []byte) string {
	at := hostAsk(unsafe.Pointer(&m), uint32(len(m)), unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)))
	return string(room[:uint32(at)]) // where the host wrote it, having asked for room
}
