/*
  The creator changes a drop that has not opened. Only for whoever minted p_epoch and has taken the room out of the ledger
  (rooms/replanning.ts): from then on nothing sells from the old numbers, and the next owner builds the room from these.

  p_plan   {title?, opensAtMs?, closesAtMs?, limitPerBuyer?, lowStockAt?, items?: [{sku, stock?, limitPerBuyer?, priceMinor?}]}
           a null in it takes a limit or an end away; what is not in it stays
  Answers  changed | elsewhere (a later epoch was minted) | not_scheduled | too_soon | closes_first | unknown_sku
           null: no such drop
*/
create function replan_drop(p_drop uuid, p_epoch bigint, p_plan jsonb, p_ahead_ms int) returns text language plpgsql as $$
declare
  d          drops%rowtype;
  v_earliest timestamptz := now() + p_ahead_ms * interval '1 millisecond';
begin
  select * into d from drops where id = p_drop for no key update;
  if not found then return null; end if;
  if d.epoch <> p_epoch then return 'elsewhere'; end if;
  if d.phase <> 'scheduled' then return 'not_scheduled'; end if;
  if d.opens_at < v_earliest then return 'too_soon'; end if;

  if p_plan ? 'opensAtMs' then d.opens_at := to_timestamp((p_plan ->> 'opensAtMs')::float8 / 1000); end if;
  if p_plan ? 'closesAtMs' then d.closes_at := to_timestamp((p_plan ->> 'closesAtMs')::float8 / 1000); end if;
  if p_plan ? 'limitPerBuyer' then d.limit_per_buyer := (p_plan ->> 'limitPerBuyer')::int; end if;
  if p_plan ? 'lowStockAt' then d.low_stock_at := (p_plan ->> 'lowStockAt')::int; end if;
  if d.opens_at < v_earliest then return 'too_soon'; end if;
  if d.closes_at <= d.opens_at then return 'closes_first'; end if;
  if exists (
    select from jsonb_array_elements(p_plan -> 'items') x
    where not exists (select from drop_items i where i.drop_id = p_drop and i.sku = x ->> 'sku')
  ) then
    return 'unknown_sku';
  end if;

  update drops set title = coalesce(p_plan ->> 'title', title), opens_at = d.opens_at, closes_at = d.closes_at,
    limit_per_buyer = d.limit_per_buyer, low_stock_at = d.low_stock_at
  where id = p_drop;
  update drop_items i set
    total = coalesce((x ->> 'stock')::int, i.total),
    price_minor = coalesce((x ->> 'priceMinor')::bigint, i.price_minor),
    limit_per_buyer = case when x ? 'limitPerBuyer' then (x ->> 'limitPerBuyer')::int else i.limit_per_buyer end
  from jsonb_array_elements(p_plan -> 'items') x
  where i.drop_id = p_drop and i.sku = x ->> 'sku';
  return 'changed';
end $$;
