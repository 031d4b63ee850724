/*
  Stock that moves by a person's hand: it goes up (a restock) or comes back (a cancelled order).

  Both are done here first and owed to the ledger from then on, as a row of drop_ops that is not applied. So a crash
  between the two stores can only leave units unsold for a while, never sell one twice, and a ledger that is built anew
  from these numbers (fence_drop) knows that they are in them. Each takes the lock of the drop's row before anything
  else, as write_entries and fence_drop do: they take turns and cannot wait for each other in a circle.
*/

-- What the ledger is owed, for whoever completes it (rooms/debts.ts). Few rows at any time.
create index drop_ops_owed on drop_ops (created_at) where not applied and kind in ('restock', 'release');

/*
  p_lines  canonical, the fingerprint of the doing; p_skus and p_qtys say the same in columns
  Answers  done | repeated | mismatch (the same doing, other lines) | over | unknown_sku | too_many | null: no such drop
*/
create function restock_drop(
  p_drop uuid, p_op text, p_lines text, p_skus text[], p_qtys int[], p_total_max int
) returns text language plpgsql as $$
declare
  d        drops%rowtype;
  v_before jsonb;
begin
  select * into d from drops where id = p_drop for no key update;
  if not found then return null; end if;

  select body into v_before from drop_ops where drop_id = p_drop and op_id = p_op;
  if found then
    return case when v_before ->> 'lines' = p_lines then 'repeated' else 'mismatch' end;
  end if;
  if d.phase in ('closed', 'cancelled') then return 'over'; end if;
  if (select count(*) from drop_items where drop_id = p_drop and sku = any (p_skus)) < cardinality(p_skus) then
    return 'unknown_sku';
  end if;
  if exists (
    select from drop_items i join unnest(p_skus, p_qtys) as l (sku, qty) using (sku)
    where i.drop_id = p_drop and i.total + l.qty > p_total_max
  ) then
    return 'too_many';
  end if;

  insert into drop_ops (drop_id, op_id, kind, body, applied)
  values (p_drop, p_op, 'restock', jsonb_build_object('lines', p_lines), false);
  update drop_items i set total = i.total + l.qty
  from unnest(p_skus, p_qtys) as l (sku, qty)
  where i.drop_id = p_drop and i.sku = l.sku;
  return 'done';
end $$;

/*
  Confirmed orders of a drop become cancelled: their units are nobody's, their buyers may have as many again, and the
  ledger owes them a place in the stock under `cancel:<order id>`; unless p_owed is false, for a drop that sells nothing
  any more. One outbox row for all of them. The caller holds the lock of the drop's row. Answers how many there were.
*/
create function cancel_orders(p_drop uuid, p_ids text[], p_owed boolean) returns int language plpgsql as $$
declare
  v_cancelled int;
begin
  with gone as (
    update orders set state = 'cancelled'
    where drop_id = p_drop and id = any (p_ids) and state = 'confirmed'
    returning id, buyer_id, key
  ), line as materialized (
    select gone.id, gone.buyer_id, l.sku, l.qty from gone join order_lines l on l.order_id = gone.id
  ), counted as (
    update drop_items i set sold = i.sold - s.units
    from (select sku, sum(qty)::int as units from line group by sku) s
    where i.drop_id = p_drop and i.sku = s.sku
  ), held as (
    update drop_buyers b set units = b.units - s.units
    from (select buyer_id, sku, sum(qty)::int as units from line group by buyer_id, sku) s
    where b.drop_id = p_drop and b.buyer_id = s.buyer_id and b.sku = s.sku
  ), owed as (
    insert into drop_ops (drop_id, op_id, kind, body, applied)
    select p_drop, 'cancel:' || id, 'release',
      jsonb_build_object('orderId', id, 'buyer', buyer_id, 'lines', string_agg(sku || ':' || qty, ',' order by sku)),
      false
    from line where p_owed group by id, buyer_id
  ), told as (
    insert into outbox (drop_id, kind, body)
    select p_drop, 'order_cancelled', jsonb_agg(jsonb_build_object('orderId', id, 'buyer', buyer_id, 'key', key))
    from gone having count(*) > 0
  )
  select count(*) into v_cancelled from gone;
  return v_cancelled;
end $$;

/*
  A buyer gives an order back. Null when it is not there or not theirs: the same answer in the same time.
  `said`: now | cancelled (before) | revoked | over (the drop is closed: what was sold is being packed)
*/
create function cancel_order(p_order text, p_buyer uuid) returns jsonb language plpgsql as $$
declare
  o      orders%rowtype;
  d      drops%rowtype;
  v_said text;
begin
  select * into o from orders where id = p_order and buyer_id = p_buyer;
  if not found then return null; end if;
  select * into d from drops where id = o.drop_id for no key update;
  -- Again, under the lock: another cancel may have come before this one.
  select * into o from orders where id = p_order;

  v_said := case
    when o.state <> 'confirmed' then o.state
    when d.phase in ('closed', 'cancelled') then 'over'
    else 'now' end;
  if v_said = 'now' then
    perform cancel_orders(o.drop_id, array[p_order], true);
  end if;
  return jsonb_build_object('said', v_said, 'drop', o.drop_id, 'key', o.key, 'lines', (
    select string_agg(sku || ':' || qty, ',' order by sku) from order_lines where order_id = p_order));
end $$;

-- Whether the orders of a cancelled drop are all cancelled too.
alter table drops add column unwound boolean not null default false;
create index drops_to_unwind on drops (id) where phase = 'cancelled' and not unwound;

/*
  Some of the orders of a cancelled drop, p_max at most, become cancelled. Answers how many. Orders that an earlier owner
  remembered may still come to Postgres after the cancelling, so a drop is unwound only when there were none for a minute.
*/
create function unwind_drop(p_drop uuid, p_max int) returns int language plpgsql as $$
declare
  d     drops%rowtype;
  v_ids text[];
begin
  select * into d from drops where id = p_drop and phase = 'cancelled' and not unwound for no key update;
  if not found then return 0; end if;

  v_ids := array(select id from orders where drop_id = p_drop and state = 'confirmed' limit p_max);
  if cardinality(v_ids) > 0 then
    return cancel_orders(p_drop, v_ids, false);
  end if;
  if not exists (
    select from drop_ops where drop_id = p_drop and kind = 'phase' and created_at > now() - interval '1 minute'
  ) then
    update drops set unwound = true where id = p_drop;
  end if;
  return 0;
end $$;

-- Lists of drops by their opening: all, of a creator, in a phase. A batch of orders changes none of these columns.
create index drops_by_opening on drops (opens_at, id);
create index drops_of_creator_by_opening on drops (creator_id, opens_at, id);
create index drops_in_phase_by_opening on drops (phase, opens_at, id);
