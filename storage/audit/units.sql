/* What is sold of each item, and how far that goes. $1 drop. One row for an item, as of one moment. */
select i.sku, i.total, i.sold, d.wm_epoch, d.wm_seq,
  (select count(*) from drop_ops o where o.drop_id = d.id and not o.applied)::int as pending
from drops d
join drop_items i on i.drop_id = d.id
where d.id = $1
order by i.sku
