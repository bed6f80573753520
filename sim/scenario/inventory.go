package scenario

import (
	"context"
	"fmt"

	"tripcurve/services/inventory"
	"tripcurve/services/pb"
	"tripcurve/sim/world"
)

// inventories is the replicas of the inventory service, which share its database.
type inventories struct{ replicas []*inventoryReplica }

// inventoryReplica is one of them: a process with a connection pool of its own.
type inventoryReplica struct {
	name    string // empty where it is the only one
	service *world.Service
	db      *world.Database
}

// open starts them.
func (v *inventories) open(r *run) error {
	for i := range r.sc.World.Inventories() {
		one := &inventoryReplica{db: r.db}
		if r.sc.World.Inventories() > 1 {
			one.name = fmt.Sprint("inventory-", i+1)
		}
		if i > 0 {
			one.db = r.db.Another(r.sc.World.PoolSize, "inventory")
		}
		if err := one.open(r); err != nil {
			return err
		}
		v.replicas = append(v.replicas, one)
	}
	return nil
}

func (o *inventoryReplica) open(r *run) (err error) {
	name, stock := o.name, r.stock.Behind(o.db)
	if name == "" {
		name = "inventory"
	}
	o.service, err = r.w.AddService(name, func(s *world.Service) error {
		i := inventory.New(inventory.Config{Stock: stock, Meter: r.meter, TTL: r.sc.World.ReservationTTL})
		pb.RegisterInventoryServer(s, i)
		if every := r.sc.World.Sweep; every > 0 {
			s.Go(func(ctx context.Context) { _ = i.RunSweeper(ctx, s.Clock(), every) }) // until the service dies
		}
		return nil
	})
	if slows(r.sc, "inventory") {
		o.db.RunAt(o.service.Pace())
	}
	return err
}

// dial connects a service to every replica.
func (v *inventories) dial(r *run, from *world.Service, o world.ConnOptions) []*world.Conn {
	var conns []*world.Conn
	o.Eager = len(v.replicas) > 1
	for _, one := range v.replicas {
		to := o
		if one.name != "" {
			to.Edge += " to " + one.name
		}
		conns = append(conns, r.w.Dial(from, one.service, to))
	}
	return conns
}

// inUse is how many connections of the pools are.
func (v *inventories) inUse() (n int) {
	for _, one := range v.replicas {
		n += one.db.Pool.Used()
	}
	return n
}

// calls is how many calls of a method reached any of them.
func (v *inventories) calls(method string) (n int) {
	for _, one := range v.replicas {
		n += one.service.Calls(method)
	}
	return n
}

// watch notes when a pool is full.
func (v *inventories) watch(r *run) {
	for _, one := range v.replicas {
		one.db.Pool.OnFull = func() { r.poolFull(one) }
	}
}
