/*
  How far the stream of events was ever filled, as one number instead of an index over every row that was sent: a stream
  that comes back with less has lost something. The number of a row stays with it.
*/

create table event_stream (
  one      boolean primary key default true check (one),
  last_seq bigint not null
);
insert into event_stream (last_seq) select coalesce(max(stream_seq), 0) from outbox;

drop index outbox_stream_seq;
