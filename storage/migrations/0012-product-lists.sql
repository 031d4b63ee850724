/*
  Products are browsed, and one that a drop was made of is put away instead of deleted: orders and drops still name it.
*/

alter table products add column archived_at timestamptz;

create index products_listed on products (id desc) where archived_at is null;
create index products_listed_of_creator on products (creator_id, id desc) where archived_at is null;
create index products_by_title on products ((lower(title) collate "C"), id) where archived_at is null;
create index products_by_title_of_creator on products (creator_id, (lower(title) collate "C"), id)
  where archived_at is null;
drop index products_of_creator;

create index drops_of_product on drops (product_id);
