-- Which cluster this is, PostgreSQL 12 and newer: two servers that were copied from
-- each other have the same identifier, and a promoted one has a newer timeline.
select s.system_identifier::text, c.timeline_id
  from pg_control_system() s
 cross join pg_control_checkpoint() c
