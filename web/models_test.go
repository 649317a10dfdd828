package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const someDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// listed is a published model of the stage; n makes its digest.
func listed(n int, name string, parameters uint64, capability float64, place int) Model {
	why := "has a place"
	if place == 0 {
		why = "a model of its size is ahead"
	}
	return Model{
		Digest: fmt.Sprintf("%s%02d", someDigest[:69], n), Name: name, Author: "agora1qyqszqgpqyqszqgpqyqszqgpqyqszqgp", Licence: "MIT", Format: "gguf",
		Bytes: 2 * parameters, Parameters: parameters, Share: .2, Height: int64(1_000 + n), Published: time.Now(), Servers: []uint32{uint32(n % 6)},
		Stands: &Place{Items: 240, Capability: capability, Place: place, Why: why},
	}
}

// openMarket has published models, the first with a hostile source and hostile answers, one that nobody is the author of and nobody serves.
func openMarket() *stage {
	s := market()
	net := &s.Subnets[0]
	net.Open = true
	first := listed(0, "tiny-2", 199_000, .905, 1)
	first.Digest, first.Sources, first.Servers, first.Earned, first.EarnedAuthor = someDigest, []string{"https://example.org/<b>"}, []uint32{0, 3}, 5e9, 1e9
	net.Miners[0].Audits = &Audits{Paid: true, Right: 19, Last: []Audit{}}
	common := Model{Digest: someDigest[:70] + "9", Name: "common", Author: first.Author, Common: true, Licence: "Apache-2.0", Format: "gguf", Share: .2, Servers: []uint32{}}
	net.Listed = []Model{
		first, common, listed(2, "nano", 9_000, .34, 3), listed(3, "a-name-that-is-much-too-long-for-a-chart", 40_000, .66, 2),
		listed(4, "half", 199_000, .45, 0), listed(5, "padded", 12_736_000, .9, 0),
	}
	three := []string{first.Digest, net.Listed[3].Digest, net.Listed[2].Digest}
	net.Held = []Held{{118, three}, {96, []string{net.Listed[4].Digest, three[1], three[2]}}, {90, []string{}}, {80, three[1:2]}}
	exam := &Exam{Answers: []Answer{
		{Epoch: 117, Item: 1, Family: "exact", Question: "What is 12 + 30?", Said: "42", Score: 1},
		{Epoch: 117, Item: 0, Family: "exact", Question: "What is 1 + 1?", Said: "<img src=x onerror=alert(1)>"},
		{Epoch: 116, Item: 0, Family: "grammar", Question: strings.Repeat("a long text ", 80), Said: "2.1234 bits per byte", Score: .734575},
	}}
	for i := range uint64(30) {
		exam.Tempos = append(exam.Tempos, Sat{117 - i, []float64{1, 1, float64(i % 2), 1}})
	}
	return &stage{snap: s, exams: map[string]*Exam{someDigest: exam}}
}

