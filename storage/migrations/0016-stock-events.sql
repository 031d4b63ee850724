/*
  What followers hear of a drop's stock, each once for a drop: it runs low (the first item that comes down to the drop's
  threshold), it is sold out (the last item is), it was restocked. Watchers hear every crossing from the room; this is for
  whoever was not there, so it is written where sold and total are, in the same transaction.

  A row trigger and not a part of write_entries and restock_drop: both change drop_items, and neither has to think of it.
  It runs once for an item and batch. Orders may be written in one call with the opening before them, so the phase is not
  asked about for what is sold.
*/
create function tell_stock_event() returns trigger language plpgsql as $$
declare
  d      drops%rowtype;
  v_kind text;
begin
  select * into d from drops where id = new.drop_id;
  if new.total > old.total then
    v_kind := case when d.phase in ('open', 'paused') then 'restocked' end;
  elsif not exists (select from drop_items where drop_id = new.drop_id and sold < total) then
    v_kind := 'sold_out';
  elsif new.total - new.sold <= d.low_stock_at and old.total - old.sold > d.low_stock_at then
    v_kind := 'low_stock';
  end if;

  if v_kind is not null then
    insert into creator_events (creator_id, drop_id, kind, title, at)
    values (d.creator_id, d.id, v_kind, d.title, now()) on conflict (drop_id, kind) do nothing;
  end if;
  return null;
end $$;

create trigger stock_is_told after update of sold, total on drop_items
for each row when (new.sold > old.sold or new.total > old.total)
execute function tell_stock_event();
