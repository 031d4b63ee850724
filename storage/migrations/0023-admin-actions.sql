/*
  What administrators do to accounts, and the book of it: who, to whom, why, before and after. The row is written by the
  very function that makes the change, so there is none without the other. What changes nothing is not written.
*/

create table admin_actions (
  id      bigint generated always as identity primary key,
  at      timestamptz not null default now(),
  actor   uuid, -- null: the command line
  action  text not null check (action in ('ban', 'unban', 'change_role')),
  user_id uuid not null references users,
  reason  text,
  before  jsonb not null,
  after   jsonb not null
);
create index admin_actions_of_user on admin_actions (user_id, id desc);

create function standing_json(account users) returns jsonb language sql stable as $$
  select jsonb_build_object('role', account.role, 'bannedUntil', account.banned_until, 'banReason', account.ban_reason)
$$;

/* One account, locked, after the number was taken: the order in which every change of a standing locks. */
create function write_action(actor_id uuid, what text, why text, was users, became users) returns void language sql as $$
  insert into admin_actions (actor, action, user_id, reason, before, after)
  values (actor_id, what, was.id, why, standing_json(was), standing_json(became))
$$;

/* Every sign-in ends, every token too, and there is no new one before `until_at`. */
create function ban_user(actor_id uuid, who uuid, why text, until_at timestamptz) returns setof users language plpgsql as $$
declare
  was users;
  became users;
begin
  perform next_standing();
  select * into was from users where id = who for update;
  if not found then return; end if;

  if was.banned_until is not distinct from until_at and was.ban_reason is not distinct from why then
    return next was;
    return;
  end if;
  update users set banned_until = until_at, ban_reason = why where id = who;
  select * into became from revoke_tokens(who, true);
  perform write_action(actor_id, 'ban', why, was, became);
  return next became;
end $$;

create function unban_user(actor_id uuid, who uuid, why text) returns setof users language plpgsql as $$
declare
  number bigint := next_standing();
  was users;
  became users;
begin
  select * into was from users where id = who for update;
  if not found then return; end if;
  if was.banned_until is null then
    return next was;
    return;
  end if;
  update users set banned_until = null, ban_reason = null, standing = number, standing_at = now()
  where id = who returning * into became;
  perform write_action(actor_id, 'unban', why, was, became);
  return next became;
end $$;

/* Tokens that are out stay good and speak for the new role from now on. */
create function change_role(actor_id uuid, who uuid, new_role text, why text) returns setof users language plpgsql as $$
declare
  number bigint := next_standing();
  was users;
  became users;
begin
  select * into was from users where id = who for update;
  if not found then return; end if;
  if was.role = new_role then
    return next was;
    return;
  end if;
  if new_role = 'creator' then
    insert into creators (id, display_name) values (who, was.display_name) on conflict do nothing;
  end if;
  update users set role = new_role, standing = number, standing_at = now() where id = who returning * into became;
  perform write_action(actor_id, 'change_role', why, was, became);
  return next became;
end $$;
