-- Settings that decide how an incident goes, PostgreSQL 12 and newer; those that a
-- version does not have are absent. reset_val is what a new session of our role
-- gets: our own sessions have timeouts of their own.
select s.name, coalesce(s.reset_val, ''), coalesce(s.unit, '')
  from pg_settings s
 where s.name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections', 'statement_timeout', 'lock_timeout',
                  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout', 'deadlock_timeout',
                  'log_lock_waits', 'log_min_duration_statement', 'client_connection_check_interval', 'max_prepared_transactions',
                  'max_locks_per_transaction', 'track_activity_query_size')
 order by s.name
