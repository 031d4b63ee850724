/* Products with their variants in their order; products.ts goes on with which. */
select p.id as "productId", p.creator_id as creator, p.title, p.description, p.images,
  p.archived_at is not null as archived,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'sku', v.sku, 'title', v.title, 'priceMinor', v.price_minor, 'currency', v.currency
    ) order by v.position), '[]')
    from variants v where v.product_id = p.id
  ) as variants
from products p
