-- Granted locks on every object that somebody waits for, PostgreSQL 12 and newer.
-- $1: the pids to look at, null for all. Prepared transactions have pid 0. And
-- places in the queue of a row: who waits for a transaction at the head of one
-- shows by it which table the row is of.
with l as materialized (
       select coalesce(pid, 0) as pid, granted, mode, locktype, database, relation,
              row(locktype, database, relation, page, tuple, virtualxid,
                  transactionid, classid, objid, objsubid)::text as object
         from pg_locks)
select pid,
       locktype,
       case when relation is null then ''
            when database in (0, (select oid from pg_database where datname = current_database()))
            then relation::regclass::text
            else 'oid ' || relation end,
       object,
       mode
  from l
 where granted
   and (locktype = 'tuple'
        or object in (select object from l where not granted)
           and ($1::int[] is null or pid = any($1::int[])))
