/*
  Standings: what of an account decides whether its tokens are still good, and in which role.

  Every change takes the next number of one sequence, under one lock that is held until its commit. So the numbers become
  visible in their order, and a node that asks "what came after n" can never miss one that was still on its way.

  A token that was signed here carries the number that its account had then. It is good while that is not below
  `tokens_from`: no clock is asked. Tokens of others carry no number and are compared with `revoked_before`.
*/

alter table users
  add column standing       bigint not null default 0, -- number of the last change; 0: never changed
  add column standing_at    timestamptz,
  add column tokens_from    bigint not null default 0,
  add column revoked_before timestamptz,
  add column banned_until   timestamptz, -- 2100-01-01: for good
  add column ban_reason     text;

create sequence standing_numbers;
create index users_by_standing on users (standing) where standing > 0;
create index users_banned on users (standing) where banned_until is not null;

/* To be called before the first row of a change is locked. */
create function next_standing() returns bigint language plpgsql as $$
begin
  perform pg_advisory_xact_lock(x'6c697666'::int);
  return nextval('standing_numbers');
end $$;

/* Tokens from before now are good no more. `all_sign_ins`: refresh tokens neither. No row: nobody has this id. */
create function revoke_tokens(who uuid, all_sign_ins boolean) returns setof users language plpgsql as $$
declare
  number bigint := next_standing();
begin
  if all_sign_ins then
    -- The account first: a sign-in that begins now holds it and is seen by the delete after it.
    perform 1 from users where id = who for update;
    delete from sign_ins where user_id = who;
  end if;
  return query
    update users set standing = number, standing_at = now(), tokens_from = number, revoked_before = now()
    where id = who
    returning *;
end $$;

/* Logging out everywhere, by any refresh token of a sign-in that still lives. */
create function end_everywhere(sign_in uuid) returns setof users language sql as $$
  select t.* from sign_ins s, revoke_tokens(s.user_id, true) t where s.id = sign_in
$$;

/*
  A refresh token came a second time: its sign-in ends, and every access token, for one of them may be the thief's. Other
  sign-ins go on and renew theirs. No row: meanwhile the sign-in is over, or that token is the good one.
*/
create function end_reused(sign_in uuid, hash bytea) returns setof users language plpgsql as $$
declare
  who uuid;
begin
  perform next_standing();
  delete from sign_ins where id = sign_in and refresh_hash <> hash returning user_id into who;
  if who is not null then
    return query select * from revoke_tokens(who, false);
  end if;
end $$;

/* `old_hash` is the one that the caller has compared; when it is another by now, nothing changes and no row comes. */
create function change_password(who uuid, old_hash text, new_hash text) returns setof users language plpgsql as $$
begin
  perform next_standing();
  update users set password_hash = new_hash where id = who and password_hash = old_hash;
  if found then
    return query select * from revoke_tokens(who, true);
  end if;
end $$;
