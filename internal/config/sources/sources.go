// Package sources reads which sources to collect from: the keys sources and
// recording of the settings file. It says where credentials are, and never holds
// one.
package sources

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
)

// Config is what the file says of collecting; the zero value collects nothing.
type Config struct {
	Postgres    []Postgres
	GatewayLogs []GatewayLog
	Prometheus  []Prometheus
	Metrics     []Metrics
	Datadog     []Datadog
	DatadogLogs []DatadogLogs
	OTLP        []OTLP
	Channelz    []Channelz
	Recording   Recording
}

// Entry is what sources of all kinds have.
type Entry struct {
	Name string // of the source, once in the file
	Kind string // the list it stands in: "postgres"
	Line int    // of the file
}

// Postgres is one server to sample.
type Postgres struct {
	Entry
	DSN         string // URL or keywords, without password; empty: service, PG* variables
	Service     string // of the service file
	ServiceFile string // empty: PGSERVICEFILE or the usual one
	PassFile    string // empty: PGPASSFILE or the usual one
	Password    Secret
	TLS         TLS
	Every       time.Duration // 0 is the collector's own
}

// GatewayLog is one access log to follow.
type GatewayLog struct {
	Entry
	Path   string // "-" is the standard input
	Format string // a name, or a log_format pasted; empty is detected
	Zone   string // of times that name none; empty is this host's
	Unit   string // of durations that name none: s, ms, us, ns; empty is by the lines
	// Endpoints: templates, a file of them, and one of OpenAPI.
	Routes     []string
	RoutesFile string
	OpenAPI    string
}

// Prometheus is one server to ask by its HTTP API.
type Prometheus struct {
	Entry
	Access
	CallNames []string // what metrics of calls are called, beyond what is known
	Queries   []string // instead of the known names
	Step      time.Duration
	Every     time.Duration
	Series    int // at most; 0 is the collector's own bound
}

// Metrics is one /metrics page to scrape.
type Metrics struct {
	Entry
	Access
	CallNames []string
	Every     time.Duration
	Series    int
}

// Datadog is one metric query.
type Datadog struct {
	Entry
	Query  string
	Site   string
	APIKey Secret
	AppKey Secret
	Unit   string
	Every  time.Duration
}

// DatadogLogs is an access log that Datadog keeps.
type DatadogLogs struct {
	Entry
	Query  string
	Index  string // empty is all live ones
	Site   string
	APIKey Secret
	AppKey Secret
	Format string // of the lines; empty takes the events' attributes, or detects it
	Routes []string
	Every  time.Duration
}

// OTLP is an address to listen on for exporters.
type OTLP struct {
	Entry
	Listen    string
	TLS       TLS    // to answer with; the CA is of exporters' certificates
	Token     Secret // bearer token that exporters must send
	CallNames []string
}

// Channelz is one gRPC process to ask.
type Channelz struct {
	Entry
	Address string
	TLS     TLS
	Token   Secret // bearer token
	Every   time.Duration
}

// Access is how an HTTP server is reached.
type Access struct {
	URL      string // without password
	TLS      TLS
	Token    Secret // bearer token
	Password Secret // of the URL's user
	Tenant   string // sent as X-Scope-OrgID
}

// TLS is files, PEM; relative ones are beside the settings file.
type TLS struct {
	CA, Cert, Key string
	ServerName    string // that the certificate must be for; empty is the host's
}

// Recording bounds what is kept.
type Recording struct {
	Keep    time.Duration // 0 is all
	MaxSize int64         // bytes of the file; 0 is unbounded
	Facts   int           // between the collectors and the file; 0 is the supervisor's own bound
}

// Kinds are the lists of sources, in the order in which they are shown. A kind of
// source is added here, in Config and in lists.
var Kinds = []string{"postgres", "gateway_logs", "prometheus", "metrics", "datadog", "datadog_logs", "otlp", "channelz"}

// Entries are all sources, in the order of Kinds and of the file.
func (c *Config) Entries() []Entry {
	var all []Entry
	all = append(all, entries(c.Postgres, func(s Postgres) Entry { return s.Entry })...)
	all = append(all, entries(c.GatewayLogs, func(s GatewayLog) Entry { return s.Entry })...)
	all = append(all, entries(c.Prometheus, func(s Prometheus) Entry { return s.Entry })...)
	all = append(all, entries(c.Metrics, func(s Metrics) Entry { return s.Entry })...)
	all = append(all, entries(c.Datadog, func(s Datadog) Entry { return s.Entry })...)
	all = append(all, entries(c.DatadogLogs, func(s DatadogLogs) Entry { return s.Entry })...)
	all = append(all, entries(c.OTLP, func(s OTLP) Entry { return s.Entry })...)
	all = append(all, entries(c.Channelz, func(s Channelz) Entry { return s.Entry })...)
	return all
}

