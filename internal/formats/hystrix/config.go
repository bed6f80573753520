// Package hystrix is the configuration of Netflix's Hystrix 1.5.18 as text: the
// hystrix.command.<key>. and hystrix.threadpool.<key>. properties of a Java
// properties file, as Archaius reads it.
package hystrix

import (
	"reflect"
	"strconv"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/policy/hystrix"
)

// Config is the commands and thread pools of one file by their keys. The key
// "default" stands for all that do not say otherwise.
type Config struct {
	Commands    map[string]Command
	ThreadPools map[string]ThreadPool
}

// Default is the key that stands for all.
const Default = "default"

// Command is the properties of a command; an absent one has the library's default.
// Times are in milliseconds.
type Command struct {
	RequestVolumeThreshold   *int    `json:"circuitBreaker.requestVolumeThreshold" min:"0" max:"2147483647"`               // 20
	SleepWindow              *int    `json:"circuitBreaker.sleepWindowInMilliseconds" min:"0" max:"2147483647"`            // 5000
	ErrorThresholdPercentage *int    `json:"circuitBreaker.errorThresholdPercentage" min:"0" max:"2147483647"`             // 50
	Enabled                  *bool   `json:"circuitBreaker.enabled"`                                                       // true
	ForceOpen                *bool   `json:"circuitBreaker.forceOpen"`                                                     // false
	ForceClosed              *bool   `json:"circuitBreaker.forceClosed"`                                                   // false
	Strategy                 *Word   `json:"execution.isolation.strategy"`                                                 // THREAD
	Timeout                  *int    `json:"execution.isolation.thread.timeoutInMilliseconds" min:"1" max:"2147483647"`    // 1000
	TimeoutEnabled           *bool   `json:"execution.timeout.enabled"`                                                    // true
	InterruptOnTimeout       *bool   `json:"execution.isolation.thread.interruptOnTimeout"`                                // true
	MaxConcurrentRequests    *int    `json:"execution.isolation.semaphore.maxConcurrentRequests" min:"0" max:"2147483647"` // 10
	RollingStats             *int    `json:"metrics.rollingStats.timeInMilliseconds" min:"1" max:"2147483647"`             // 10000
	HealthSnapshot           *int    `json:"metrics.healthSnapshot.intervalInMilliseconds" min:"1" max:"2147483647"`       // 500
	ThreadPoolKeyOverride    *Anyhow `json:"threadPoolKeyOverride"`                                                        // the group's key

	// Known, but they decide nothing here.
	InterruptOnFutureCancel       *bool `json:"execution.isolation.thread.interruptOnFutureCancel"`
	FallbackEnabled               *bool `json:"fallback.enabled"`
	FallbackMaxConcurrentRequests *int  `json:"fallback.isolation.semaphore.maxConcurrentRequests" min:"0" max:"2147483647"` // 10
	NumBuckets                    *int  `json:"metrics.rollingStats.numBuckets" min:"1" max:"2147483647"`
	PercentileEnabled             *bool `json:"metrics.rollingPercentile.enabled"`
	PercentileTime                *int  `json:"metrics.rollingPercentile.timeInMilliseconds" min:"1" max:"2147483647"`
	PercentileBuckets             *int  `json:"metrics.rollingPercentile.numBuckets" min:"1" max:"2147483647"`
	PercentileBucketSize          *int  `json:"metrics.rollingPercentile.bucketSize" min:"1" max:"2147483647"`
	RequestCacheEnabled           *bool `json:"requestCache.enabled"`
	RequestLogEnabled             *bool `json:"requestLog.enabled"`
}

// ThreadPool is the properties of a pool.
type ThreadPool struct {
	CoreSize                    *int  `json:"coreSize" min:"1" max:"2147483647"`                    // 10
	MaximumSize                 *int  `json:"maximumSize" min:"1" max:"2147483647"`                 // 10
	AllowMaximumSize            *bool `json:"allowMaximumSizeToDivergeFromCoreSize"`                // false
	MaxQueueSize                *int  `json:"maxQueueSize" min:"-1" max:"2147483647"`               // -1
	QueueSizeRejectionThreshold *int  `json:"queueSizeRejectionThreshold" min:"0" max:"2147483647"` // 5

	KeepAliveTimeMinutes *int `json:"keepAliveTimeMinutes" min:"0" max:"2147483647"`
	StatsTime            *int `json:"metrics.rollingStats.timeInMilliseconds" min:"1" max:"2147483647"`
	StatsBuckets         *int `json:"metrics.rollingStats.numBuckets" min:"1" max:"2147483647"`
}

// Word is THREAD or SEMAPHORE. The library takes them in capitals only, and its
// default for anything else.
type Word string

// ReadNode takes the two.
func (w *Word) ReadNode(n *source.Node) error {
	if n.Text != hystrix.Thread && n.Text != hystrix.Semaphore {
		return n.Wrong(hystrix.Thread + " or " + hystrix.Semaphore)
	}
	*w = Word(n.Text)
	return nil
}

// Anyhow is text, also where it looks like a number.
type Anyhow string

// ReadNode takes any scalar.
func (a *Anyhow) ReadNode(n *source.Node) error {
	*a = Anyhow(n.Text)
	return nil
}

// values are the properties of a Command or ThreadPool that are there, as text, in
// the struct's order.
func values(s any) (names []string, texts map[string]string) {
	v := reflect.ValueOf(s)
	texts = map[string]string{}
	for i := range v.NumField() {
		if v.Field(i).IsNil() {
			continue
		}
		name := source.Key(v.Type().Field(i))
		names = append(names, name)
		switch f := v.Field(i).Elem(); f.Kind() {
		case reflect.Int:
			texts[name] = strconv.FormatInt(f.Int(), 10)
		case reflect.Bool:
			texts[name] = strconv.FormatBool(f.Bool())
		default:
			texts[name] = f.String()
		}
	}
	return names, texts
}

// fill is the way back, from texts that a hystrix.Params has written.
func fill(s any, texts map[string]string) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		text, ok := texts[source.Key(v.Type().Field(i))]
		if !ok {
			continue
		}
		f := reflect.New(v.Field(i).Type().Elem())
		switch f.Elem().Kind() {
		case reflect.Int:
			n, _ := strconv.Atoi(text)
			f.Elem().SetInt(int64(n))
		case reflect.Bool:
			f.Elem().SetBool(text == "true")
		default:
			f.Elem().SetString(text)
		}
		v.Field(i).Set(f)
	}
}
