package file

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/pglock"
	"tripcurve/internal/policy"
	"tripcurve/sim"
	"tripcurve/sim/pipeline"
)

type services []pipeline.Service

type service struct {
	Replicas  int       `json:"replicas" min:"1"`
	Workers   size      `json:"workers"`
	Backlog   backlog   `json:"backlog"`
	Balance   balance   `json:"balance"`
	Pools     pools     `json:"pools"`
	Queues    queues    `json:"queues"`
	Endpoints endpoints `json:"endpoints"`
}

func (s *services) ReadNode(n *source.Node) error {
	return eachMember(n, "a mapping from services to what they are like", func(m source.Member) error {
		v := service{Replicas: 1, Workers: pipeline.Unbounded, Backlog: pipeline.Unbounded}
		if err := (source.Decoder{}).Decode(m.Value, &v); err != nil {
			return err
		}
		if at, ok := m.Value.Get("backlog"); ok && v.Workers == pipeline.Unbounded {
			return at.Errorf("workers beside it", "a backlog where workers are unlimited, so that nobody waits for one")
		}
		*s = append(*s, pipeline.Service{
			Name: m.Key, Replicas: v.Replicas, Workers: max(int(v.Workers), 0), Backlog: int(v.Backlog), Balance: sim.Balance(v.Balance),
			Pools: v.Pools, Queues: v.Queues, Endpoints: v.Endpoints,
		})
		return nil
	})
}

type balance sim.Balance

func (b *balance) ReadNode(n *source.Node) error {
	i, err := choice(n, sim.BalanceNames()...)
	*b = balance(i)
	return err
}

type pools []pipeline.Pool

func (p *pools) ReadNode(n *source.Node) error {
	return eachMember(n, "a mapping from pools to what they are like", func(m source.Member) error {
		var v struct {
			Size             size     `json:"size"`
			Database         string   `json:"database"`
			MaxWait          duration `json:"max_wait"`
			StatementTimeout duration `json:"statement_timeout"`
			LockTimeout      duration `json:"lock_timeout"`
		}
		if err := (source.Decoder{}).Decode(m.Value, &v); err != nil {
			return err
		}
		if v.Size == 0 {
			return m.Value.Errorf("size", "a pool without a size")
		}
		if at, ok := m.Value.Get("max_wait"); ok && v.Size == pipeline.Unbounded {
			return at.Errorf("a size beside it", "max_wait of an unlimited pool, so that nobody waits for a connection")
		}
		*p = append(*p, pipeline.Pool{
			Name: m.Key, Size: int(v.Size), Database: v.Database, MaxWait: time.Duration(v.MaxWait),
			StatementTimeout: time.Duration(v.StatementTimeout), LockTimeout: time.Duration(v.LockTimeout),
		})
		return nil
	})
}

type queues []pipeline.Queue

func (q *queues) ReadNode(n *source.Node) error {
	return eachMember(n, "a mapping from queues to what they are like", func(m source.Member) error {
		v := struct {
			To       string   `json:"to"`
			Workers  int      `json:"workers" min:"1"`
			Delay    dist     `json:"delay"`
			Attempts int      `json:"attempts" min:"1" max:"1000"`
			Backoff  duration `json:"backoff"`
		}{Workers: 1, Attempts: 1}
		if err := (source.Decoder{}).Decode(m.Value, &v); err != nil {
			return err
		}
		if err := idleBackoff(m.Value); err != nil {
			return err
		}
		*q = append(*q, pipeline.Queue{Name: m.Key, To: v.To, Workers: v.Workers, Delay: v.Delay.Dist, Attempts: v.Attempts, Backoff: time.Duration(v.Backoff)})
		return nil
	})
}

type endpoints []pipeline.Endpoint

func (e *endpoints) ReadNode(n *source.Node) error {
	return eachMember(n, "a mapping from endpoints to their steps", func(m source.Member) error {
		var s steps
		if err := s.ReadNode(m.Value); err != nil {
			return err
		}
		*e = append(*e, pipeline.Endpoint{Name: m.Key, Steps: s})
		return nil
	})
}

type steps []pipeline.Step

func (s *steps) ReadNode(n *source.Node) error {
	if n.Kind != source.List {
		return n.Wrong("a list of steps")
	}
	for _, item := range n.Items {
		st, err := readStep(item)
		if err != nil {
			return err
		}
		*s = append(*s, st)
	}
	return nil
}

