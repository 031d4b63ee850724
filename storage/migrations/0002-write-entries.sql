/*
  Entries of a drop's log become rows, once: one call is one commit.

  write_entries   the whole batch, under the lock of the drop's row. Two writers of one drop (its owner and a sweeper)
                  take turns, and a stranger's lock ends in lock_timeout instead of a writer that hangs.
  place_orders    a stretch of its orders, all in one go; when the database refuses the stretch, its two halves. As units
                  are only ever added, a whole that fits means that every order in it fits, so this gives the same rows
                  as one order after the other would, at one refusal in 512 for the price of about ten statements.

  Answers, one word for an entry:
    confirmed  now             duplicate  by an earlier call       applied  (not an order) now
    stale      of an epoch before the fence, and never written: it must be placed anew
    limit, total, key             revoked now: a per-buyer limit or a total would be passed, or the key has another order
    was_limit, was_total, was_key revoked by an earlier call: the same answer, and nothing is published again
*/

create function place_orders(
  p_drop uuid, p_min_epoch bigint, p_buyer_limit int, p_from int, p_to int,
  p_ids text[], p_buyers uuid[], p_keys text[], p_epochs bigint[], p_seqs bigint[], p_at_ms bigint[],
  p_line_orders int[], p_line_skus text[], p_line_qtys int[]
) returns text[] language plpgsql
-- The planner takes an array for ten rows and would compare 512 with 512 one by one.
set enable_nestloop = off
as $$
declare
  v_size     int := p_to - p_from + 1;
  v_fresh    int[];   -- which of the orders became rows just now
  v_over     boolean;
  v_refused  text;
  v_what     text;
  v_middle   int;
begin
  begin
    with fresh as (
      insert into orders (id, drop_id, buyer_id, key, state, epoch, seq, accepted_at, confirmed_at)
      select o.id, p_drop, o.buyer, o.key, 'confirmed', o.epoch, o.seq, to_timestamp(o.at_ms / 1000.0), now()
      from unnest(p_ids, p_buyers, p_keys, p_epochs, p_seqs, p_at_ms) with ordinality
        as o (id, buyer, key, epoch, seq, at_ms, n)
      where o.n between p_from and p_to and o.epoch >= p_min_epoch
      on conflict do nothing
      returning orders.id, orders.epoch, orders.seq
    )
    -- By position and not only by id: a stale entry and its order placed anew may come in one batch.
    select coalesce(array_agg(first.n), '{}') into v_fresh
    from (
      select min(o.n)::int as n
      from unnest(p_ids, p_epochs, p_seqs) with ordinality as o (id, epoch, seq, n)
      join fresh using (id, epoch, seq)
      where o.n between p_from and p_to
      group by id
    ) first;

    if cardinality(v_fresh) > 0 then
      with line as materialized (
        select o.id, o.buyer, l.sku, l.qty, i.price_minor, i.currency
        from unnest(p_line_orders, p_line_skus, p_line_qtys) as l (n, sku, qty)
        join unnest(p_ids, p_buyers) with ordinality as o (id, buyer, n) on o.n = l.n
        left join drop_items i on i.drop_id = p_drop and i.sku = l.sku
        where l.n between p_from and p_to
          and (cardinality(v_fresh) = v_size or l.n = any (v_fresh))
      ), written as (
        insert into order_lines (order_id, sku, qty, price_minor, currency)
        select id, sku, qty, price_minor, currency from line
      ), counted as (
        update drop_items i set sold = i.sold + s.units
        from (select sku, sum(qty)::int as units from line group by sku) s
        where i.drop_id = p_drop and i.sku = s.sku
        returning i.sku, i.limit_per_buyer
      ), held as (
        insert into drop_buyers as b (drop_id, buyer_id, sku, units)
        select p_drop, buyer, sku, sum(qty)::int from line group by buyer, sku
        on conflict (drop_id, buyer_id, sku) do update set units = b.units + excluded.units
        returning b.sku, b.units
      )
      select coalesce(bool_or(held.units > least(counted.limit_per_buyer, p_buyer_limit)), false) into v_over
      from held join counted using (sku);

      -- The drop's limit counts all items; with a single one, that was the check above.
      if not v_over and p_buyer_limit is not null
        and (select count(*) from drop_items where drop_id = p_drop) > 1
      then
        v_over := exists (
          select from drop_buyers b
          where b.drop_id = p_drop and b.buyer_id = any (p_buyers[p_from:p_to])
          group by b.buyer_id having sum(b.units) > p_buyer_limit
        );
      end if;
      if v_over then
        raise exception 'limit' using errcode = 'LDLIM';
      end if;
    end if;
  exception
    when sqlstate 'LDLIM' then
      v_refused := 'limit';
    when not_null_violation then -- no such item in this drop: of nothing, any unit is one too many
      v_refused := 'total';
    when check_violation then
      get stacked diagnostics v_what = constraint_name;
      if v_what <> 'sold_within_total' then raise; end if;
      v_refused := 'total';
  end;

  if v_refused is not null and p_from < p_to then
    v_middle := (p_from + p_to) / 2;
    return
      place_orders(p_drop, p_min_epoch, p_buyer_limit, p_from, v_middle, p_ids, p_buyers, p_keys, p_epochs, p_seqs,
        p_at_ms, p_line_orders, p_line_skus, p_line_qtys)
      || place_orders(p_drop, p_min_epoch, p_buyer_limit, v_middle + 1, p_to, p_ids, p_buyers, p_keys, p_epochs, p_seqs,
        p_at_ms, p_line_orders, p_line_skus, p_line_qtys);
  end if;

  if v_refused is not null then
    insert into orders (id, drop_id, buyer_id, key, state, reason, epoch, seq, accepted_at)
    values (p_ids[p_from], p_drop, p_buyers[p_from], p_keys[p_from], 'revoked', v_refused, p_epochs[p_from],
      p_seqs[p_from], to_timestamp(p_at_ms[p_from] / 1000.0));
    insert into order_lines (order_id, sku, qty, price_minor, currency)
    select p_ids[p_from], l.sku, l.qty, coalesce(i.price_minor, 0), coalesce(i.currency, 'XXX') -- ISO 4217: none
    from unnest(p_line_orders, p_line_skus, p_line_qtys) as l (n, sku, qty)
    left join drop_items i on i.drop_id = p_drop and i.sku = l.sku
    where l.n = p_from;
    -- After `total` nothing goes back: the ledger gave away units that there never were.
    if v_refused = 'limit' then
      perform return_units(p_drop, p_ids[p_from]);
    end if;
    return array[v_refused];
  end if;

  if cardinality(v_fresh) = v_size then
    return array_fill('confirmed'::text, array[v_size]);
  end if;
  return name_the_rest(p_drop, p_min_epoch, p_from, p_to, v_fresh, p_ids, p_epochs);
