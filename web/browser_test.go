package web

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var shots = flag.String("shots", "", "folder for screenshots of the pages")

// browse starts a headless Chromium, or skips the test where there is none.
func browse(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on PATH: install one to test the pages in a browser (Debian: apt-get install chromium)")
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.WindowSize(1360, 900))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// within runs f and fails the test if it takes long; a deadline in the browser's own context would end the browser.
func within(t *testing.T, what string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		require.NoError(t, err, what)
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s did not happen within 2 minutes", what)
	}
}

func await(t *testing.T, ctx context.Context, what, js string) {
	t.Helper()
	within(t, what, func() error {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](js))
		return err
	})
}

func visit(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	within(t, url, func() error { return chromedp.Do(ctx, chromedp.Navigate(url)) })
}

func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o644))
}

// speaker stands in the gateway's place: it streams a fixed answer and notes what it was asked.
func speaker(asked *map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, asked)
		if r.URL.Path == "/v1/pay/spending" {
			fmt.Fprint(w, `{"account":"channel/1","charged_rao":1500000001,"days":[{"day":"2026-11-29","model":"<b>chat-xl</b>","requests":3,"tokens_in":5,"tokens_out":7,"rao":1500000001,"miners_rao":1000000000}]}`)
			return
		}
		if r.Header.Get("Authorization") != "Bearer agora-demo" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"message":"the key is not known here"}}`)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Agora-Model", "chat-xl")
		h.Set("X-Agora-Miner", "0/"+peer)
		h.Set("X-Agora-Subnet", "chat")
		h.Set("X-Agora-Rank", "chain")
		h.Set("X-Agora-Overhead-Us", "85")
		for _, word := range []string{"It ", "is ", "42 ", "<b>bold</b>"} {
			fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%q}}]}\n\n", word)
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, "data: [DONE]\n\n")
	}
}

func stageWithGateway(t *testing.T, opt Options) (*stage, *httptest.Server, *map[string]any) {
	s := openMarket()
	asked := &map[string]any{}
	mux := http.NewServeMux()
	mux.Handle("POST /v1/", speaker(asked))
	mux.Handle("GET /v1/", speaker(asked))
	mux.Handle("/", New(s, opt))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return s, srv, asked
}

func TestBrowserSeesTheLeaderboardMove(t *testing.T) {
	ctx := browse(t)
	s, srv, _ := stageWithGateway(t, Options{DemoKey: "agora-demo"})
	visit(t, ctx, srv.URL)
	await(t, ctx, "the best miner is first", `document.querySelector("tr.row .model").textContent === "chat-xl"`)
	shoot(t, ctx, "home")
	s.change(func(n *Snapshot) {
		miners := n.Subnets[0].Miners
		fresh := append([]Miner(nil), miners...)
		fresh[1].Incentive, fresh[0].Incentive = .7, .1
		n.Subnets[0].Miners = fresh
		n.Height += 10
	})
	await(t, ctx, "the new best miner is first", `document.querySelector("tr.row .model").textContent === "chat-l"`)
	await(t, ctx, "the pulse moves too", `document.querySelector("#pulse dd").textContent === "1,214"`)
}

func TestBrowserGetsAStreamedAnswer(t *testing.T) {
	ctx := browse(t)
	_, srv, asked := stageWithGateway(t, Options{DemoKey: "agora-demo"})
	visit(t, ctx, srv.URL+"/try")
	within(t, "asking", func() error { return chromedp.Do(ctx, chromedp.Click("#ask-send")) })
	await(t, ctx, "the answer is there as text", `document.querySelector(".turn .a")?.textContent === "It is 42 <b>bold</b>"`)
	await(t, ctx, "who answered is there", `document.querySelector(".turn .m")?.textContent.startsWith("chat-xl, miner 0 of chat, chosen by the chain's ranking")`)
	require.Equal(t, "chat", (*asked)["model"])
	require.Equal(t, true, (*asked)["stream"])
	shoot(t, ctx, "try")
}

// TestBrowserShowsWhatAKeySpent reads spending by day and model, as text, what models cost at each validator, what a subnet's
// consumers paid and burned, and what a miner earns by requests and by epochs.
func TestBrowserShowsWhatAKeySpent(t *testing.T) {
	ctx := browse(t)
	_, srv, _ := stageWithGateway(t, Options{DemoKey: "agora-demo"})
	visit(t, ctx, srv.URL+"/money")
	await(t, ctx, "prices at each validator", `document.querySelector("#scroll-prices-1 tbody td").textContent === "0.053 / 0.212"`)
	await(t, ctx, "demand and burn of the subnet", `document.querySelector(".facts").textContent === "paid for work here since the beginning 12.5 TAO, of which 0.250000001 burned"`)
	await(t, ctx, "a miner's income by source: requests, and the last epoch", `[...document.querySelectorAll("#scroll-money-1 tbody tr:first-child > *")].map((c) => c.textContent).slice(4).join("|") === "3.05|1.891"`)
	within(t, "asking", func() error { return chromedp.Do(ctx, chromedp.Click("#spent-send")) })
	await(t, ctx, "the spending is there", `[...document.querySelectorAll("#spent tbody tr > *")].map((c) => c.textContent).join("|") === "2026-11-29|<b>chat-xl</b>|3|5|7|1.500000001|1"`)
	await(t, ctx, "and the sum", `document.querySelector("#spent-note").textContent === "channel/1: 1.500000001 TAO were charged in all."`)
	shoot(t, ctx, "money")
}

// TestBrowserSeesWhoTakesAPlace reads the chart of models, watches another take the first place, and reads what it answered.
func TestBrowserSeesWhoTakesAPlace(t *testing.T) {
	ctx := browse(t)
	s, srv, _ := stageWithGateway(t, Options{})
	visit(t, ctx, srv.URL+"/subnets/1/models")
	await(t, ctx, "three models are named in the chart", `[...document.querySelectorAll("#scroll-frontier text.name")].map((n) => n.textContent).sort().join("|") === "1. tiny-2|2. a-name-that-is-much…|3. nano"`)
	await(t, ctx, "the others are grey", `document.querySelectorAll("#scroll-frontier circle.dot-none").length === 2`)
	await(t, ctx, "grey is no colour of a place", `getComputedStyle(document.querySelector("circle.dot-none")).fill !== getComputedStyle(document.querySelector("circle.dot-0")).fill`)
	await(t, ctx, "who held places is drawn", `document.querySelectorAll("#scroll-lanes rect").length === 5`)
	shoot(t, ctx, "models")
	s.change(func(n *Snapshot) {
		list := append([]Model(nil), n.Subnets[0].Listed...)
		first, better := *list[0].Stands, *list[4].Stands
		first.Place, first.Why, better.Place, better.Capability = 0, "a model of its size is ahead", 1, .99
		list[0].Stands, list[4].Stands = &first, &better
		n.Subnets[0].Listed = list
		n.Height++
	})
	await(t, ctx, "the better model has the place", `[...document.querySelectorAll("#scroll-frontier text.name")].some((n) => n.textContent === "1. half") && document.querySelector("#scroll-models tbody th").textContent.endsWith("/half")`)
	visit(t, ctx, srv.URL+"/subnets/1/models/"+someDigest)
	await(t, ctx, "what it said is text", `[...document.querySelectorAll(".turn .a")][1].textContent === "<img src=x onerror=alert(1)>"`)
	await(t, ctx, "a bar for each tempo", `document.querySelectorAll("#scroll-tempos rect").length === 30`)
	shoot(t, ctx, "model")
	within(t, "unfolding a long question", func() error { return chromedp.Do(ctx, chromedp.Click(".turn summary")) })
	await(t, ctx, "it can be read", `document.querySelector(".turn details").open`)
	within(t, "a narrow screen", func() error { return chromedp.Do(ctx, chromedp.EmulateViewport(390, 800)) })
	for _, path := range []string{"/subnets/1/models", "/subnets/1/models/" + someDigest} {
		visit(t, ctx, srv.URL+path)
		await(t, ctx, "no sideways scrolling on a narrow screen", `document.documentElement.scrollWidth <= innerWidth`)
	}
	shoot(t, ctx, "model-narrow")
}

func TestBrowserShowsTheGatewaysRefusal(t *testing.T) {
	ctx := browse(t)
	_, srv, _ := stageWithGateway(t, Options{})
	visit(t, ctx, srv.URL+"/try")
	within(t, "asking with a key", func() error {
		return chromedp.Do(ctx, chromedp.SendKeys("#ask-key", "agora-wrong"), chromedp.Click("#ask-send"))
	})
	await(t, ctx, "the refusal is there", `document.querySelector(".turn .failed")?.textContent === "the key is not known here"`)
}

func TestBrowserDrawsThePlotWithoutBreakingThePolicy(t *testing.T) {
	ctx := browse(t)
	s, srv, _ := stageWithGateway(t, Options{})
	visit(t, ctx, srv.URL+"/subnets/1")
	for range 2 {
		s.change(func(n *Snapshot) { n.Height++ })
		await(t, ctx, "the plot is drawn", `document.querySelectorAll("#plot canvas").length === 1`)
	}
	await(t, ctx, "a line for each miner", `document.querySelectorAll("#plot .u-series").length === 7`)
	shoot(t, ctx, "subnet")
	visit(t, ctx, srv.URL+"/validators")
	shoot(t, ctx, "validators")
	within(t, "a dark and narrow screen", func() error {
		dark := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: dark})
		if err != nil {
			return err
		}
		return chromedp.Do(ctx, chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile), chromedp.Navigate(srv.URL))
	})
	await(t, ctx, "no sideways scrolling on a narrow screen", `document.documentElement.scrollWidth <= innerWidth`)
	shoot(t, ctx, "narrow-dark")
}
