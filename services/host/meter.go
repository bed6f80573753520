package host

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// MemoryMeter keeps what it is told in memory. It is safe for concurrent use.
type MemoryMeter struct {
	mu        sync.Mutex
	counts    map[string]int64
	durations map[string]Distribution
}

// Distribution is the summary of the durations observed under one name.
type Distribution struct {
	Count    int64
	Sum, Max time.Duration
}

// NewMemoryMeter is an empty meter.
func NewMemoryMeter() *MemoryMeter {
	return &MemoryMeter{counts: map[string]int64{}, durations: map[string]Distribution{}}
}

// seriesName is name{key=value,...}, so that one map holds all series.
func seriesName(name string, labels []string) string {
	if len(labels) < 2 {
		return name
	}
	var b strings.Builder
	b.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(labels[i])
		b.WriteByte('=')
		b.WriteString(labels[i+1])
	}
	b.WriteByte('}')
	return b.String()
}

// Count adds n to a counter.
func (m *MemoryMeter) Count(name string, n int64, labels ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[seriesName(name, labels)] += n
}

// Observe adds one duration to a distribution.
func (m *MemoryMeter) Observe(name string, d time.Duration, labels ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := seriesName(name, labels)
	dist := m.durations[key]
	dist.Count++
	dist.Sum += d
	dist.Max = max(dist.Max, d)
	m.durations[key] = dist
}

// Counter is the value of one counter; 0 when it was never counted.
func (m *MemoryMeter) Counter(name string, labels ...string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[seriesName(name, labels)]
}

// Durations is the summary of one distribution.
func (m *MemoryMeter) Durations(name string, labels ...string) Distribution {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.durations[seriesName(name, labels)]
}

// Counters names every counter so far, sorted, as name{key=value,...}.
func (m *MemoryMeter) Counters() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.counts))
	for name := range m.counts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
