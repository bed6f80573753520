package lab

import (
	"context"
	"fmt"
	"time"

	"tripcurve/services/order"
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
	); err != nil {
		return err
	}
	w := l.settings.Scenario.World
	if err := l.exec(ctx, roleShop, dbInventory,
		`CREATE TABLE stock_reservations (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sku text NOT NULL, status text NOT NULL DEFAULT 'available', reservation_id text, expires_at timestamptz)`,
		`CREATE INDEX ON stock_reservations (sku, status)`,
	); err != nil {
		return err
	}
	if err := l.exec(ctx, roleShop, dbOrders,
		`CREATE TABLE carts (id text PRIMARY KEY, user_id text, items jsonb)`,
		`CREATE TABLE orders (id text PRIMARY KEY, key text UNIQUE, reservation_id text, o jsonb)`,
	); err != nil {
		return err
	}
	if err := l.exec(ctx, roleShop, dbPayments,
		`CREATE TABLE intents (id text PRIMARY KEY, key text UNIQUE, i jsonb)`,
	); err != nil {
		return err
	}
	conn, err := c.connect(ctx, roleShop, dbInventory, "lab")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for i := range w.SKUs {
		if _, err := conn.Exec(ctx, `INSERT INTO stock_reservations (sku) SELECT $1 FROM generate_series(1, $2)`, skuName(i), w.StockPerSKU); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	shop, err := c.connect(ctx, roleShop, dbOrders, "lab")
	if err != nil {
		return err
	}
	defer func() { _ = shop.Close(ctx) }()
	for i := range carts {
		k := cart(i, w.SKUs)
		if _, err := shop.Exec(ctx, `INSERT INTO carts VALUES ($1, $2, $3)`, k.ID, k.UserID, k.Items); err != nil {
			return err
		}
	}
	for i := range knownOrders {
		o := order.Order{ID: knownOrder(i), Status: "shipped"}
		if _, err := shop.Exec(ctx, `INSERT INTO orders VALUES ($1, NULL, NULL, $2)`, o.ID, o); err != nil {
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
	if err := collect(dbOrders, `SELECT reservation_id FROM orders WHERE reservation_id IS NOT NULL`, func(id string) { named[id] = true }); err != nil {
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
