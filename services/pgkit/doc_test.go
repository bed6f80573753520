package pgkit_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/inventory/pgstock"
	"tripcurve/services/order"
	"tripcurve/services/order/pgstore"
	"tripcurve/services/payment"
	"tripcurve/services/payment/pgledger"
	"tripcurve/services/payment/webhook"
	"tripcurve/services/pgkit"
	"tripcurve/services/riverqueue"
	"tripcurve/services/warehouse"
	"tripcurve/services/warehouse/pgshipments"
)

// described is one service's part of the page.
type described struct {
	Name, Package, Set, Tables string
	Migrations                 []pgkit.Migration
}

// declared are one service's statements.
type declared struct {
	Service string
	All     []statement
}

type statement struct {
	host.Statement
	Waits string
}

func statements(service string, all []host.Statement) declared {
	d := declared{Service: service}
	for _, st := range all {
		var waits []string
		for m := pglock.AccessShare; m <= pglock.AccessExclusive; m++ {
			if pglock.Conflicts(m, st.Lock) {
				waits = append(waits, m.String())
			}
		}
		d.All = append(d.All, statement{st, strings.Join(waits, ", ")})
	}
	return d
}

func describe(t *testing.T, name, pkg string, m pgkit.Migrations, all []host.Statement) described {
	t.Helper()
	files, err := m.List()
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, st := range all {
		if table := "`" + st.Table + "`"; len(tables) == 0 || tables[len(tables)-1] != table {
			tables = append(tables, table)
		}
	}
	return described{Name: name, Package: pkg, Set: m.Set, Tables: strings.Join(tables, ", "), Migrations: files}
}

// riverVersion is the one that go.mod names.
func riverVersion(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, version, found := strings.Cut(string(mod), "github.com/riverqueue/river v")
	version, _, _ = strings.Cut(version, "\n")
	if !found || version == "" {
		t.Fatal("go.mod names no version of River")
	}
	return "v" + version
}

// TestPipelinePage holds docs/pipeline.md against the code. TRIPCURVE_UPDATE=1
// writes it.
func TestPipelinePage(t *testing.T) {
	const page = "../../docs/pipeline.md"
	tmpl, err := template.ParseFiles("testdata/pipeline.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = tmpl.Execute(&b, map[string]any{
		"Services": []described{
			describe(t, "inventory", "services/inventory/pgstock", pgstock.Migrations, inventory.Statements()),
			describe(t, "order", "services/order/pgstore", pgstore.Migrations, order.Statements()),
			describe(t, "payment", "services/payment/pgledger", pgledger.Migrations, payment.Statements()),
			describe(t, "warehouse", "services/warehouse/pgshipments", pgshipments.Migrations, warehouse.Statements()),
		},
		"Statements": []declared{
			statements("inventory", inventory.Statements()), statements("order", order.Statements()),
			statements("payment", payment.Statements()), statements("warehouse", warehouse.Statements()),
			statements("order's queue, beside River's own", riverqueue.Statements()), statements("migrations, of every service", pgkit.Statements()),
		},
		"River": riverVersion(t), "QueueTables": riverqueue.Tables(), "Queue": map[string]any{
			"MaxAttempts": riverqueue.DefaultMaxAttempts, "JobTimeout": riverqueue.DefaultJobTimeout,
			"RescueAfter": riverqueue.DefaultRescueAfter, "Rescuer": riverqueue.RescuerInterval, "Lease": riverqueue.LeaderTTL,
			"Cooldown": riverqueue.DefaultFetchCooldown, "Poll": riverqueue.DefaultPoll, "Fulfillment": order.FulfillmentJob, "Checkout": order.CheckoutJob,
		},
		"Sweep": inventory.DefaultSweep, "Life": order.Life(), "Declined": order.Declined, "Header": webhook.Header, "Tolerance": webhook.Tolerance, "MigrationLockTimeout": pgkit.MigrationLockTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("TRIPCURVE_UPDATE") != "" {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatalf("%v (TRIPCURVE_UPDATE=1 writes it)", err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("%s is not what the code says (TRIPCURVE_UPDATE=1 rewrites it) (-code +page):\n%s", page, diff)
	}
}
