package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Most of these tests run in a synctest bubble: time stands still until every
// goroutine waits, so that a wait shows as time that went by; and a goroutine that
// outlives Close fails the test. A loopback server would keep time from passing,
// so the network is a function there.

func respond(code int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Status: fmt.Sprint(code, " ", http.StatusText(code)), Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// intake remembers what it was given and answers with answer, which by default
// takes everything.
type intake struct {
	mu     sync.Mutex
	answer func(*http.Request) (*http.Response, error)
	taken  map[string][]value // of requests that were answered 202
	asked  int
	whole  []payload
}

func newIntake() *intake { return &intake{taken: map[string][]value{}} }

// behave changes what it answers; nil takes everything.
func (i *intake) behave(f func(*http.Request) (*http.Response, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = f
}

func (i *intake) RoundTrip(r *http.Request) (*http.Response, error) {
	var p payload
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return nil, err
	}
	i.mu.Lock()
	i.asked++
	answer := i.answer
	i.mu.Unlock()
	resp := respond(http.StatusAccepted, `{"errors":[]}`)
	if answer != nil {
		var err error
		if resp, err = answer(r); err != nil {
			return nil, err
		}
	}
	if resp.StatusCode == http.StatusAccepted {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.whole = append(i.whole, p)
		for _, s := range p.Series {
			i.taken[s.Metric] = append(i.taken[s.Metric], s.Points...)
		}
	}
	return resp, nil
}

// values are those of a metric, in the order of their arrival.
func (i *intake) values(metric string) []float64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []float64
	for _, p := range i.taken[metric] {
		all = append(all, p.Value)
	}
	return all
}

func (i *intake) requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

const opened = "circuit.order.inventory.open"

func submitter(t *testing.T, i http.RoundTripper, opts SubmitOptions) *Submitter {
	t.Helper()
	opts.Transport = i
	s, err := NewSubmitter(keys, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ctx)
	})
	return s
}

// pass lets time go by and everything that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestCountsAreSubmittedEachTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		s := submitter(t, in, SubmitOptions{Host: "m1", Tags: []string{"service:order"}})
		began := time.Now().Unix()
		s.Count(opened, 1)
		s.Count("circuit.order.inventory.reject", 2)
		pass(9 * time.Second)
		s.Count("circuit.order.inventory.reject", 3)
		if n := in.requests(); n != 0 {
			t.Fatalf("%d requests in the first 9 s, want none", n)
		}
		pass(time.Second)
		want := payload{[]series{
			{Metric: opened, Type: 1, Interval: 10, Points: []value{{began, 1}}, Resources: []resource{{"m1", "host"}}, Tags: []string{"service:order"}},
			{Metric: "circuit.order.inventory.reject", Type: 1, Interval: 10, Points: []value{{began, 5}}, Resources: []resource{{"m1", "host"}}, Tags: []string{"service:order"}},
		}}
		if d := cmp.Diff([]payload{want}, in.whole); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		pass(time.Minute)
		if n := in.requests(); n != 1 {
			t.Errorf("%d requests, want 1: nothing to say is not said", n)
		}
		if d := cmp.Diff(Submissions{Sent: 6, Requests: 1}, s.Submissions()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestNoTwoPointsOfAMetricGetTheSameSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		s := submitter(t, in, SubmitOptions{})
		pass(10*time.Second - 100*time.Millisecond)
		s.Count(opened, 1)
		pass(200 * time.Millisecond) // submitted in between
		s.Count(opened, 1)
		pass(10 * time.Second)
		points := in.taken[opened]
		if len(points) != 2 || points[0].Timestamp == points[1].Timestamp {
			t.Errorf("points %v: the second would replace the first", points)
		}
	})
}

