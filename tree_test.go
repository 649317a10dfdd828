package agora_test

import (
	"os/exec"
	"strings"
	"testing"
)

// rules says who may import whom inside the module: a package under the key may import only packages under the values
// (and any library). The longest matching key holds. Tests are free.
var rules = map[string][]string{
	"mechanism/fixed":              {},
	"mechanism":                    {"mechanism/fixed"},
	"study":                        {"mechanism", "study"},
	"study/attack":                 {"mechanism", "study", "validator/audit", "gateway", "engine", "task", "wire"},
	"chain/network":                {},
	"chain/play":                   {},
	"chain/x/subnet":               {"mechanism", "chain/network", "chain/play", "chain/x/subnet"},
	"chain/x/yuma":                 {"mechanism", "wire/receipt", "chain/network", "chain/x/yuma", "chain/x/subnet/types", "chain/x/emission/types"},
	"chain/x/yuma/simulation":      {"chain/play", "chain/x/yuma", "chain/x/subnet/types", "chain/x/subnet/simulation"},
	"chain/x/yuma/yumatest":        {"chain", "mechanism"}, // a market of real keepers, for tests
	"chain/x/emission":             {"mechanism", "chain/network", "chain/play", "chain/x/emission", "chain/x/subnet/types"},
	"chain/x/pause":                {"mechanism", "chain/network", "chain/play", "chain/x/pause"},
	"chain/x/model":                {"mechanism", "chain/network", "chain/play", "chain/x/model", "chain/x/subnet/types", "chain/x/emission/types"},
	"chain/x/model/simulation":     {"chain/play", "chain/x/model", "chain/x/subnet/types", "chain/x/subnet/simulation"},
	"chain/x/fee":                  {"mechanism", "chain/network", "chain/x/fee"},
	"chain/x/market":               {"mechanism", "chain/network", "chain/play", "chain/x/market", "chain/x/subnet/types"},
	"chain/app":                    {"mechanism", "chain"},
	"chain":                        {"mechanism", "chain"},
	"wire":                         {"wire"},
	"wire/direct":                  {},
	"wire/cancel":                  {},
	"wire/http1":                   {"wire/cancel", "wire/direct"},
	"wire/mux":                     {"wire/direct"},
	"wire/x402":                    {"mechanism/voucher"},
	"wallet":                       {},
	"wallet/pay":                   {"mechanism/voucher", "wire/x402", "wire/openai"},
	"engine":                       {"engine", "wire/openai", "task"},
	"engine/native/tensor":         {},
	"engine/native/mapping":        {},
	"engine/native/hub":            {"engine/native/tensor", "engine/native/mapping", "engine/native/safetensors", "engine/native/token", "engine/native/model"},
	"engine/native/gguf":           {"engine/native/tensor", "engine/native/mapping"},
	"engine/native/kernel":         {"engine/native/tensor"},
	"engine/native/token":          {"engine/native/gguf"},
	"engine/native/model":          {"engine/native/tensor", "engine/native/gguf", "engine/native/kernel"},
	"engine/native/digest":         {"engine/native/tensor", "engine/native/gguf", "engine/native/token", "engine/native/model"},
	"engine/native/safetensors":    {"engine/native/tensor"},
	"engine/native/bench":          {"engine", "wire/openai"},
	"engine/native/store":          {"engine/native", "wire/blob"},
	"engine/native/ladder":         {"engine/native", "wire/blob"},
	"engine/native/modeltest":      {"engine/native/tensor", "engine/native/gguf"}, // small random models, for tests
	"engine/native/modeltest/bits": {"engine/native/modeltest", "engine/native/gguf", "engine/native/kernel", "engine/native/model"},
	"task":                         {"task", "wire/openai"},
	"client":                       {"chain/network", "chain/x/fee/types", "chain/x/market/types", "chain/x/subnet/types", "chain/x/yuma/types", "chain/x/emission/types", "chain/x/model/types", "mechanism", "client"},
	"miner":                        {"miner", "client", "wire", "engine", "wallet", "mechanism", "chain/x/subnet/types", "chain/x/market/types"},
	"miner/publication":            {"client", "wire/blob", "engine/native/store", "chain/x/model/types"},
	"validator":                    {"validator", "client", "wire", "engine", "task", "mechanism", "gateway", "chain/x/subnet/types", "chain/x/yuma/types", "chain/x/emission/types", "chain/x/model/types"},
	"validator/cashier":            {"validator", "client", "gateway", "mechanism", "wire", "chain/x/market/types"},
	"validator/daemon":             {"validator", "client", "wire", "engine", "task", "mechanism", "gateway", "web", "chain/x/subnet/types", "chain/x/yuma/types", "chain/x/model/types"},
	"gateway":                      {"gateway", "client", "wire", "engine", "task", "mechanism"},
	"web":                          {"web", "client", "wire", "engine", "task", "mechanism"},
	"proto":                        {},
	"scenario":                     {""},
	"localnet":                     {""},
	"testnet":                      {"chain"},
	"cmd":                          {""},
}

// noApp lists what must stay free of the whole application, so that it links fast and knows no keeper.
var noApp = []string{"client", "miner", "validator", "gateway", "web", "wire", "engine", "task", "wallet", "mechanism", "chain/x"}

func TestImportsFollowTheTree(t *testing.T) {
	out, err := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		from, inside := strings.CutPrefix(fields[0], "agora/")
		if !inside {
			continue // this file
		}
		allowed, known := ruleFor(from)
		if !known {
			t.Errorf("%s has no row in the table: add one with the folder", from)
		}
		for _, to := range fields[1:] {
			inner, ours := strings.CutPrefix(to, "agora/")
			if ours && !under(inner, allowed) {
				t.Errorf("%s imports %s, which the tree does not allow", from, inner)
			}
			if ours && inner == "chain/app" && under(from, noApp) {
				t.Errorf("%s imports the application", from)
			}
			if ours && strings.HasPrefix(inner, "chain/x/") && strings.HasSuffix(inner, "/keeper") && under(from, []string{"client", "validator", "miner", "gateway", "web"}) {
				t.Errorf("%s imports a keeper", from)
			}
		}
	}
}

// ruleFor finds the row with the longest key that holds path.
func ruleFor(path string) (allowed []string, known bool) {
	best := -1
	for key, list := range rules {
		if under(path, []string{key}) && len(key) > best {
			best, allowed, known = len(key), list, true
		}
	}
	return allowed, known
}

func under(path string, roots []string) bool {
	for _, r := range roots {
		if r == "" || path == r || strings.HasPrefix(path, r+"/") {
			return true
		}
	}
	return false
}
