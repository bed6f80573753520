-- Granted locks on every object that somebody waits for, PostgreSQL 12 and newer.
-- $1: the pids to look at, null for all. Prepared transactions have pid 0. And
-- places in the queue of a row: who waits for a transaction at the head of one
-- shows by it which table the row is of.
-- What an object is can only be compared as text; that of few rows is made.
with l as materialized (select * from pg_locks),
     w as materialized (
       select locktype, relation,
              row(locktype, database, relation, page, tuple, virtualxid,
                  transactionid, classid, objid, objsubid)::text as object
         from l
        where not granted)
select coalesce(pid, 0),
       locktype,
       case when relation is null then ''
            when database in (0, (select oid from pg_database where datname = current_database()))
            then relation::regclass::text
            else 'oid ' || relation end,
       object,
       mode
  from l
 cross join lateral (select row(locktype, database, relation, page, tuple, virtualxid,
                                transactionid, classid, objid, objsubid)::text as object) as o
 where granted
   and (locktype = 'tuple'
        or locktype in (select locktype from w)
           and (relation is null or relation in (select relation from w))
           and ($1::int[] is null or coalesce(pid, 0) = any($1::int[]))
           and object in (select object from w))
