-- Sessions with the lock that each waits for, PostgreSQL 14 and newer.
-- $1: ask pg_blocking_pids for each waiter; its cost grows with the square of a
-- queue, so that it is null also when many wait.
select clock_timestamp(),
       pg_postmaster_start_time(),
       a.pid,
       a.leader_pid,
       coalesce(a.usename::text, ''),
       coalesce(a.datname::text, ''),
       coalesce(a.application_name, ''),
       case when a.client_addr is not null then host(a.client_addr) || ':' || a.client_port
            when a.client_port = -1 then 'local'
            else '' end,
       coalesce(a.backend_type, ''),
       coalesce(a.state, ''),
       coalesce(a.wait_event_type, ''),
       coalesce(a.wait_event, ''),
       a.backend_start,
       a.xact_start,
       a.query_start,
       a.state_change,
       left(coalesce(a.query, ''), 4000),
       w.locktype,
       case when w.relation is null then ''
            when w.database in (0, (select oid from pg_database where datname = current_database()))
            then w.relation::regclass::text
            else 'oid ' || w.relation end,
       case when w.pid is not null
            then row(w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid,
                     w.transactionid, w.classid, w.objid, w.objsubid)::text
            end,
       w.mode,
       w.waitstart,
       case when $1 and w.pid is not null and (select count(*) from pg_locks where not granted) <= 200
            then pg_blocking_pids(a.pid)
            end
  from pg_stat_activity a
  left join pg_locks w on w.pid = a.pid and not w.granted
 where a.pid <> pg_backend_pid()
