package train

import (
	"testing"

	"agora/engine/native/chat"
)

func BenchmarkStep(b *testing.B) {
	v, _ := chat.NewVocabulary(Vocabulary())
	for b.Loop() {
		Run(Rung{Name: "x", Width: 64, Layers: 2, Hidden: 160, Steps: 10, Rate: 1e-3, Context: 160}, v, 100, func(Progress) {})
	}
}
