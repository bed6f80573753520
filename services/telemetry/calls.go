package telemetry

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats/opentelemetry"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
)

// requestHeader carries the request's id from service to service.
const requestHeader = "x-request-id"

// maxRequestID bounds an id that is taken over from a caller, in bytes.
const maxRequestID = 128

// options of gRPC's own OpenTelemetry plugin (gRFC A66). What it counts as started
// and what it has a duration of differ by the calls in flight, which is where a
// call that hangs can be seen. Message sizes are left out.
func (t *Telemetry) options() opentelemetry.Options {
	metrics := opentelemetry.DefaultMetrics().Remove(
		opentelemetry.ClientAttemptSentCompressedTotalMessageSizeMetricName, opentelemetry.ClientAttemptRcvdCompressedTotalMessageSizeMetricName,
		opentelemetry.ServerCallSentCompressedTotalMessageSizeMetricName, opentelemetry.ServerCallRcvdCompressedTotalMessageSizeMetricName,
	)
	return opentelemetry.Options{MetricsOptions: opentelemetry.MetricsOptions{MeterProvider: t.provider, Metrics: metrics}}
}

// Dial is the options of a connection whose calls are counted and, where they
// fail, logged under the edge of their method.
func (t *Telemetry) Dial(edge func(method string) string) []grpc.DialOption {
	return []grpc.DialOption{
		opentelemetry.DialOption(t.options()),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if id := host.RequestID(ctx); id != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, requestHeader, id)
			}
			start := time.Now()
			err := invoke(ctx, method, req, reply, conn, opts...)
			if err != nil {
				t.failed(ctx, "call failed", method, start, err, slog.String("edge", edge(method)))
			}
			return err
		}),
	}
}

// Server is the options of a server whose calls are counted and, where they fail,
// logged.
func (t *Telemetry) Server() []grpc.ServerOption {
	return []grpc.ServerOption{
		opentelemetry.ServerOption(t.options()),
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			if id := incomingID(ctx); id != "" {
				ctx = host.WithRequestID(ctx, id)
			}
			start := time.Now()
			reply, err := handle(ctx, req)
			if err != nil {
				t.failed(ctx, "answered with an error", info.FullMethod, start, err)
			}
			return reply, err
		}),
	}
}

// incomingID is the id that the caller sent, if it is one.
func incomingID(ctx context.Context) string {
	all := metadata.ValueFromIncomingContext(ctx, requestHeader)
	if len(all) == 0 || len(all[0]) > maxRequestID || strings.ContainsFunc(all[0], func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return all[0]
}

// failed logs a call that ended with an error: with the pipeline's own word for
// it and, where a guard rejected a call or gave it up, with that guard's edge.
func (t *Telemetry) failed(ctx context.Context, what, method string, start time.Time, err error, more ...slog.Attr) {
	code := status.Code(err)
	attrs := append([]slog.Attr{
		slog.String("request_id", host.RequestID(ctx)),
		slog.String("method", strings.TrimPrefix(method, "/")),
		slog.String("code", code.String()),
		slog.String("error", host.Word(err)),
		slog.Float64("took_ms", float64(time.Since(start).Microseconds())/1e3),
	}, more...)
	if r, ok := host.RejectionOf(err); ok {
		attrs = append(attrs, slog.String("rejected_by", r.Edge), slog.String("rejection", r.Reason))
	}
	t.log.LogAttrs(context.WithoutCancel(ctx), level(code), what, attrs...)
}

// level of a failed call: an answer of the business is no trouble of ours.
func level(code codes.Code) slog.Level {
	switch code {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.OutOfRange,
		codes.PermissionDenied, codes.Unauthenticated, codes.Canceled:
		return slog.LevelInfo
	default:
		return slog.LevelWarn
	}
}
