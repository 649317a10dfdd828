// Package x402 has the words of the x402 protocol, version 2, as far as a gateway and its consumers use them: what a 402
// asks for, what a request pays with, and what the answer says of it. The scheme is batch-settlement: a deposit, a
// cumulative promise signed with each request, one settlement for many.
//
// x402 knows no chain of our kind. Its words stand as they are: the network is cosmos:<chain id>, the asset rao, and the
// payload of the scheme is a voucher of agora/mechanism/voucher. Amounts are decimal strings. A header is the base64 of a
// JSON object.
package x402

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"agora/mechanism/voucher"
)

// Names of the headers.
const (
	HeaderRequired  = "Payment-Required"  // of a 402
	HeaderSignature = "Payment-Signature" // of a request
	HeaderResponse  = "Payment-Response"  // of an answer
	HeaderSession   = "Payment-Session"   // ours: instead of checking each signature at once
	HeaderMax       = "Payment-Max"       // ours: what the request may cost at most, in rao
)

// Fixed values.
const (
	Version = 2
	Scheme  = "batch-settlement"
	Asset   = "rao"
	// MaxHeader is the most bytes of a header that are read: a voucher of 128 subnets has about 9,000.
	MaxHeader = 16 << 10
)

// ErrHeader is a header that cannot be read.
var ErrHeader = errors.New("malformed payment header")

// Network is the name of a chain.
func Network(chainID string) string { return "cosmos:" + chainID }

// Required is what a 402 asks for.
type Required struct {
	X402Version int           `json:"x402Version"`
	Error       string        `json:"error,omitempty"`
	Resource    Resource      `json:"resource"`
	Accepts     []Requirement `json:"accepts"`
}

// Resource is what is paid for.
type Resource struct {
	URL         string `json:"url"`
	Description string `json:"description,omitempty"`
	MimeType    string `json:"mimeType,omitempty"`
}

// Requirement is one way to pay.
type Requirement struct {
	Scheme            string `json:"scheme"`
	Network           string `json:"network"`
	Amount            string `json:"amount"` // rao that the request may cost at most
	Asset             string `json:"asset"`
	PayTo             string `json:"payTo"` // account of the validator's operator
	MaxTimeoutSeconds int    `json:"maxTimeoutSeconds"`
	Extra             Extra  `json:"extra"`
}

// Extra is what a client needs beyond x402's own fields to open a channel, and where its state stands.
type Extra struct {
	MinDeposit string   `json:"minDeposit,omitempty"` // rao
	Message    string   `json:"channelMessage,omitempty"`
	RPC        string   `json:"rpc,omitempty"` // of a node of the chain
	Netuid     uint32   `json:"netuid,omitempty"`
	Charged    string   `json:"charged,omitempty"`     // rao charged on the channel until now
	Last       *Payload `json:"lastVoucher,omitempty"` // the client's own last one, with its signature
}

// Payment is what a request pays with.
type Payment struct {
	X402Version int         `json:"x402Version"`
	Accepted    Requirement `json:"accepted"`
	Payload     Payload     `json:"payload"`
}

// Payload is a signed voucher.
type Payload struct {
	Channel   string `json:"channelId"`
	Parts     []Part `json:"parts"`
	Expiry    int64  `json:"expiry,omitempty"`
	Signature []byte `json:"signature"` // base64
	Request   string `json:"requestId,omitempty"`
}

// Part is what is promised for work in one subnet, in rao.
type Part struct {
	Netuid uint32 `json:"netuid"`
	Amount string `json:"amount"`
}

// Response is what an answer says of its payment.
type Response struct {
	Success     bool   `json:"success"`
	ErrorReason string `json:"errorReason,omitempty"`
	Transaction string `json:"transaction"` // empty: settled later, with others
	Network     string `json:"network"`
	Payer       string `json:"payer,omitempty"`
	Amount      string `json:"amount,omitempty"`  // rao of this answer; not there before a stream's end
	Charged     string `json:"charged,omitempty"` // rao of the channel until now
	Ceiling     string `json:"ceiling,omitempty"` // rao that this answer costs at most
	Netuid      uint32 `json:"netuid,omitempty"`  // of the subnet that is paid for
	Session     string `json:"session,omitempty"`
}

// Amount is rao as the protocol spells it.
func Amount(rao uint64) string { return strconv.FormatUint(rao, 10) }

// Encode is a value as a header carries it.
func Encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // the types above always marshal
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(text)
}

// Decode reads a header into v. The error is ErrHeader.
func Decode(header string, v any) error {
	if len(header) > MaxHeader {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrHeader, len(header), MaxHeader)
	}
	text, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		return fmt.Errorf("%w: it is no base64", ErrHeader)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return nil
}

// NewPayload is a signed voucher as a header carries it.
func NewPayload(v voucher.Voucher, signature []byte) Payload {
	p := Payload{Channel: strconv.FormatUint(v.Channel, 10), Expiry: v.Expiry, Signature: signature}
	for _, part := range v.Parts {
		p.Parts = append(p.Parts, Part{part.Netuid, strconv.FormatUint(part.Amount, 10)})
	}
	return p
}

// Voucher is the voucher of a payload; whether it is signed is not looked at. The error is ErrHeader.
func (p Payload) Voucher() (v voucher.Voucher, err error) {
	if v.Channel, err = strconv.ParseUint(p.Channel, 10, 64); err != nil {
		return v, fmt.Errorf("%w: channel %.30q", ErrHeader, p.Channel)
	}
	if len(p.Parts) > voucher.MaxParts || len(p.Signature) != ed25519.SignatureSize {
		return v, fmt.Errorf("%w: %d subnets, signature of %d bytes", ErrHeader, len(p.Parts), len(p.Signature))
	}
	v.Expiry = p.Expiry
	for _, part := range p.Parts {
		amount, err := strconv.ParseUint(part.Amount, 10, 64)
		if err != nil {
			return v, fmt.Errorf("%w: amount %.30q", ErrHeader, part.Amount)
		}
		v.Parts = append(v.Parts, voucher.Part{Netuid: part.Netuid, Amount: amount})
	}
	if err := v.Check(); err != nil {
		return v, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return v, nil
}

// ReadPayment reads the header of a request. The error is ErrHeader.
func ReadPayment(header, network string) (p Payment, v voucher.Voucher, err error) {
	if err := Decode(header, &p); err != nil {
		return p, v, err
	}
	if p.X402Version != Version || p.Accepted.Scheme != Scheme || p.Accepted.Network != network {
		return p, v, fmt.Errorf("%w: version %d, scheme %.40q on %.60q; here it is version %d, %s on %s",
			ErrHeader, p.X402Version, p.Accepted.Scheme, p.Accepted.Network, Version, Scheme, network)
	}
	if len(p.Payload.Request) > 128 {
		return p, v, fmt.Errorf("%w: request id of %d bytes, at most 128", ErrHeader, len(p.Payload.Request))
	}
	v, err = p.Payload.Voucher()
	return p, v, err
}
