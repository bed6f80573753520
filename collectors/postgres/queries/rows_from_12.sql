-- Rows of tables and materialized views as the last ANALYZE left them; -1 was never
-- analysed. No function here touches a table: those of sizes wait behind locks.
select n.nspname, c.relname, c.relkind::text,
       case when c.reltuples < 0 or c.reltuples = 0 and c.relpages = 0 and current_setting('server_version_num')::int < 140000
            then -1 else c.reltuples::bigint end,
       coalesce(i.inhparent, 0)::bigint, c.oid::bigint, pg_table_is_visible(c.oid)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_inherits i on i.inhrelid = c.oid and c.relispartition
where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
