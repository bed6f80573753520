package lab

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/inventory"
	"tripcurve/services/order"
	"tripcurve/services/payment"
)

// pool connects to a service's database.
func (p *server) pool(ctx context.Context, size int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(p.orders.DSN)
	if err != nil {
		return nil, errors.New("its database's connection string cannot be read") // the cause would show it
	}
	cfg.MaxConns = int32(size)
	cfg.ConnConfig.ConnectTimeout = dialTimeout
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, err
	}
	p.onClose(pool.Close)
	return pool, pool.Ping(ctx)
}

type stockStore struct {
	inventory.Stock
	pool   *pgxpool.Pool
	cancel policy.Cancel
}

func (p *server) stock(ctx context.Context) (inventory.Stock, error) {
	pool, err := p.pool(ctx, p.orders.World.PoolSize)
	return stockStore{pool: pool, cancel: p.orders.Edges["inventory.postgres"].Cancel}, err
}

func (s stockStore) own(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.cancel == policy.Propagate {
		return ctx, func() {}
	}
	own := context.WithoutCancel(ctx)
	if at, ok := ctx.Deadline(); ok {
		return context.WithDeadline(own, at)
	}
	return own, func() {}
}

func (s stockStore) Reserve(ctx context.Context, items []inventory.Item, ttl time.Duration) (inventory.Reservation, error) {
	ctx, cancel := s.own(ctx)
	defer cancel()
	r := inventory.Reservation{ID: host.Rand(host.CryptoRand).ID("res_"), ExpiresAt: time.Now().UTC().Add(ttl)}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, it := range items {
			rows, err := tx.Query(ctx, inventory.ReserveSelect.SQL, it.SKU, it.Qty)
			if err != nil {
				return err
			}
			ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err != nil {
				return err
			}
			if len(ids) < it.Qty {
				return inventory.ErrOutOfStock
			}
			if _, err := tx.Exec(ctx, inventory.ReserveUpdate.SQL, r.ID, r.ExpiresAt, ids); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

func (s stockStore) Available(ctx context.Context, sku string) (int, error) {
	ctx, cancel := s.own(ctx)
	defer cancel()
	var free, all int
	err := s.pool.QueryRow(ctx, inventory.AvailableSelect.SQL, sku).Scan(&free, &all)
	if err == nil && all == 0 {
		err = inventory.ErrUnknownSKU
	}
	return free, err
}

type orderStore struct {
	order.Store
	pool *pgxpool.Pool
}

func (p *server) store(ctx context.Context) (order.Store, error) {
	pool, err := p.pool(ctx, 10)
	return orderStore{pool: pool}, err
}

func (s orderStore) Cart(ctx context.Context, id string) (order.Cart, error) {
	c := order.Cart{ID: id}
	err := s.pool.QueryRow(ctx, `SELECT user_id, items FROM carts WHERE id = $1`, id).Scan(&c.UserID, &c.Items)
	if errors.Is(err, pgx.ErrNoRows) {
		err = order.ErrNoCart
	}
	return c, err
}

func (s orderStore) read(ctx context.Context, where string, v string) (order.Order, error) {
	var o order.Order
	err := s.pool.QueryRow(ctx, `SELECT o FROM orders WHERE `+where+` = $1`, v).Scan(&o)
	if errors.Is(err, pgx.ErrNoRows) {
		err = order.ErrNoOrder
	}
	return o, err
}

func (s orderStore) ByKey(ctx context.Context, key string) (order.Order, error) {
	return s.read(ctx, "key", key)
}

func (s orderStore) Order(ctx context.Context, id string) (order.Order, error) {
	return s.read(ctx, "id", id)
}

func (s orderStore) Create(ctx context.Context, o order.Order) (order.Order, error) {
	tag, err := s.pool.Exec(ctx, `INSERT INTO orders VALUES ($1, nullif($2, ''), $3, $4) ON CONFLICT (key) DO NOTHING`, o.ID, o.Key, o.ReservationID, o)
	if err == nil && tag.RowsAffected() == 0 {
		return s.ByKey(ctx, o.Key)
	}
	return o, err
}

type ledgerStore struct {
	payment.Ledger
	pool *pgxpool.Pool
}

func (p *server) ledger(ctx context.Context) (payment.Ledger, error) {
	pool, err := p.pool(ctx, 10)
	return ledgerStore{pool: pool}, err
}

func (s ledgerStore) CreateIntent(ctx context.Context, in payment.Intent) (payment.Intent, error) {
	_, err := s.pool.Exec(ctx, `INSERT INTO intents VALUES ($1, nullif($2, ''), $3) ON CONFLICT DO NOTHING`, in.ID, in.Key, in)
	return in, err
}
