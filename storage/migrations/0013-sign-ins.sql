/*
  One row for a sign-in, however often its refresh token was rotated. Only a hash is kept, of the one token that is good
  now: any other that names the row was good once, and somebody else may have it.
*/

create table sign_ins (
  id           uuid primary key,
  user_id      uuid not null references users,
  refresh_hash bytea not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null
);
create index sign_ins_of_user on sign_ins (user_id);
