package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/inventory/pgstock"
	"tripcurve/services/order"
	"tripcurve/services/order/pgstore"
	"tripcurve/services/payment/pgledger"
	"tripcurve/services/pgkit"
	"tripcurve/services/riverqueue"
	"tripcurve/services/warehouse/pgshipments"
)

// fillTimeout bounds what is done to the databases before the services start.
const fillTimeout = 60 * time.Second

const (
	carts       = 512 // that customers come with, again and again
	knownOrders = 256 // orders from before, which customers look up
)

func skuName(i int) string {
	if i == 0 {
		return "WH-1000XM5"
	}
	return fmt.Sprintf("SKU-%03d", i)
}

func cartID(i int) string     { return fmt.Sprintf("cart_%06x", i+1) }
func knownOrder(i int) string { return fmt.Sprintf("ord_%012x", i+1) }

// cart of a number: one to three lines of one or two pieces.
func cart(i, skus int) order.Cart {
	c := order.Cart{ID: cartID(i), UserID: fmt.Sprintf("usr_%06x", i+1)}
	for line := range 1 + i%3 {
		sku := (i + line) % skus
		it := order.Item{SKU: skuName(sku), Qty: 1 + (i/3+line)%2, PriceCents: 1999 + 1100*int64(sku)}
		if sku == 0 {
			it.PriceCents = 34999
		}
		c.Items = append(c.Items, it)
	}
	return c
}

func (sc Scenario) cartCents(i int) (cents int64) {
	for _, it := range cart(i, sc.World.SKUs).Items {
		cents += int64(it.Qty) * it.PriceCents
	}
	return cents
}

// fill makes the roles, the databases, their tables and what is in them.
func (l *Lab) fill(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	c := l.settings.Cluster
	if err := l.exec(ctx, superuser, "postgres",
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", roleShop, c.Password),
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE %s", roleMigrator, c.Password, roleShop),
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE pg_monitor", roleMonitor, c.Password),
		"CREATE DATABASE "+dbInventory+" OWNER "+roleShop,
		"CREATE DATABASE "+dbOrders+" OWNER "+roleShop,
		"CREATE DATABASE "+dbPayments+" OWNER "+roleShop,
		"CREATE DATABASE "+dbShipments+" OWNER "+roleShop,
	); err != nil {
		return err
	}
	clock := host.NewWallClock()
	defer clock.Close()
	return errors.Join(
		l.fillDatabase(ctx, clock, dbInventory, pgstock.Migrations, l.fillStock),
		l.fillDatabase(ctx, clock, dbOrders, pgstore.Migrations, l.fillOrders),
		l.fillDatabase(ctx, clock, dbPayments, pgledger.Migrations, empty),
		l.fillDatabase(ctx, clock, dbShipments, pgshipments.Migrations, empty),
	)
}

// fillDatabase makes the tables of one database as its service has them, and what
// is in them.
func (l *Lab) fillDatabase(ctx context.Context, clock host.Clock, name string, m pgkit.Migrations, fill func(context.Context, *pgkit.DB, host.Clock) error) error {
	db, err := openDatabase(l.settings.Cluster.dsn(roleShop, name, ""), "lab", 1, clock, policy.Propagate)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Migrate(ctx, m); err != nil {
		return err
	}
	if err := fill(ctx, db, clock); err != nil {
		return fmt.Errorf("fill %s: %w", name, err)
	}
	_, err = db.Pool().Exec(ctx, "ANALYZE")
	return err
}

func empty(context.Context, *pgkit.DB, host.Clock) error { return nil }

func (l *Lab) fillStock(ctx context.Context, db *pgkit.DB, clock host.Clock) error {
	stock := pgstock.New(db, clock, host.CryptoRand)
	for i := range l.settings.Scenario.World.SKUs {
		if err := stock.Add(ctx, skuName(i), l.settings.Scenario.World.StockPerSKU); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) fillOrders(ctx context.Context, db *pgkit.DB, _ host.Clock) error {
	if err := riverqueue.Migrate(ctx, db); err != nil {
		return err
	}
	store := pgstore.New(db)
	if m := l.settings.Scenario.Checkout; m != "" {
		if err := store.SetCheckouts(ctx, order.Checkouts{Mode: m}, nil); err != nil {
			return err
		}
	}
	for i := range carts {
		if err := store.SaveCart(ctx, cart(i, l.settings.Scenario.World.SKUs)); err != nil {
			return err
		}
	}
	for i := range knownOrders {
		c := cart(i, l.settings.Scenario.World.SKUs)
		_, err := store.Create(ctx, order.Order{
			ID: knownOrder(i), CartID: c.ID, UserID: c.UserID, Items: c.Items, Status: order.Shipped,
			TotalCents: l.settings.Scenario.cartCents(i), TrackingNumber: "1Z" + knownOrder(i),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) exec(ctx context.Context, role, database string, statements ...string) error {
	conn, err := l.settings.Cluster.connect(ctx, role, database, "lab")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// orphans counts the reservations that no order names: their callers never learnt
// of them.
func (l *Lab) orphans(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	named := map[string]bool{}
	collect := func(database, sql string, each func(string)) error {
		conn, err := l.settings.Cluster.connect(ctx, roleShop, database, "lab")
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			each(id)
		}
		return rows.Err()
	}
	if err := collect(dbOrders, `SELECT reservation_id FROM orders WHERE reservation_id <> ''`, func(id string) { named[id] = true }); err != nil {
		return 0, err
	}
	n := 0
	err := collect(dbInventory, `SELECT DISTINCT reservation_id FROM stock_reservations WHERE status = 'reserved'`, func(id string) {
		if !named[id] {
			n++
		}
	})
	return n, err
}
