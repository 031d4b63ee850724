/*
  One page of what was sent, in the order in which it was sent ($1, a text for its microseconds, and $2: after this time
  and id; $4: at most). Of it is unsent again what the stream has lost ($3: its last number) and no inbox has. An event is
  written to the inboxes in one piece, so its first order speaks for all of it. What tells of no order is for those who
  listen live, and no reader waits for it.
*/
with page as materialized (
  select id, sent_at, stream_seq, kind, body -> 0 ->> 'orderId' as first_order
  from outbox
  where (sent_at, id) > ($1::text::timestamptz, $2::bigint)
  order by sent_at, id
  limit $4
), lost as materialized (
  select outbox.id
  -- As it was when the page was read: another node may have sent it again since.
  from page join outbox on outbox.id = page.id and outbox.sent_at = page.sent_at
  where page.stream_seq > $3 and page.first_order is not null and not exists (
    select from notifications n where n.order_id = page.first_order and n.kind = page.kind
  )
  for update of outbox skip locked -- another node is at it
), refilled as (
  update outbox set sent_at = null, stream_seq = null from lost where outbox.id = lost.id
  returning 1
)
select (select count(*) from refilled) as refilled, last.sent_at::text as "sentAt", last.id
from (select sent_at, id from page order by sent_at desc, id desc limit 1) last
