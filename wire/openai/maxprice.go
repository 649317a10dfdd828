package openai

import (
	"encoding/json"
	"strconv"
	"strings"
)

// MaxPrice is what a request allows in provider.max_price, in rao per million tokens; 0 is no limit.
type MaxPrice struct{ In, Out uint64 }

// ReadMaxPrice reads what OpenRouter calls provider preferences, as far as they are about money: TAO per million tokens.
// The error is an *Error for a limit that is none: what a consumer means to allow at most is never taken for anything.
func ReadMaxPrice(provider json.RawMessage) (most MaxPrice, err error) {
	if !given(provider) {
		return most, nil
	}
	var p struct {
		MaxPrice map[string]json.RawMessage `json:"max_price"`
	}
	if json.Unmarshal(provider, &p) != nil {
		return most, Invalid("provider.max_price", "provider.max_price must be an object")
	}
	for of, raw := range p.MaxPrice {
		rao, ok := raoOf(raw)
		switch {
		case !ok:
			return most, Invalid("provider.max_price", "provider.max_price.%.40s must be an amount of TAO, 0 or more", of)
		case of == "prompt":
			most.In = rao
		case of == "completion":
			most.Out = rao
		case of != "request": // which is always free
			return most, Invalid("provider.max_price", "provider.max_price.%.40s is not known here: there are prompt and completion, TAO per million tokens", of)
		}
	}
	return most, nil
}

// raoOf reads an amount of TAO, a number or a string; null is no limit, 0, and what is less than a rao is one.
func raoOf(raw json.RawMessage) (rao uint64, ok bool) {
	if string(raw) == "null" {
		return 0, true
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	const perTAO, most = 1e9, 1e18
	amount, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(amount >= 0) {
		return 0, false
	}
	return uint64(max(1, min(amount*perTAO+0.5, most))), true
}
