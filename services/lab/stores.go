package lab

import (
	"context"
	"errors"

	"tripcurve/internal/policy"
	"tripcurve/services/host"
	"tripcurve/services/inventory/pgstock"
	"tripcurve/services/order/pgstore"
	"tripcurve/services/payment/pgledger"
	"tripcurve/services/pgkit"
)

// edgePostgres is the edge between inventory and its database: what becomes of a
// statement whose caller has gone.
const edgePostgres = "inventory.postgres"

// spareConnections are what the services have whose pools are not the matter.
const spareConnections = 10

// database opens the service's own.
func (p *server) database(ctx context.Context, connections int, cancel policy.Cancel) (*pgkit.DB, error) {
	db, err := openDatabase(p.orders.DSN, p.name, connections, p.clock, cancel)
	if err != nil {
		return nil, err
	}
	p.onClose(db.Close)
	p.check = db.Pool().Ping
	ctx, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	return db, db.Pool().Ping(ctx)
}

func openDatabase(dsn, application string, connections int, clock host.Clock, cancel policy.Cancel) (*pgkit.DB, error) {
	db, err := pgkit.Open(dsn, pgkit.Options{Application: application, PoolSize: connections, Clock: clock, Cancel: cancel})
	if err != nil {
		return nil, errors.New("the connection string of its database cannot be read") // the cause may show the password
	}
	return db, nil
}

func (p *server) stock(ctx context.Context) (*pgstock.Stock, error) {
	db, err := p.database(ctx, p.orders.World.PoolSize, p.orders.Edges[edgePostgres].Cancel)
	if err != nil {
		return nil, err
	}
	return pgstock.New(db, p.clock, host.CryptoRand), nil
}

func (p *server) store(ctx context.Context) (*pgstore.Store, error) {
	db, err := p.database(ctx, spareConnections, policy.Detach)
	if err != nil {
		return nil, err
	}
	return pgstore.New(db), nil
}

func (p *server) ledger(ctx context.Context) (*pgledger.Ledger, error) {
	db, err := p.database(ctx, spareConnections, policy.Detach)
	if err != nil {
		return nil, err
	}
	return pgledger.New(db), nil
}
