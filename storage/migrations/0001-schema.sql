/*
  The whole schema. Everything that is named from outside is a UUID v7 minted in code; an order's id is computed
  (26 characters, see protocol/ids.ts).

  Three tables take a row or more for every order: orders, order_lines and drop_buyers. What they have was weighed:
  - No foreign keys. Each would be a look-up and a share lock for every row, and only write_entries (the next migration)
    inserts here, under the lock of the drop's row, which proves that the drop and its items exist.
  - Text is compared byte by byte (collate "C"): ids, keys and SKUs are ASCII, and a locale's rules cost several times
    as much for each step down an index.
*/

-- people --------------------------------------------------------------------------------------------------------------

create table users (
  id            uuid primary key,
  email         text not null,
  password_hash text, -- null: cannot sign in with a password
  display_name  text not null,
  role          text not null check (role in ('fan', 'creator', 'admin')),
  created_at    timestamptz not null default now()
);
create unique index users_email on users (lower(email));

create table creators (
  id           uuid primary key references users,
  display_name text not null,
  created_at   timestamptz not null default now()
);

-- what is sold --------------------------------------------------------------------------------------------------------

create table products (
  id          uuid primary key,
  creator_id  uuid not null references creators,
  title       text not null,
  description text not null default '',
  images      text[] not null default '{}',
  created_at  timestamptz not null default now()
);
create index products_of_creator on products (creator_id, id desc);

create table variants (
  product_id  uuid not null references products,
  sku         text collate "C" not null,
  position    int not null, -- as the creator listed them
  title       text not null,
  price_minor bigint not null check (price_minor >= 0),
  currency    text not null check (currency ~ '^[A-Z]{3}$'),
  primary key (product_id, sku)
);

-- drops ---------------------------------------------------------------------------------------------------------------

create table drops (
  id              uuid primary key,
  creator_id      uuid not null references creators,
  product_id      uuid not null references products,
  title           text not null,
  phase           text not null default 'scheduled'
                  check (phase in ('scheduled', 'open', 'paused', 'closed', 'cancelled')),
  opens_at        timestamptz not null,
  closes_at       timestamptz check (closes_at > opens_at),
  limit_per_buyer int check (limit_per_buyer > 0),
  low_stock_at    int check (low_stock_at >= 0),
  epoch           bigint not null default 0, -- of the latest owner; only ever rises
  min_epoch       bigint not null default 0, -- entries of earlier epochs are refused
  owner_node      text,
  wm_epoch        bigint not null default 0, -- the last position that is written
  wm_seq          bigint not null default 0,
  phase_epoch     bigint not null default 0, -- where the phase was last changed: a late entry does not turn it back
  phase_seq       bigint not null default 0,
  created_at      timestamptz not null default now(),
  check (min_epoch <= epoch)
) with (fillfactor = 50); -- rewritten by every batch: room for the new version on the same page, so no index is touched
create index drops_due on drops (opens_at) where phase in ('scheduled', 'open', 'paused');
create index drops_of_creator on drops (creator_id, id desc);

create table drop_items (
  drop_id         uuid not null references drops,
  sku             text collate "C" not null,
  position        int not null,
  title           text not null,
  price_minor     bigint not null check (price_minor >= 0),
  currency        text not null check (currency ~ '^[A-Z]{3}$'),
  total           int not null,
  sold            int not null default 0,
  limit_per_buyer int check (limit_per_buyer > 0),
  primary key (drop_id, sku),
  -- The second guard against overselling, independent of the ledger. write_entries knows it by this name.
  constraint sold_within_total check (0 <= sold and sold <= total)
) with (fillfactor = 50);

-- What was done to a drop at most once, by the id of the doing. `applied`: the ledger has it too.
create table drop_ops (
  drop_id    uuid not null references drops,
  op_id      text collate "C" not null,
  kind       text not null check (kind in ('phase', 'restock', 'release')),
  body       jsonb not null default '{}',
  applied    boolean not null,
  created_at timestamptz not null default now(),
  primary key (drop_id, op_id)
);

create table drop_buyers (
  drop_id  uuid not null,
  buyer_id uuid not null,
  sku      text collate "C" not null,
  units    int not null check (units >= 0),
  primary key (drop_id, buyer_id, sku)
);

-- orders --------------------------------------------------------------------------------------------------------------

create table orders (
  id           text collate "C" primary key,
  drop_id      uuid not null,
  buyer_id     uuid not null,
  key          text collate "C" not null,
  state        text collate "C" not null check (state in ('confirmed', 'revoked', 'cancelled')),
  reason       text, -- of a revoked one
  epoch        bigint not null,
  seq          bigint not null,
  accepted_at  timestamptz not null, -- by the drop's clock
  confirmed_at timestamptz
);
-- One order for a key, for ever. Led by the drop, so that it also serves "this drop's orders" and "mine in this drop".
create unique index orders_key on orders (drop_id, buyer_id, key);
create index orders_of_buyer on orders (buyer_id, accepted_at desc, id desc);

create table order_lines (
  order_id    text collate "C" not null,
  sku         text collate "C" not null,
  qty         int not null check (qty > 0),
  price_minor bigint not null,
  currency    text not null,
  primary key (order_id, sku)
);

-- what others must hear -------------------------------------------------------------------------------------------------

-- One row for a batch and kind, not one for an order: the body lists the transitions, and each is in one row only.
create table outbox (
  id         bigint generated always as identity primary key,
  drop_id    uuid not null,
  kind       text not null,
  body       jsonb not null,
  created_at timestamptz not null default now(),
  sent_at    timestamptz
);
alter table outbox alter column body set storage external; -- ids do not compress; trying costs
create index outbox_unsent on outbox (id) where sent_at is null;
create index outbox_of_drop on outbox (drop_id, kind);
create index outbox_sent on outbox (sent_at);

-- One row for an event, however many followers hear of it.
create table creator_events (
  id         bigint generated always as identity primary key,
  creator_id uuid not null references creators,
  drop_id    uuid not null references drops,
  kind       text not null,
  title      text not null,
  at         timestamptz not null,
  unique (drop_id, kind)
);
create index creator_events_of_creator on creator_events (creator_id, id desc);