var (
	stepKinds   = []string{"call", "work", "lock", "query", "enqueue"}
	stepOptions = []string{"share", "when", "repeat"}
)

// readStep reads one step: its kind with what belongs to it, and beside it what
// every step can have.
func readStep(n *source.Node) (pipeline.Step, error) {
	st := pipeline.Step{Share: 1}
	if n.Kind != source.Map {
		return st, n.Wrong("a step: one of " + strings.Join(stepKinds, ", "))
	}
	kind := ""
	for _, m := range n.Members {
		switch {
		case slices.Contains(stepKinds, m.Key):
			if kind != "" {
				return st, m.Wrong(fmt.Sprintf("found %s beside %s, expected one step for every item of the list", m.Key, kind))
			}
			kind = m.Key
			if err := readKind(&st, m); err != nil {
				return st, err
			}
		case m.Key == "share":
			var v share
			if err := v.ReadNode(m.Value); err != nil {
				return st, err
			}
			st.Share = float64(v)
		case m.Key == "when":
			i, err := choice(m.Value, "always", "ok", "failed")
			if err != nil {
				return st, err
			}
			st.When = pipeline.When(i)
		case m.Key == "repeat":
			if m.Value.Kind == source.String && m.Value.Text == "size" {
				st.BySize = true
				continue
			}
			v, err := strconv.Atoi(m.Value.Text)
			if m.Value.Kind != source.Number || err != nil || v < 1 {
				return st, m.Value.Wrong("a whole number from 1, or size")
			}
			st.Repeat = v
		default:
			return st, m.Wrong(policy.Unknown("step or key of one", m.Key, append(slices.Clone(stepKinds), stepOptions...)).Error())
		}
	}
	if kind == "" {
		return st, n.Errorf("one of "+strings.Join(stepKinds, ", "), "a step that does nothing")
	}
	return st, nil
}

func readKind(st *pipeline.Step, m source.Member) error {
	switch m.Key {
	case "call":
		st.Kind = pipeline.Call
		return readCall(st, m.Value)
	case "work":
		st.Kind = pipeline.Work
		var d dist
		err := d.ReadNode(m.Value)
		st.Time = d.Dist
		return err
	case "enqueue":
		st.Kind = pipeline.Enqueue
		if m.Value.Kind != source.String {
			return m.Value.Wrong("the name of a queue")
		}
		st.Queue = m.Value.Text
		return nil
	case "query":
		st.Kind = pipeline.Query
		var v query
		if err := (source.Decoder{}).Decode(m.Value, &v); err != nil {
			return err
		}
		if _, given := m.Value.Get("time"); !given {
			return m.Value.Errorf("time", "a query that takes no time")
		}
		st.Pool, st.Table, st.Mode, st.Rows, st.Time = v.Pool, v.Table, pglock.Mode(v.Mode), v.Rows, v.Time.Dist
		return nil
	default:
		st.Kind = pipeline.Lock
		var v lock
		if err := (source.Decoder{}).Decode(m.Value, &v); err != nil {
			return err
		}
		st.Pool, st.Table, st.Mode, st.Rows, st.Steps = v.Pool, v.Table, pglock.Mode(v.Mode), v.Rows, v.Steps
		return nil
	}
}

type query struct {
	Pool  string `json:"pool"`
	Time  dist   `json:"time"`
	Table string `json:"table"`
	Mode  mode   `json:"mode"`
	Rows  int    `json:"rows" min:"1"`
}

type lock struct {
	Pool  string `json:"pool"`
	Table string `json:"table"`
	Mode  mode   `json:"mode"`
	Rows  int    `json:"rows" min:"1"`
	Steps steps  `json:"steps"`
}

func readCall(st *pipeline.Step, n *source.Node) error {
	if n.Kind == source.String {
		st.To = n.Text
		return nil
	}
	var v struct {
		To      string  `json:"to"`
		Edge    string  `json:"edge"`
		FanOut  int     `json:"fan_out" min:"1"`
		Need    int     `json:"need" min:"1"`
		OnError onError `json:"on_error"`
	}
	if err := (source.Decoder{}).Decode(n, &v); err != nil {
		return err
	}
	st.To, st.Edge, st.FanOut, st.Need, st.OnError = v.To, v.Edge, v.FanOut, v.Need, pipeline.OnError(v.OnError)
	return nil
}

type onError pipeline.OnError

func (o *onError) ReadNode(n *source.Node) error {
	i, err := choice(n, "fail", "continue")
	*o = onError(i)
	return err
}
