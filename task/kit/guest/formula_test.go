package guest

import (
	"strings"
	"testing"
)

func TestFormulasRunOrAreRefused(t *testing.T) {
	for text, want := range map[string]int64{"a+b*2": 21, "(a+b)*2": 22, "if(a<b, b - a, 7)": 9, "`17/5 % 2`": 1, "a=1": 1} {
		if got, err := Formula(text, [3]int64{1, 10}); err != nil || got != want {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a+", "x", "a/0", "if(a,b)", "1" + strings.Repeat("+1", 600), strings.Repeat("(", 2000), "a+b)"} {
		if v, err := Formula(text, [3]int64{1, 10}); err == nil {
			t.Errorf("%q is %d", text, v)
		}
	}
}

func FuzzFormula(f *testing.F) {
	f.Add("if(a>b,a,b)+1")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := Formula(text, [3]int64{3, 4, 5}); err != nil && v != 0 {
			t.Error(v, err)
		}
	})
}
