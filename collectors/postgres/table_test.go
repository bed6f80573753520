package postgres

import "testing"

func TestOnlyTable(t *testing.T) {
	for sql, want := range map[string]string{
		"update stock_reservations set sku = 'a, b' where id = 1":                            "stock_reservations",
		"UPDATE ONLY public.\"Stock\" SET a = 1":                                             "public.Stock",
		"insert into orders (id, at) values ($1, now())":                                     "orders",
		"insert into orders select * from carts":                                             "",
		"delete from carts where id = $1":                                                    "carts",
		"delete from carts using orders where carts.id = orders.cart":                        "",
		"select count(*) from audit":                                                         "audit",
		"select id from stock as s where sku = $1 for update skip locked":                    "stock",
		"select * from a, b":                                                                 "",
		"select * from a x, b y":                                                             "",
		"select * from a join b using (id)":                                                  "",
		"select extract(epoch from at) from a":                                               "",
		"SELECT 1 FROM ONLY \"public\".\"customers\" x WHERE \"id\" = $1 FOR KEY SHARE OF x": "public.customers",
		"copy orders from stdin":                                                             "orders",
		"with x as (select 1) update a set b = 1":                                            "",
		"/* from b */ select 1 -- from c":                                                    "",
		"select 'x from y' from z":                                                           "z",
		"":                                                                                   "",
	} {
		if got := OnlyTable(sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

func FuzzOnlyTable(f *testing.F) {
	f.Add("select a from \"b\" where c in (select $x$ ' $x$)")
	f.Fuzz(func(_ *testing.T, sql string) {
		OnlyTable(sql) // it ends, and does not panic
	})
}
