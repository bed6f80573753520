-- Counters of the database that we are connected to, PostgreSQL 14 and newer: name,
-- unit, value since the statistics began.
select v.name, v.unit, v.value::float8, d.stats_reset
  from pg_stat_database d
 cross join lateral (values
       ('commits',             '1',     d.xact_commit::numeric),
       ('rollbacks',           '1',     d.xact_rollback),
       ('deadlocks',           '1',     d.deadlocks),
       ('conflicts',           '1',     d.conflicts),
       ('temp_written',        'bytes', d.temp_bytes),
       ('blocks_read',         '1',     d.blks_read),
       ('blocks_hit',          '1',     d.blks_hit),
       ('sessions',            '1',     d.sessions),
       ('sessions_abandoned',  '1',     d.sessions_abandoned),
       ('sessions_fatal',      '1',     d.sessions_fatal),
       ('sessions_killed',     '1',     d.sessions_killed),
       ('active',              'ms',    d.active_time::numeric),
       ('idle_in_transaction', 'ms',    d.idle_in_transaction_time::numeric)) as v(name, unit, value)
 where d.datname = current_database()
