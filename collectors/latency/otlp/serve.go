package otlp

import (
	"compress/gzip"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // exporters may compress
	"google.golang.org/grpc/mem"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// handler answers gRPC and HTTP on one port, until ctx ends. A request that finds
// no slot is asked to come again.
func (r *Receiver) handler(ctx context.Context, running *door) http.Handler {
	calls := r.grpcServer(ctx)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, req *http.Request) { r.post(ctx, w, req) })
	for _, kind := range []string{"traces", "logs"} {
		mux.HandleFunc("/v1/"+kind, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "only metrics are taken here", http.StatusNotFound)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !running.enter() {
			return
		}
		defer running.leave()
		isGRPC := req.ProtoMajor == 2 && strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc")
		turnAway := func(code int, err error) {
			if isGRPC {
				refuseCall(w, code, err)
			} else {
				refuse(w, req, code, err)
			}
		}
		if code, err := r.admit(req); err != nil {
			turnAway(code, err)
			return
		}
		select {
		case r.slots <- struct{}{}:
			defer func() { <-r.slots }()
		default:
			turnAway(http.StatusTooManyRequests, errBusy)
			return
		}
		if isGRPC {
			calls.ServeHTTP(w, req)
			return
		}
		mux.ServeHTTP(w, req)
	})
}

// admit looks for the receiver's token. The code is what to answer to an error.
func (r *Receiver) admit(req *http.Request) (code int, err error) {
	if r.cfg.Token == nil {
		return 0, nil
	}
	want, err := r.cfg.Token.Get()
	if err != nil {
		return http.StatusServiceUnavailable, errUnread // the reason names files of ours
	}
	scheme, got, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(strings.TrimSpace(got)), []byte(want)) != 1 {
		return http.StatusUnauthorized, errToken
	}
	return 0, nil
}

// Content types of OTLP over HTTP.
const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// post is one export over HTTP.
func (r *Receiver) post(ctx context.Context, w http.ResponseWriter, req *http.Request) {
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || kind != typeProtobuf && kind != typeJSON {
		refuse(w, req, http.StatusUnsupportedMediaType, fmt.Errorf("expected %s or %s", typeProtobuf, typeJSON))
		return
	}
	body, code, err := r.body(w, req)
	if err != nil {
		refuse(w, req, code, err)
		return
	}
	answer, err := r.keep(req.Context(), ctx.Done(), body, kind == typeJSON)
	switch {
	case errors.Is(err, errBusy), errors.Is(err, errEnding):
		refuse(w, req, http.StatusServiceUnavailable, err)
	case err != nil:
		refuse(w, req, http.StatusBadRequest, err)
	default:
		write(w, kind, http.StatusOK, answer)
	}
}

// body reads a request's, unpacked. The code is what to answer to an error.
func (r *Receiver) body(w http.ResponseWriter, req *http.Request) ([]byte, int, error) {
	from := io.Reader(http.MaxBytesReader(w, req.Body, int64(r.cfg.MaxBody)))
	switch encoding := req.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, http.StatusBadRequest, errors.New("the body is not in gzip")
		}
		from = z
	default:
		return nil, http.StatusUnsupportedMediaType, errors.New("expected the encoding gzip, or none")
	}
	body, err := io.ReadAll(io.LimitReader(from, int64(r.cfg.MaxBody)+1))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long), len(body) > r.cfg.MaxBody:
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("at most %d bytes are taken at once", r.cfg.MaxBody)
	case err != nil:
		return nil, http.StatusBadRequest, errors.New("the body cannot be read whole")
	}
	return body, 0, nil
}

// refuse answers an error as OTLP has it: a google.rpc.Status.
func refuse(w http.ResponseWriter, req *http.Request, code int, err error) {
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	if code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if kind != typeProtobuf {
		kind = typeJSON
	}
	write(w, kind, code, grpcstatus.New(codeOf(code), "tripcurve: "+err.Error()).Proto())
}

func codeOf(status int) codes.Code {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	}
	return codes.InvalidArgument
}

func write(w http.ResponseWriter, kind string, code int, m proto.Message) {
	var body []byte
	var err error
	if kind == typeJSON {
		body, err = protojson.Marshal(m)
	} else {
		body, err = proto.Marshal(m)
	}
	if err != nil { // our own words
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(body) // whoever is gone does not hear it
}

// again is the status that asks an exporter to come again, in a while.
func again(err error) *grpcstatus.Status {
	s := grpcstatus.New(codes.Unavailable, "tripcurve: "+err.Error())
	if with, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)}); err == nil {
		return with
	}
	return s
}

// refuseCall answers a call without reading it.
func refuseCall(w http.ResponseWriter, code int, err error) {
	s := again(err)
	if c := codeOf(code); c != codes.Unavailable {
		s = grpcstatus.New(c, "tripcurve: "+err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(int(s.Code())))
	h.Set("Grpc-Message", s.Message())
	if details, err := proto.Marshal(s.Proto()); err == nil {
		h.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
	}
	w.WriteHeader(http.StatusOK)
}

// rawBody is a message as it came, or as it goes.
type rawBody struct{ b []byte }

// rawCodec leaves messages as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(*rawBody).b)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*rawBody).b = data.Materialize()
	return nil
}

// exporting is what the service's handler is called on.
type exporting interface {
	export(ctx context.Context, in *rawBody) (*rawBody, error)
}

// exporter is the MetricsService while ctx lives.
type exporter struct {
	r      *Receiver
	ending <-chan struct{}
}

func (e exporter) export(ctx context.Context, in *rawBody) (*rawBody, error) {
	answer, err := e.r.keep(ctx, e.ending, in.b, false)
	switch {
	case errors.Is(err, errBusy), errors.Is(err, errEnding):
		return nil, again(err).Err()
	case err != nil:
		return nil, grpcstatus.Error(codes.InvalidArgument, "tripcurve: "+err.Error())
	}
	body, err := proto.Marshal(answer)
	return &rawBody{body}, err
}

// grpcServer is the MetricsService over messages that are not decoded: the server
// would decode as many at a time as come.
func (r *Receiver) grpcServer(ctx context.Context) *grpc.Server {
	srv := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.MaxRecvMsgSize(r.cfg.MaxBody))
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.metrics.v1.MetricsService",
		HandlerType: (*exporting)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "Export",
			Handler: func(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				var in rawBody
				if err := dec(&in); err != nil {
					return nil, err
				}
				return srv.(exporting).export(ctx, &in)
			},
		}},
	}, exporter{r, ctx.Done()})
	return srv
}
