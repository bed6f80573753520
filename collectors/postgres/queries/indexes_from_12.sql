-- Index builds under way, PostgreSQL 12 and newer: how much of its present phase is
-- done. A phase has a share of its own, so there is none of the whole. Those of
-- other users have no phase for a role without rights.
select p.pid,
       p.command,
       p.phase,
       case when p.datname = current_database() then p.relid::regclass::text else 'oid ' || p.relid end,
       coalesce(case when p.blocks_total > 0 then p.blocks_done::float8 / p.blocks_total
                     when p.tuples_total > 0 then p.tuples_done::float8 / p.tuples_total
                     when p.lockers_total > 0 then p.lockers_done::float8 / p.lockers_total
                     end, 0)
  from pg_stat_progress_create_index p
 where p.phase is not null
 order by p.pid
