-- Who blocks a few given sessions, PostgreSQL 12 and newer.
-- $1: their pids.
select pid, pg_blocking_pids(pid)
  from unnest($1::int[]) as pid
