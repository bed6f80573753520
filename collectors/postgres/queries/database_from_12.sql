-- Counters of the database that we are connected to, PostgreSQL 12 and 13: name,
-- unit, value since the statistics began.
select v.name, v.unit, v.value::float8, d.stats_reset
  from pg_stat_database d
 cross join lateral (values
       ('commits',        '1',     d.xact_commit::numeric),
       ('rollbacks',      '1',     d.xact_rollback),
       ('deadlocks',      '1',     d.deadlocks),
       ('conflicts',      '1',     d.conflicts),
       ('temp_written',   'bytes', d.temp_bytes),
       ('blocks_read',    '1',     d.blks_read),
       ('blocks_hit',     '1',     d.blks_hit)) as v(name, unit, value)
 where d.datname = current_database()
