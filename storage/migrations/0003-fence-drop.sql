/*
  The end of a drop's earlier epochs, and the numbers that a new ledger starts from.

  Null when a later epoch was minted meanwhile. Two statements on purpose: the first waits for a writer that is at work
  and then holds the row; only the second, with a snapshot of its own, sees what that writer sold. In one statement the
  items would be read as they were before the wait, and the new ledger would sell those units again.
*/
create function fence_drop(p_drop uuid, p_epoch bigint) returns jsonb language plpgsql as $$
declare
  d drops%rowtype;
begin
  update drops set min_epoch = p_epoch where id = p_drop and epoch = p_epoch returning * into d;
  if not found then return null; end if;

  return jsonb_build_object(
    'phase', d.phase,
    'opensAtMs', round(extract(epoch from d.opens_at) * 1000),
    'closesAtMs', round(extract(epoch from d.closes_at) * 1000),
    'limitPerBuyer', d.limit_per_buyer,
    'items', (
      select coalesce(jsonb_agg(jsonb_build_object('sku', i.sku, 'left', i.total - i.sold, 'limit', i.limit_per_buyer)
        order by i.position), '[]')
      from drop_items i where i.drop_id = p_drop),
    -- All of them, applied or not: what goes up is in these totals before the ledger hears of it.
    'opIds', (
      select coalesce(jsonb_agg(o.op_id order by o.op_id), '[]')
      from drop_ops o where o.drop_id = p_drop)
  );
end $$;
