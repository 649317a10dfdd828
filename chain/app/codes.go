package app

import (
	"context"
	"errors"
	"slices"

	gogogrpc "github.com/cosmos/gogoproto/grpc"
	"google.golang.org/grpc"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// coded is an error with the code under which a module registered it. The SDK looks for codes in its own kind of
// wrapping only; ours wraps with %w, and clients would see every refusal as code 1.
type coded struct {
	error
	root *errorsmod.Error
}

func (c coded) ABCICode() uint32  { return c.root.ABCICode() }
func (c coded) Codespace() string { return c.root.Codespace() }
func (c coded) Unwrap() error     { return c.error }

// withCode gives err the code of the registered error that it wraps, if it does.
func withCode(err error) error {
	var root *errorsmod.Error
	if err == nil || !errors.As(err, &root) {
		return err
	}
	return coded{err, root}
}

// codedServices registers services whose handlers' errors have codes, and that see no message that refuse refuses.
type codedServices struct {
	gogogrpc.Server
	refuse func(msg any) error
}

// RegisterService implements grpc.Server.
func (s codedServices) RegisterService(desc *grpc.ServiceDesc, handler any) {
	d := *desc
	d.Methods = slices.Clone(desc.Methods)
	for i, m := range desc.Methods {
		d.Methods[i].Handler = func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			res, err := m.Handler(srv, ctx, dec, s.intercept(interceptor))
			return res, withCode(err)
		}
	}
	s.Server.RegisterService(&d, handler)
}

// intercept asks refuse about a message right before its handler sees it: it is the router's interceptor that puts the
// message in place of an empty one.
func (s codedServices) intercept(route grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, empty any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return route(ctx, empty, info, func(ctx context.Context, msg any) (any, error) {
			if err := s.refuse(msg); err != nil {
				return nil, err
			}
			return handler(ctx, msg)
		})
	}
}

// codedAnte is an ante handler whose errors have codes.
func codedAnte(handler sdk.AnteHandler) sdk.AnteHandler {
	return func(ctx sdk.Context, tx sdk.Tx, simulate bool) (sdk.Context, error) {
		next, err := handler(ctx, tx, simulate)
		return next, withCode(err)
	}
}
