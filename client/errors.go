package client

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Errors of this package, for errors.Is.
var (
	ErrUnreachable = errors.New("the node does not answer; check its address and that it runs")
	ErrNotFound    = errors.New("not found")
	ErrRefused     = errors.New("transaction refused")                  // it reached no block and never will
	ErrFailed      = errors.New("transaction failed")                   // it is in a block, its messages had no effect
	ErrExpired     = errors.New("transaction reached no block in time") // and can no longer reach one
)

func unreachable(err error) error { return fmt.Errorf("%w: %w", ErrUnreachable, err) }

// pruned says that the node has answered that it no longer has a block: one that is away, or tells rubbish, may have it yet.
func pruned(err error, height int64) bool {
	text := err.Error()
	return strings.Contains(text, fmt.Sprintf("height %d is not available", height)) || strings.Contains(text, fmt.Sprintf("could not find results for height #%d", height))
}

// queryError is a query that the node answered with an error.
type queryError struct {
	code codes.Code
	text string
}

func (e *queryError) Error() string { return e.text }

// Is makes errors.Is(err, ErrNotFound) work.
func (e *queryError) Is(target error) bool { return target == ErrNotFound && e.code == codes.NotFound }

// GRPCStatus lets code made for gRPC read the error.
func (e *queryError) GRPCStatus() *status.Status { return status.New(e.code, e.text) }

// wrapping is what the SDK puts around a keeper's sentence on its way through ABCI.
var wrapping = regexp.MustCompile(`rpc error: code = (\w+) desc = `)

// failedQuery turns an ABCI error into a sentence and a gRPC code.
func failedQuery(codespace string, abciCode uint32, log string) error {
	code := codes.Unknown
	if codespace == sdkerrors.RootCodespace {
		code = grpcCode(abciCode)
	}
	text := wrapping.ReplaceAllString(log, "")
	for _, tail := range []error{sdkerrors.ErrKeyNotFound, sdkerrors.ErrInvalidRequest, sdkerrors.ErrUnknownRequest} {
		text = strings.TrimSuffix(text, ": "+tail.Error())
	}
	if strings.Contains(log, "code = NotFound") {
		code = codes.NotFound
	}
	return &queryError{code, text}
}

func grpcCode(abciCode uint32) codes.Code {
	switch abciCode {
	case sdkerrors.ErrKeyNotFound.ABCICode(), sdkerrors.ErrNotFound.ABCICode():
		return codes.NotFound
	case sdkerrors.ErrInvalidRequest.ABCICode(), sdkerrors.ErrInvalidHeight.ABCICode():
		return codes.InvalidArgument
	case sdkerrors.ErrUnknownRequest.ABCICode():
		return codes.Unimplemented
	case sdkerrors.ErrUnauthorized.ABCICode():
		return codes.PermissionDenied
	default:
		return codes.Unknown
	}
}
