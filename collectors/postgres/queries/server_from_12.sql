-- What the collector must know of the server and of its own rights, PostgreSQL 12
-- and newer. A pooler may have swallowed the settings of the start-up message; it
-- gives us a process number that is not the server's.
select current_setting('server_version_num')::int,
       current_setting('server_version'),
       pg_has_role('pg_read_all_stats', 'usage'),
       current_setting('statement_timeout') <> '0'
       and current_setting('default_transaction_read_only') = 'on',
       pg_backend_pid(),
       pg_is_in_recovery()
