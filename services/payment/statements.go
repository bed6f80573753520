package payment

import (
	"tripcurve/internal/pglock"
	"tripcurve/services/host"
)

const (
	intents = "payment_intents"
	// columns are those of an intent as they are read.
	columns = `id, idempotency_key, client_secret, amount_cents, currency, reservation_id, event_id, paid_at`
)

// What the service does to its database, declared once.
var (
	// IntentInsert stores an intent unless its idempotency key has one. It waits for
	// an intent of the same key whose transaction is under way.
	IntentInsert = host.Statement{
		Name: "intent_insert",
		SQL: `INSERT INTO payment_intents (id, idempotency_key, client_secret, amount_cents, currency, reservation_id)
VALUES ($1, nullif($2, ''), $3, $4, $5, $6) ON CONFLICT (idempotency_key) DO NOTHING`,
		Table: intents, Lock: pglock.RowExclusive,
	}
	// IntentByKey reads the intent of an idempotency key.
	IntentByKey = host.Statement{
		Name:  "intent_by_key",
		SQL:   `SELECT ` + columns + ` FROM payment_intents WHERE idempotency_key = $1`,
		Table: intents, Lock: pglock.AccessShare,
	}
	// IntentSelect reads one intent.
	IntentSelect = host.Statement{
		Name:  "intent_select",
		SQL:   `SELECT ` + columns + ` FROM payment_intents WHERE id = $1`,
		Table: intents, Lock: pglock.AccessShare,
	}
	// IntentSucceed notes that an intent is paid, unless it was before.
	IntentSucceed = host.Statement{
		Name:  "intent_succeed",
		SQL:   `UPDATE payment_intents SET event_id = $2, paid_at = $3 WHERE id = $1 AND paid_at IS NULL`,
		Table: intents, Lock: pglock.RowExclusive,
	}
	// IntentUnsent finds the events that the shop has not taken yet.
	IntentUnsent = host.Statement{
		Name: "intent_unsent",
		SQL: `SELECT ` + columns + ` FROM payment_intents WHERE paid_at IS NOT NULL AND NOT event_taken
ORDER BY event_tries, paid_at, id LIMIT $1`,
		Table: intents, Lock: pglock.AccessShare,
	}
	// IntentTried notes one attempt to tell the shop.
	IntentTried = host.Statement{
		Name:  "intent_tried",
		SQL:   `UPDATE payment_intents SET event_tries = event_tries + 1, event_taken = event_taken OR $2 WHERE id = $1`,
		Table: intents, Lock: pglock.RowExclusive,
	}
)

// Statements are all of the service's.
func Statements() []host.Statement {
	return []host.Statement{IntentInsert, IntentByKey, IntentSelect, IntentSucceed, IntentUnsent, IntentTried}
}
