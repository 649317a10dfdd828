package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// Attributes of spans, as OpenTelemetry's conventions for generative AI call them.
const (
	attrOperation = "gen_ai.operation.name"
	attrProvider  = "gen_ai.provider.name"
	attrAsked     = "gen_ai.request.model"
	attrAnswered  = "gen_ai.response.model"
	attrID        = "gen_ai.response.id"
	attrFinish    = "gen_ai.response.finish_reasons"
	attrIn        = "gen_ai.usage.input_tokens"
	attrOut       = "gen_ai.usage.output_tokens"
	attrStatus    = "http.response.status_code"
	attrMiner     = "agora.miner"
	attrSubnet    = "agora.subnet"
)

// providerName is what metrics and spans name as gen_ai.provider.name.
const providerName = "agora"

// Tracer sends spans by OTLP over HTTP to a collector at url, http://host:4318/v1/traces, in batches beside the requests: what
// the collector does not take is dropped. end sends what is left. What is no such url is an error: the exporter would send elsewhere.
func Tracer(ctx context.Context, collector string) (tracer api.Tracer, end func(context.Context) error, err error) {
	if u, err := url.Parse(collector); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, nil, fmt.Errorf("%q is no collector's address: write http://host:4318/v1/traces", collector)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(collector))
	if err != nil {
		return nil, nil, err
	}
	p := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(resource.NewSchemaless(attribute.String("service.name", "agora-gateway"))))
	return p.Tracer("agora/gateway"), p.Shutdown, nil
}

var traceContext = propagation.TraceContext{}

// joined is a context in the trace that a consumer's header traceparent names, and tells the header back in the answer. Miners do
// not get it: it would tell them which requests belong together, and challenges from requests. What they do is a trace of its own,
// of every request's nonce, to which the request's span is linked.
func joined(ctx context.Context, said *lines, r *http.Request) context.Context {
	parent := valueOf(r.Header, "Traceparent")
	if parent == "" {
		return ctx
	}
	ctx = traceContext.Extract(ctx, propagation.HeaderCarrier(r.Header))
	if api.SpanContextFromContext(ctx).IsValid() {
		said.set("Traceparent", parent)
	}
	return ctx
}

// trace tells a request that is over as a span; nothing of what was said is in it.
func (c *call) trace(one generation, now time.Time) {
	if c.Spans == nil {
		return
	}
	options := []api.SpanStartOption{api.WithTimestamp(c.arrived), api.WithSpanKind(api.SpanKindServer)}
	if c.given != nil {
		options = append(options, api.WithLinks(c.given.trace()))
	}
	_, span := c.Spans.Start(c.ctx, c.name+" "+c.Model, options...)
	if !span.IsRecording() {
		span.End()
		return
	}
	span.SetAttributes(
		attribute.String(attrOperation, c.name), attribute.String(attrProvider, providerName), attribute.String(attrAsked, c.Model),
		attribute.String(attrSubnet, one.subnet), attribute.Int(attrStatus, one.status))
	if one.provider != "" {
		span.SetAttributes(
			attribute.String(attrAnswered, one.model), attribute.String(attrID, one.upstream), attribute.StringSlice(attrFinish, []string{one.finish}),
			attribute.Int(attrIn, one.usage.PromptTokens), attribute.Int(attrOut, one.usage.CompletionTokens), attribute.String(attrMiner, one.provider))
		span.AddEvent("first token", api.WithTimestamp(c.arrived.Add(one.first)))
	}
	if one.status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(one.status))
	}
	span.End(api.WithTimestamp(now))
}

// trace is what the miner's work on an answer is traced as: see receipt.TraceParent.
func (a *answer) trace() api.Link {
	return api.Link{SpanContext: api.NewSpanContext(api.SpanContextConfig{
		TraceID: a.nonce, SpanID: [8]byte(a.nonce[8:]), TraceFlags: api.FlagsSampled, Remote: true,
	})}
}