func TestAnIntakeThatAilsKeepsNobodyWaiting(t *testing.T) {
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	says := func(code int, header ...string) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			return respond(code, `{"errors":["no, `+keys.API+`"]}`, header...), nil
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		lasts  bool // what was counted meanwhile is lost
		first  string
	}{
		{name: "slow", answer: hang, first: "tell datadog: "},
		{name: "dead", answer: func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, first: "tell datadog: "},
		{name: "500", answer: says(500), first: "datadog answers 500 Internal Server Error: no, ****"},
		{name: "429", answer: says(429, "X-RateLimit-Reset", "25"), first: "datadog answers 429 Too Many Requests: no, ****"},
		{name: "a page in between", answer: func(*http.Request) (*http.Response, error) { return respond(200, "<html>"), nil }, first: "tell datadog: 200 OK is not an answer of its intake"},
		{name: "wrong key", answer: says(403), lasts: true, first: "datadog answers 403 Forbidden: no, ****"},
		{name: "too large", answer: says(413), lasts: true, first: "datadog answers 413 Request Entity Too Large: no, ****"},
		{name: "taken with errors", answer: func(*http.Request) (*http.Response, error) { return respond(200, `{"errors":["bad name"]}`), nil }, lasts: true, first: "datadog answers 200 OK: bad name"},
		{name: "elsewhere", answer: says(307, "Location", "https://thief.example/"), lasts: true, first: "datadog answers 307 Temporary Redirect: no, ****"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newIntake()
				in.behave(tt.answer)
				var mu sync.Mutex
				var told []string
				s := submitter(t, in, SubmitOptions{Report: func(err error) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, fmt.Sprint(err))
				}})
				const told60 = 60
				for range told60 {
					before := time.Now()
					for range 1000 {
						s.Count(opened, 1)
					}
					if waited := time.Since(before); waited != 0 {
						t.Fatalf("1000 counts took %s, want no time at all", waited)
					}
					pass(time.Second)
				}
				got := s.Submissions()
				if got.Failures == 0 || got.Failures != got.Requests || got.Sent != 0 || got.Sent+got.Dropped+got.Waiting != told60*1000 {
					t.Errorf("%+v, want only failures, and all %d counts accounted for", got, told60*1000)
				}
				if (got.Dropped > 0) != tt.lasts {
					t.Errorf("dropped %d, waiting %d", got.Dropped, got.Waiting)
				}
				in.behave(nil)
				pass(40 * time.Second)
				after := s.Submissions()
				if after.Waiting != 0 || after.Dropped != got.Dropped || after.Sent != got.Waiting {
					t.Errorf("%+v when the intake was back, of %+v before", after, got)
				}
				mu.Lock()
				defer mu.Unlock()
				if len(told) != 2-btoi(after.Sent == 0) || !strings.HasPrefix(told[0], tt.first) || len(told) == 2 && told[1] != "<nil>" {
					t.Errorf("reported %q, want the first failure and the end", told)
				}
				if strings.Contains(strings.Join(told, " "), keys.API) {
					t.Error("the key is in a report")
				}
			})
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTheIntakesRateLimitIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		in.behave(func(*http.Request) (*http.Response, error) {
			return respond(429, `{"errors":["Too many requests"]}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "45"), nil
		})
		s := submitter(t, in, SubmitOptions{})
		s.Count(opened, 1)
		pass(54 * time.Second)
		if n := in.requests(); n != 1 {
			t.Errorf("%d requests while the limit held, want 1", n)
		}
		in.behave(nil)
		pass(6 * time.Second)
		if got := in.values(opened); !cmp.Equal(got, []float64{1}) {
			t.Errorf("taken after the limit: %v, want 1 once", got)
		}
	})
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		in.behave(func(*http.Request) (*http.Response, error) { return respond(503, ""), nil })
		s := submitter(t, in, SubmitOptions{Queue: 3})
		for i := range 5 {
			before := time.Now()
			s.Count(fmt.Sprintf("circuit.edge%d.open", i), 2)
			if waited := time.Since(before); waited != 0 {
				t.Fatalf("a count waited %s", waited)
			}
		}
		s.Count("circuit.edge0.open", 1) // its point has its place already
		if d := cmp.Diff(Submissions{Waiting: 7, Dropped: 4}, s.Submissions()); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		pass(10 * time.Second) // the points stay in the queue
		s.Count("circuit.edge0.open", 1)
		if got := s.Submissions(); got.Dropped != 5 || got.Waiting != 7 {
			t.Errorf("%+v, want one more dropped", got)
		}
		in.behave(nil)
		pass(10 * time.Second)
		s.Count("circuit.edge4.open", 1)
		pass(10 * time.Second)
		if got := s.Submissions(); got.Sent != 8 || got.Waiting != 0 || got.Dropped != 5 {
			t.Errorf("%+v, want 8 sent and 5 dropped", got)
		}
	})
}

func TestWhatIsTooOldForTheIntakeIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		in.behave(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })
		s := submitter(t, in, SubmitOptions{})
		s.Count(opened, 1)
		pass(50 * time.Minute)
		s.Count("circuit.order.inventory.close", 1)
		if got := s.Submissions(); got.Waiting != 2 || got.Dropped != 0 {
			t.Fatalf("%+v after 50 min, want both waiting", got)
		}
		pass(10 * time.Minute)
		in.behave(nil)
		pass(10 * time.Second)
		if got := s.Submissions(); got.Sent != 1 || got.Dropped != 1 {
			t.Errorf("%+v after an hour, want the first dropped and the second sent", got)
		}
	})
}

func TestCloseSubmitsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		s := submitter(t, in, SubmitOptions{})
		s.Count(opened, 1)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := in.values(opened); !cmp.Equal(got, []float64{1}) {
			t.Errorf("taken %v, want 1", got)
		}
		s.Count(opened, 1)
		if got := s.Submissions(); got.Dropped != 1 || got.Waiting != 0 {
			t.Errorf("%+v, want what was told too late dropped", got)
		}
		if err := s.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "1 counts were not delivered") {
			t.Errorf("closed again: %v", err)
		}
	})
}

func TestCloseEndsByItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake()
		in.behave(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		s := submitter(t, in, SubmitOptions{})
		s.Count(opened, 3)
		pass(11 * time.Second) // in the middle of a submission
		s.Count("circuit.order.inventory.close", 1)
		before := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Close(ctx)
		if took := time.Since(before); took != time.Second {
			t.Errorf("Close took %s, want the 1 s it was given", took)
		}
		if err == nil || err.Error() != "datadog: 4 counts were not delivered" {
			t.Errorf("err = %v", err)
		}
		// Without a deadline of the caller's, the submissions' own ends it.
		s = submitter(t, in, SubmitOptions{Timeout: 3 * time.Second})
		s.Count(opened, 1)
		before = time.Now()
		if err := s.Close(context.Background()); err == nil {
			t.Error("no error")
		}
		if took := time.Since(before); took != 3*time.Second {
			t.Errorf("Close took %s, want the submission's 3 s", took)
		}
	})
}

func TestSubmitterOverTheNetwork(t *testing.T) {
	in := newIntake()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v2/series" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		if got := r.Header.Get("DD-API-KEY"); got != keys.API {
			t.Errorf("key %q", got)
		}
		if got := r.Header.Get("DD-APPLICATION-KEY"); got != "" {
			t.Errorf("the application key %q was sent, which submitting does not need", got)
		}
		resp, err := in.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	defer srv.Close()
	s, err := NewSubmitter(keys, SubmitOptions{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				s.Count(opened, 1)
			}
		})
	}
	wg.Wait()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := in.values(opened); !cmp.Equal(got, []float64{800}) {
		t.Errorf("taken %v, want 800", got)
	}
}

func TestSubmitterRefusesWhatWouldGiveTheKeyAway(t *testing.T) {
	if _, err := SubmitKeysFrom(func(string) string { return "" }); !errors.Is(err, ErrNoAPIKey) {
		t.Errorf("no key: %v", err)
	}
	env := map[string]string{"DD_API_KEY": "a", "DD_SITE": "datadoghq.eu"}
	if k, err := SubmitKeysFrom(func(n string) string { return env[n] }); err != nil || k != (Keys{API: "a", Site: "datadoghq.eu"}) {
		t.Errorf("keys %#v, %v", k, err)
	}
	for _, tt := range []struct{ url, site, want string }{
		{url: "http://192.0.2.1/", want: "192.0.2.1 would get the key in the clear"},
		{url: "ftp://127.0.0.1/", want: "not a URL"},
		{url: "https://user:hunter2@", want: "not a URL"},
		{site: "datadog.example", want: "is not one of"},
	} {
		s, err := NewSubmitter(Keys{API: keys.API, Site: tt.site}, SubmitOptions{URL: tt.url})
		if err == nil {
			_ = s.Close(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s%s: %v, want %q", tt.url, tt.site, err, tt.want)
		}
	}
	for _, url := range []string{"http://localhost:1", "http://[::1]:1", "http://127.0.0.1:1", "https://intake.example"} {
		s, err := NewSubmitter(keys, SubmitOptions{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		_ = s.Close(t.Context())
	}
}

func TestCountAllocatesNothing(t *testing.T) {
	s := submitter(t, newIntake(), SubmitOptions{Every: time.Hour})
	s.Count(opened, 1)
	if n := testing.AllocsPerRun(100, func() { s.Count(opened, 1) }); n != 0 {
		t.Errorf("%v allocations per count, want none", n)
	}
}