end $$;

/*
  The units of a refused order are due back in the ledger, under the opId that the room will use (rooms/settlement.ts).
  Postgres never counted them, so a ledger that is built anew from its numbers must take this as done already; without
  the row it would give them back twice. False when that was known.
*/
create function return_units(p_drop uuid, p_order text) returns boolean language plpgsql as $$
begin
  insert into drop_ops (drop_id, op_id, kind, applied) values (p_drop, 'revoke:' || p_order, 'release', false)
  on conflict do nothing;
  return found;
end $$;

/* The words for a stretch in which not every order was new. */
create function name_the_rest(
  p_drop uuid, p_min_epoch bigint, p_from int, p_to int, p_fresh int[],
  p_ids text[], p_epochs bigint[]
) returns text[] language plpgsql as $$
declare
  v_words text[] := '{}';
  v_word  text;
  v_there orders%rowtype;
begin
  for n in p_from .. p_to loop
    if n = any (p_fresh) then
      v_words := v_words || 'confirmed'::text;
      continue;
    end if;

    select * into v_there from orders where id = p_ids[n];
    if found and not (
      -- A stale entry is judged by what was there before it, not by its order placed anew later in the same batch.
      p_epochs[n] < p_min_epoch and exists (select from unnest(p_fresh) f where f > n and p_ids[f] = p_ids[n])
    ) then
      v_word := case when v_there.state = 'revoked' then 'was_' || v_there.reason else 'duplicate' end;
    elsif p_epochs[n] < p_min_epoch then
      v_word := 'stale';
    else
      -- The key has an order of another id. There is no row for the impostor, as a key has one order only; the return of
      -- its units stands for it, so that a repeated call does not publish the refusal again.
      v_word := case when return_units(p_drop, p_ids[n]) then 'key' else 'was_key' end;
    end if;
    v_words := v_words || v_word;
  end loop;
  return v_words;
end $$;