func entries[T any](list []T, entry func(T) Entry) []Entry {
	all := make([]Entry, len(list))
	for i, s := range list {
		all[i] = entry(s)
	}
	return all
}

// Read reads the text of a settings file of that name. Settings are left to others;
// every error says file, line and column, and none repeats what may be a credential.
func Read(file string, text []byte) (*Config, error) {
	docs, err := source.YAML(file, string(text))
	if err != nil {
		return nil, fmt.Errorf("settings file %w", err)
	}
	c := &Config{}
	r := reader{dir: filepath.Dir(file), config: c, names: map[string]int{}}
	for _, doc := range docs {
		for _, m := range doc.Members {
			var err error
			switch m.Key {
			case "sources":
				err = r.sources(m.Value)
			case "recording":
				err = r.recording(m.Value)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

type reader struct {
	dir    string // of the file
	config *Config
	names  map[string]int // lines of the sources of these names
}

// mostSources of one program: each has a connection or a file, and a goroutine.
const mostSources = 200

func (r *reader) sources(n *source.Node) error {
	if n.Kind == source.Null { // all of it is commented out
		return nil
	}
	if n.Kind != source.Map {
		return n.Wrong("a mapping with " + strings.Join(Kinds, ", "))
	}
	for _, m := range n.Members {
		read, known := lists[m.Key]
		if !known {
			return m.Wrong(fmt.Sprintf("no kind of source is called %q; expected one of %s", m.Key, strings.Join(Kinds, ", ")))
		}
		if m.Value.Kind == source.Null {
			continue
		}
		if m.Value.Kind != source.List {
			return m.Value.Errorf("a list of sources, each beginning with - name:", "no list")
		}
		for _, item := range m.Value.Items {
			if len(r.names) == mostSources {
				return item.Errorf("", "more than %d sources", mostSources)
			}
			if err := read(r, item); err != nil {
				return err
			}
		}
	}
	return nil
}

// lists says how the items of each list are read.
var lists = map[string]func(*reader, *source.Node) error{
	"postgres":     (*reader).postgres,
	"gateway_logs": (*reader).gatewayLog,
	"prometheus":   (*reader).prometheus,
	"metrics":      (*reader).metrics,
	"datadog":      (*reader).datadog,
	"datadog_logs": (*reader).datadogLogs,
	"otlp":         (*reader).otlp,
	"channelz":     (*reader).channelz,
}

// decode reads an item into a struct whose tag form the schema, and its name.
func (r *reader) decode(n *source.Node, kind string, to any) (Entry, error) {
	if n.Kind != source.Map { // not repeated: it may be a DSN with a password
		return Entry{}, n.Errorf("a mapping with "+strings.Join(source.Keys(reflect.TypeOf(to).Elem()), ", "), "no mapping")
	}
	if err := (source.Decoder{}).Decode(n, to); err != nil {
		return Entry{}, err
	}
	at, given := n.Get("name")
	if !given {
		return Entry{}, n.Errorf("name: what to call it", "a source of %s without a name", kind)
	}
	name := at.Text
	if name == "" || len(name) > 80 || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return Entry{}, at.Wrong("a name of 1 to 80 characters")
	}
	if line, twice := r.names[name]; twice {
		return Entry{}, at.Errorf("another name", "%q, the name of the source in line %d", name, line)
	}
	r.names[name] = n.Line
	return Entry{Name: name, Kind: kind, Line: n.Line}, nil
}

func (r *reader) postgres(n *source.Node) error {
	var v struct {
		Name        string `json:"name"`
		DSN         string `json:"dsn"`
		Service     string `json:"service"`
		ServiceFile string `json:"service_file"`
		PassFile    string `json:"passfile"`
		Password    Secret `json:"password"`
		TLS         files  `json:"tls"`
		Every       every  `json:"every"`
	}
	if err := r.open(n, "dsn"); err != nil {
		return err
	}
	e, err := r.decode(n, "postgres", &v)
	if err != nil {
		return err
	}
	if v.ServiceFile != "" && v.Service == "" && !strings.Contains(v.DSN, "service=") {
		at, _ := n.Get("service_file")
		return at.Errorf("service: NAME too", "a service file without a service")
	}
	r.config.Postgres = append(r.config.Postgres, Postgres{
		Entry: e, DSN: v.DSN, Service: v.Service, ServiceFile: r.path(v.ServiceFile), PassFile: r.path(v.PassFile),
		Password: r.secret(v.Password), TLS: r.tls(v.TLS), Every: time.Duration(v.Every),
	})
	return nil
}

func (r *reader) gatewayLog(n *source.Node) error {
	var v struct {
		Name       string   `json:"name"`
		Path       string   `json:"path"`
		Format     string   `json:"format"`
		Zone       string   `json:"zone"`
		Unit       string   `json:"unit"`
		Routes     []string `json:"routes"`
		RoutesFile string   `json:"routes_file"`
		OpenAPI    string   `json:"openapi"`
	}
	e, err := r.decode(n, "gateway_logs", &v)
	if err != nil {
		return err
	}
	if v.Path == "" {
		return n.Errorf("path: the file to follow, or -", "the log %q without a path", e.Name)
	}
	if v.Path == "-" {
		for _, other := range r.config.GatewayLogs {
			if other.Path == "-" {
				at, _ := n.Get("path")
				return at.Errorf("a file", "the standard input a second time, after line %d", other.Line)
			}
		}
	} else {
		v.Path = r.path(v.Path)
	}
	r.config.GatewayLogs = append(r.config.GatewayLogs, GatewayLog{
		Entry: e, Path: v.Path, Format: v.Format, Zone: v.Zone, Unit: v.Unit, Routes: v.Routes, RoutesFile: r.path(v.RoutesFile), OpenAPI: r.path(v.OpenAPI),
	})
	return nil
}

func (r *reader) prometheus(n *source.Node) error {
	var v struct {
		Name      string   `json:"name"`
		URL       string   `json:"url"`
		Token     Secret   `json:"token"`
		Password  Secret   `json:"password"`
		Tenant    string   `json:"tenant"`
		TLS       files    `json:"tls"`
		CallNames []string `json:"call_names"`
		Queries   []string `json:"queries"`
		Step      every    `json:"step"`
		Every     every    `json:"every"`
		Series    int      `json:"max_series" min:"1" max:"20000"`
	}
	if err := r.open(n, "url"); err != nil {
		return err
	}
	e, err := r.decode(n, "prometheus", &v)
	if err != nil {
		return err
	}
	a := Access{URL: v.URL, TLS: r.tls(v.TLS), Token: r.secret(v.Token), Password: r.secret(v.Password), Tenant: v.Tenant}
	if err := a.check(n, e); err != nil {
		return err
	}
	r.config.Prometheus = append(r.config.Prometheus, Prometheus{
		Entry: e, Access: a, CallNames: v.CallNames, Queries: v.Queries, Step: time.Duration(v.Step), Every: time.Duration(v.Every), Series: v.Series,
	})
	return nil
}

func (r *reader) metrics(n *source.Node) error {
	var v struct {
		Name      string   `json:"name"`
		URL       string   `json:"url"`
		Token     Secret   `json:"token"`
		Password  Secret   `json:"password"`
		Tenant    string   `json:"tenant"`
		TLS       files    `json:"tls"`
		CallNames []string `json:"call_names"`
		Every     every    `json:"every"`
		Series    int      `json:"max_series" min:"1" max:"20000"`
	}
	if err := r.open(n, "url"); err != nil {
		return err
	}
	e, err := r.decode(n, "metrics", &v)
	if err != nil {
		return err
	}
	a := Access{URL: v.URL, TLS: r.tls(v.TLS), Token: r.secret(v.Token), Password: r.secret(v.Password), Tenant: v.Tenant}
	if err := a.check(n, e); err != nil {
		return err
	}
	r.config.Metrics = append(r.config.Metrics, Metrics{
		Entry: e, Access: a, CallNames: v.CallNames, Every: time.Duration(v.Every), Series: v.Series,
	})
	return nil
}

func (r *reader) datadog(n *source.Node) error {
	var v struct {
		Name   string `json:"name"`
		Query  string `json:"query"`
		Site   string `json:"site"`
		APIKey Secret `json:"api_key"`
		AppKey Secret `json:"app_key"`
		Unit   string `json:"unit"`
		Every  every  `json:"every"`
	}
	e, err := r.decode(n, "datadog", &v)
	if err != nil {
		return err
	}
	if v.Query == "" {
		return n.Errorf("query: what to ask", "the source %q without a query", e.Name)
	}
	r.config.Datadog = append(r.config.Datadog, Datadog{
		Entry: e, Query: v.Query, Site: v.Site, APIKey: r.secret(v.APIKey), AppKey: r.secret(v.AppKey), Unit: v.Unit, Every: time.Duration(v.Every),
	})
	return nil
}

func (r *reader) datadogLogs(n *source.Node) error {
	var v struct {
		Name   string   `json:"name"`
		Query  string   `json:"query"`
		Index  string   `json:"index"`
		Site   string   `json:"site"`
		APIKey Secret   `json:"api_key"`
		AppKey Secret   `json:"app_key"`
		Format string   `json:"format"`
		Routes []string `json:"routes"`
		Every  every    `json:"every"`
	}
	e, err := r.decode(n, "datadog_logs", &v)
	if err != nil {
		return err
	}
	if v.Query == "" {
		return n.Errorf("query: what to search for", "the source %q without a query", e.Name)
	}
	r.config.DatadogLogs = append(r.config.DatadogLogs, DatadogLogs{
		Entry: e, Query: v.Query, Index: v.Index, Site: v.Site, APIKey: r.secret(v.APIKey), AppKey: r.secret(v.AppKey),
		Format: v.Format, Routes: v.Routes, Every: time.Duration(v.Every),
	})
	return nil
}

func (r *reader) otlp(n *source.Node) error {
	var v struct {
		Name      string   `json:"name"`
		Listen    string   `json:"listen"`
		TLS       files    `json:"tls"`
		Token     Secret   `json:"token"`
		CallNames []string `json:"call_names"`
	}
	e, err := r.decode(n, "otlp", &v)
	if err != nil {
		return err
	}
	if v.Listen == "" {
		return n.Errorf("listen: the address to listen on", "the source %q without an address", e.Name)
	}
	r.config.OTLP = append(r.config.OTLP, OTLP{
		Entry: e, Listen: v.Listen, TLS: r.tls(v.TLS), Token: r.secret(v.Token), CallNames: v.CallNames,
	})
	return nil
}

func (r *reader) channelz(n *source.Node) error {
	var v struct {
		Name    string `json:"name"`
		Address string `json:"address"`
		TLS     files  `json:"tls"`
		Token   Secret `json:"token"`
		Every   every  `json:"every"`
	}
	e, err := r.decode(n, "channelz", &v)
	if err != nil {
		return err
	}
	if v.Address == "" {
		return n.Errorf("address: the process to ask", "the source %q without an address", e.Name)
	}
	r.config.Channelz = append(r.config.Channelz, Channelz{
		Entry: e, Address: v.Address, TLS: r.tls(v.TLS), Token: r.secret(v.Token), Every: time.Duration(v.Every),
	})
	return nil
}

func (r *reader) recording(n *source.Node) error {
	if n.Kind == source.Null {
		return nil
	}
	var v struct {
		Keep    long `json:"keep"`
		MaxSize size `json:"max_size"`
		Facts   int  `json:"max_facts" min:"1000" max:"10000000"`
	}
	if err := (source.Decoder{}).Decode(n, &v); err != nil {
		return err
	}
	r.config.Recording = Recording{Keep: time.Duration(v.Keep), MaxSize: int64(v.MaxSize), Facts: v.Facts}
	return nil
}

// path is a file that the settings file names, seen from where it stands.
func (r *reader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}

func (r *reader) secret(s Secret) Secret {
	s.File = r.path(s.File)
	return s
}

func (r *reader) tls(f files) TLS {
	return TLS{CA: r.path(f.CA), Cert: r.path(f.Cert), Key: r.path(f.Key), ServerName: f.ServerName}
}

func (a Access) check(n *source.Node, e Entry) error {
	if a.URL == "" {
		return n.Errorf("url: where it is", "the source %q without a url", e.Name)
	}
	if a.Token.Given() && a.Password.Given() {
		at, _ := n.Get("password")
		return at.Errorf("one of the two", "a password beside a token")
	}
	return nil
}
