// Package grpcclient is the options of one gRPC client as text: the channel options
// of @grpc/grpc-js as plain JSON, which is handed to a client's constructor as it is,
// and dial options of grpc-go with what the server must allow for them.
package grpcclient

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/formats/source"
)

// Config is the third argument of a grpc-js client's constructor. The keys without
// "grpc" in front are not channel options, and grpc-js 1.14.7 leaves them alone: they
// say what stands elsewhere in the code, where no file is.
type Config struct {
	Comment string `json:"$comment,omitempty"`
	// Credentials are the constructor's second argument: "insecure" is
	// grpc.credentials.createInsecure(), "ssl" is createSsl().
	Credentials *Credentials `json:"credentials,omitempty"`
	// DeadlineMS is what every call passes as { deadline: Date.now() + deadline_ms }.
	DeadlineMS *int `json:"deadline_ms,omitempty" min:"1" max:"2147483647"`
	// ServerMinTimeMS and ServerPermits are what the server allows its clients:
	// grpc-go's EnforcementPolicy with MinTime and PermitWithoutStream.
	ServerMinTimeMS *int  `json:"server_min_time_ms,omitempty" min:"0" max:"2147483647"`
	ServerPermits   *bool `json:"server_permit_without_calls,omitempty"`

	KeepaliveTimeMS      *int     `json:"grpc.keepalive_time_ms,omitempty" min:"-1" max:"2147483647"` // -1, the default, is none
	KeepaliveTimeoutMS   *int     `json:"grpc.keepalive_timeout_ms,omitempty" min:"1" max:"2147483647"`
	PermitWithoutCalls   *Flag    `json:"grpc.keepalive_permit_without_calls,omitempty"`
	ServiceConfig        *Service `json:"grpc.service_config,omitempty"`
	DisableResolution    *Flag    `json:"grpc.service_config_disable_resolution,omitempty"`
	EnableRetries        *Flag    `json:"grpc.enable_retries,omitempty"`
	AttemptsLimit        *int     `json:"grpc-node.retry_max_attempts_limit,omitempty" min:"1" max:"2147483647"` // instead of 5
	MaxConcurrentStreams *int     `json:"grpc.max_concurrent_streams,omitempty" min:"0" max:"2147483647"`

	// The rest changes nothing about what happens when calls go wrong, and is passed
	// through as it is.
	SSLTarget         *string  `json:"grpc.ssl_target_name_override,omitempty"`
	PrimaryAgent      *string  `json:"grpc.primary_user_agent,omitempty"`
	SecondaryAgent    *string  `json:"grpc.secondary_user_agent,omitempty"`
	Authority         *string  `json:"grpc.default_authority,omitempty"`
	InitialReconnect  *int     `json:"grpc.initial_reconnect_backoff_ms,omitempty" min:"0"`
	MaxReconnect      *int     `json:"grpc.max_reconnect_backoff_ms,omitempty" min:"0"`
	LocalSubchannels  *Flag    `json:"grpc.use_local_subchannel_pool,omitempty"`
	MaxSend           *int     `json:"grpc.max_send_message_length,omitempty" min:"-1"`
	MaxReceive        *int     `json:"grpc.max_receive_message_length,omitempty" min:"-1"`
	HTTPProxy         *Flag    `json:"grpc.enable_http_proxy,omitempty"`
	Channelz          *Flag    `json:"grpc.enable_channelz,omitempty"`
	DNSInterval       *int     `json:"grpc.dns_min_time_between_resolutions_ms,omitempty" min:"0"`
	CallRetryBuffer   *int     `json:"grpc.per_rpc_retry_buffer_size,omitempty" min:"0"`
	RetryBuffer       *int     `json:"grpc.retry_buffer_size,omitempty" min:"0"`
	MaxConnectionAge  *int     `json:"grpc.max_connection_age_ms,omitempty" min:"0"`
	ConnectionGrace   *int     `json:"grpc.max_connection_age_grace_ms,omitempty" min:"0"`
	ClientIdle        *int     `json:"grpc.client_idle_timeout_ms,omitempty" min:"0"`
	RingSizeCap       *int     `json:"grpc.lb.ring_hash.ring_size_cap,omitempty" min:"1"`
	ServerCallMetrics *Flag    `json:"grpc.server_call_metric_recording,omitempty"`
	SessionMemory     *float64 `json:"grpc-node.max_session_memory,omitempty" min:"0"`
	TLSTrace          *Flag    `json:"grpc-node.tls_enable_trace,omitempty"`
	FlowControlWindow *int     `json:"grpc-node.flow_control_window,omitempty" min:"0"`
}

// Client is the options of the client of one service.
type Client struct {
	Name string // of the service: "inventory"
	Config
}

// Credentials of a connection.
type Credentials string

const (
	// Insecure is plain text on the wire.
	Insecure Credentials = "insecure"
	// SSL is TLS.
	SSL Credentials = "ssl"
)

// ReadNode takes one of the two.
func (c *Credentials) ReadNode(n *source.Node) error {
	if n.Kind != source.String || n.Text != string(Insecure) && n.Text != string(SSL) {
		return n.Wrong(`"insecure" or "ssl"`)
	}
	*c = Credentials(n.Text)
	return nil
}

// Flag is 0 or 1: grpc-js compares with the number, so that true is neither.
type Flag bool

// ReadNode takes 0 and 1.
func (f *Flag) ReadNode(n *source.Node) error {
	if n.Kind != source.Number || n.Text != "0" && n.Text != "1" {
		return n.Wrong("0 or 1 (grpc-js overlooks true and false)")
	}
	*f = n.Text == "1"
	return nil
}

// MarshalJSON writes 0 or 1.
func (f Flag) MarshalJSON() ([]byte, error) {
	if f {
		return []byte("1"), nil
	}
	return []byte("0"), nil
}

// Service is a service config, as JSON inside a string: grpc-js parses it.
type Service struct{ grpcconfig.Config }

// ReadNode reads the config in the string as strictly as a file of its own. A
// mistake in it has a line and a column of its own behind the string's.
func (s *Service) ReadNode(n *source.Node) error {
	if n.Kind != source.String {
		return n.Wrong("a service config as JSON in a string (JSON.stringify makes it one; grpc-js cannot take it otherwise)")
	}
	c, err := grpcconfig.Read("grpc.service_config", n.Text)
	if err != nil {
		return n.Errorf("a service config", "%s", err)
	}
	s.Config = c
	return nil
}

// MarshalJSON writes the config on one line, in a string.
func (s Service) MarshalJSON() ([]byte, error) {
	line, err := s.line()
	if err != nil {
		return nil, err
	}
	return json.Marshal(line)
}

func (s Service) line() (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(grpcconfig.Write(s.Config))); err != nil {
		return "", fmt.Errorf("service config: %w", err)
	}
	return b.String(), nil
}
