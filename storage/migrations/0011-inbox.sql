/*
  The inbox: what the creators I follow did, and what became of my orders.

  The first half is never written for anybody: it is creator_events, one row for an event however many followers hear of
  it, read through `follows`. The second half is `notifications`, written from the event stream, which may tell an event
  twice: (order_id, kind) is there once.
*/

-- To the millisecond, as it leaves in a cursor.
alter table creator_events alter column at type timestamptz(3);
create index creator_events_by_time on creator_events (creator_id, at desc, id desc);

create table notifications (
  id       bigint generated always as identity primary key,
  user_id  uuid not null,
  order_id text collate "C" not null,
  kind     text collate "C" not null,
  drop_id  uuid not null,
  at       timestamptz(3) not null default now(), -- when it came into the inbox, so that nothing comes in before a read mark
  unique (order_id, kind)
);
create index notifications_of_user on notifications (user_id, at desc, id desc);

create table inbox_marks (
  user_id    uuid primary key,
  read_up_to timestamptz(3) not null
);

/* Whoever writes an event of a creator need not think of telling it: that happens here, in the same transaction. */
create function tell_creator_event() returns trigger language plpgsql as $$
begin
  insert into outbox (drop_id, kind, body)
  values (new.drop_id, 'creator_event', jsonb_build_object('id', new.id, 'creator', new.creator_id, 'kind', new.kind,
    'title', new.title, 'atMs', (extract(epoch from new.at) * 1000)::bigint));
  return null;
end $$;

create trigger creator_event_is_told after insert on creator_events
for each row execute function tell_creator_event();