func TestModelsHavePages(t *testing.T) {
	srv := open(t, openMarket(), Options{})
	for path, want := range map[string][]string{
		"/subnets/chat/models": {
			"tiny-2", "199,000", "MIT", "5.000", "1.000", "public before", "90.5 %", "a model of its size is ahead", "nobody serves it",
			"1. tiny-2", "2. a-name-that-is-much…", "100 k", "place 1: half, epochs 96 to 117", "no place: a model of its size is ahead",
		},
		"/subnets/1/models/" + someDigest: {
			someDigest, "block 1,000", "20.0 %", "uid 3", "https://example.org/&lt;b&gt;", "agora model get " + someDigest, "Place <b class=\"num\">1</b>",
			"19 were this model's, 0 were not", "What is 12 &#43; 30?", "exact: right", "exact: wrong", "&lt;img src=x", "grammar: 0.735", "tempo 117: 75.0 % of 4 items",
			"<summary class=\"q\">a long text",
		},
		"/subnets/continuation/models":               {"Nothing is published here yet", "black boxes"},
		"/subnets/1":                                 {"/subnets/1/models"},
		"/subnets/1/models/" + someDigest[:70] + "9": {"nobody: it was public before", "its servers keep all", "does not examine it", "Nobody serves it now"},
	} {
		resp, body := get(t, srv.URL+path)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		for _, w := range want {
			require.Contains(t, body, w, path)
		}
		require.NotContains(t, body, "<img src=x", path)
		require.NotContains(t, body, "ZgotmplZ", path)
	}
	resp, _ := get(t, srv.URL+"/subnets/1/models/sha256:00")
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestModelsAreJSONToo(t *testing.T) {
	srv := open(t, openMarket(), Options{})
	var list []Model
	_, body := get(t, srv.URL+"/subnets/1/models.json")
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	require.Len(t, list, 6)
	require.Equal(t, 1, list[0].Stands.Place)
	require.Nil(t, list[1].Stands)
	var one Inspected
	_, body = get(t, srv.URL+"/subnets/1/models/"+someDigest+".json")
	require.NoError(t, json.Unmarshal([]byte(body), &one))
	require.Equal(t, list[0].Digest, one.Digest)
	require.Equal(t, []uint32{0, 3}, one.Servers)
	require.Equal(t, "42", one.Exam.Answers[0].Said)
	require.Len(t, one.Exam.Tempos, 30)
	var held []Held
	_, body = get(t, srv.URL+"/subnets/1/places.json")
	require.NoError(t, json.Unmarshal([]byte(body), &held))
	require.Len(t, held, 4)
	require.Equal(t, uint64(118), held[0].Epoch)
	_, body = get(t, srv.URL+"/subnets/2/places.json")
	require.Equal(t, "[]\n", body)
}

// However many people look at a model, the validator is asked once in a while.
func TestAnExaminationIsReadOnceForAll(t *testing.T) {
	s := openMarket()
	site := New(s, Options{})
	began := time.Now()
	for range 20 {
		_, err := site.exam(t.Context(), 1, someDigest)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, s.looked, 1+int(time.Since(began)/fresh))
	for i := range 2 * maxExams {
		_, err := site.exam(t.Context(), 1, fmt.Sprint(i))
		require.NoError(t, err)
	}
	require.LessOrEqual(t, len(site.exams), maxExams)
}

func TestAnExaminationThatCannotBeReadIsSaid(t *testing.T) {
	s := openMarket()
	srv := open(t, s, Options{})
	get(t, srv.URL+"/") // the market is known
	s.break_(fmt.Errorf("no disk"))
	resp, body := get(t, srv.URL+"/subnets/1/models/"+someDigest)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Contains(t, body, "cannot be read now")
}

// Names of models of like size and capability cover neither each other nor a holder's dot, and all lies in the picture.
func TestLabelsOfTheFrontierAreReadable(t *testing.T) {
	net := &Subnet{}
	for i := range 10 {
		net.Listed = append(net.Listed, listed(i, "a-name-of-twenty-ltr", 1_000<<(2*i), .5+float64(10-i)/1000, i+1))
	}
	f := net.Frontier()
	require.NotNil(t, f)
	for i, d := range f.Dots {
		require.True(t, d.X >= f.Left && d.X <= f.Right && d.Y >= f.Top && d.Y <= f.Bottom, "%+v", d)
		require.NotNil(t, d.Label)
		require.LessOrEqual(t, d.Label.box().Right, f.Right+1)
		for _, o := range f.Dots[:i] {
			require.False(t, d.Label.box().meets(o.Label.box()), "%+v covers %+v", d.Label, o.Label)
		}
	}
	require.Greater(t, len(f.Sizes), 2)
}

// Whatever a model says of its size, a picture comes out.
func TestChartsBearAnySize(t *testing.T) {
	for _, sizes := range [][]uint64{{0}, {1}, {7, 7}, {1, 1 << 63}, {0, 1, 2, 3, 1 << 40}} {
		net := &Subnet{}
		for i, p := range sizes {
			net.Listed = append(net.Listed, listed(i, "m", p, float64(i)/float64(len(sizes)), i+1))
		}
		f := net.Frontier()
		require.NotEmpty(t, f.Sizes, "%v", sizes)
		for _, d := range f.Dots {
			require.True(t, d.X >= f.Left && d.X <= f.Right, "%v: %+v", sizes, d)
		}
	}
	require.Nil(t, (&Subnet{}).Frontier())
	require.Nil(t, (&Subnet{}).Lanes())
	require.Nil(t, (&Subnet{Held: []Held{{5, []string{}}}}).Lanes())
	require.Nil(t, (&Exam{}).Bars())
	require.Len(t, (&Subnet{Epoch: 5, Held: []Held{{5, []string{someDigest}}}}).Lanes().Spans, 1)
}

func TestLanesSayWhoHeldAPlaceHowLong(t *testing.T) {
	s := openMarket()
	lanes := s.snap.Subnets[0].Lanes()
	require.Len(t, lanes.Places, 3)
	var says []string
	for _, span := range lanes.Spans {
		says = append(says, span.Says)
	}
	require.Equal(t, []string{
		"place 1: a-name-that-is-much…, epochs 80 to 89", "place 1: half, epochs 96 to 117", "place 1: tiny-2, epochs 118 to 118",
		"place 2: a-name-that-is-much…, epochs 96 to 118", "place 3: nano, epochs 96 to 118",
	}, says)
}
