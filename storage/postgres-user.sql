/*
  What the user of this connection may do that a node need not: one row of booleans.
  A role that may become another has that one's rights, so what counts is every role it may use.
*/
with mine as (
  select r.* from pg_roles r where pg_has_role(current_user, r.oid, 'usage')
), tables as (
  select c.oid, c.relowner, c.relname from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
)
select
  (select bool_or(rolsuper) from mine) as superuser,
  (select bool_or(rolcreaterole) from mine) as roles,
  (select bool_or(rolcreatedb) from mine) or has_database_privilege(current_database(), 'create') as databases,
  (select bool_or(rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) from mine)
    as files,
  has_schema_privilege('public', 'create') or exists (select from tables where pg_has_role(relowner, 'usage')) as ddl,
  exists (select from tables where has_table_privilege(oid, 'truncate')) as truncate,
  exists (select from tables where relname = 'migrations' and has_table_privilege(oid, 'insert, update, delete')) as notes