/*
  p_changes  the entries that are no orders: [{kind: phase | restock | release, opId, epoch, seq, atMs, phase?}]
  p_last_*   the latest position among all of them
  Answers    the words for the orders, then those for the changes
*/
create function write_entries(
  p_drop uuid, p_last_epoch bigint, p_last_seq bigint,
  p_ids text[], p_buyers uuid[], p_keys text[], p_epochs bigint[], p_seqs bigint[], p_at_ms bigint[],
  p_line_orders int[], p_line_skus text[], p_line_qtys int[],
  p_changes jsonb
) returns text[] language plpgsql as $$
declare
  d       drops%rowtype;
  v_words text[] := '{}';
begin
  select * into d from drops where id = p_drop for no key update;
  if not found then
    raise exception 'no drop %', p_drop using errcode = 'LD404';
  end if;

  if cardinality(p_ids) > 0 then
    v_words := place_orders(p_drop, d.min_epoch, d.limit_per_buyer, 1, cardinality(p_ids), p_ids, p_buyers, p_keys,
      p_epochs, p_seqs, p_at_ms, p_line_orders, p_line_skus, p_line_qtys);

    insert into outbox (drop_id, kind, body)
    select p_drop, 'order_confirmed',
      jsonb_agg(jsonb_build_object('orderId', o.id, 'buyer', o.buyer, 'key', o.key))
    from unnest(p_ids, p_buyers, p_keys, v_words) as o (id, buyer, key, word)
    where o.word = 'confirmed' having count(*) > 0;

    insert into outbox (drop_id, kind, body)
    select p_drop, 'order_revoked',
      jsonb_agg(jsonb_build_object('orderId', o.id, 'buyer', o.buyer, 'key', o.key, 'reason', o.word))
    from unnest(p_ids, p_buyers, p_keys, v_words) as o (id, buyer, key, word)
    where o.word in ('limit', 'total', 'key') having count(*) > 0;
  end if;

  if jsonb_array_length(p_changes) > 0 then
    v_words := v_words || apply_changes(d, p_changes);
  end if;

  update drops set wm_epoch = p_last_epoch, wm_seq = p_last_seq
  where id = p_drop and (wm_epoch, wm_seq) < (p_last_epoch, p_last_seq);
  return v_words;
end $$;

create function apply_changes(d drops, p_changes jsonb) returns text[] language plpgsql as $$
declare
  v_words text[] := '{}';
  v_at    timestamptz;
  v_event text;
  c       record;
begin
  for c in
    select * from jsonb_to_recordset(p_changes)
      as c (kind text, "opId" text, epoch bigint, seq bigint, "atMs" bigint, phase text)
  loop
    if exists (select from drop_ops where drop_id = d.id and op_id = c."opId" and applied) then
      v_words := v_words || 'duplicate'::text;
      continue;
    end if;
    if c.epoch < d.min_epoch then
      v_words := v_words || 'stale'::text;
      continue;
    end if;

    insert into drop_ops (drop_id, op_id, kind, applied) values (d.id, c."opId", c.kind, true)
    on conflict (drop_id, op_id) do update set applied = true;
    v_words := v_words || 'applied'::text;
    continue when c.kind <> 'phase';

    v_at := to_timestamp(c."atMs" / 1000.0);
    if (c.epoch, c.seq) > (d.phase_epoch, d.phase_seq) then
      -- Opened by hand before its time: from now on that was its time.
      d.opens_at := case when c.phase = 'open' then least(d.opens_at, v_at) else d.opens_at end;
      update drops set phase = c.phase, phase_epoch = c.epoch, phase_seq = c.seq, opens_at = d.opens_at
      where id = d.id returning * into d;
    end if;

    v_event := case c.phase when 'open' then 'drop_started' when 'closed' then 'drop_closed'
      when 'cancelled' then 'drop_cancelled' end;
    if v_event is not null then
      insert into creator_events (creator_id, drop_id, kind, title, at)
      values (d.creator_id, d.id, v_event, d.title, v_at) on conflict (drop_id, kind) do nothing;
      if not found then v_event := null; end if;
    end if;
    insert into outbox (drop_id, kind, body)
    values (d.id, 'drop_phase', jsonb_build_object('phase', c.phase, 'epoch', c.epoch, 'seq', c.seq, 'atMs', c."atMs",
      'creator', d.creator_id, 'title', d.title, 'event', v_event));
  end loop;
  return v_words;
end $$;
