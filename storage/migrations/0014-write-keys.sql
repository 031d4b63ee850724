/*
  Writes that have no room and no key of their own: which one was done under which Idempotency-Key, and what it made.

  A row is written in the transaction of the write it stands for, so there is never one without the other, whichever node
  was asked and whatever died meanwhile. Orders and controls are not here: their keys are kept where their effect is.
*/

create table write_keys (
  user_id     uuid not null,
  what        text collate "C" not null check (what in ('product', 'drop', 'announcement')),
  key         text collate "C" not null,
  fingerprint text not null, -- of the body: the same key with another body is a mismatch
  made        uuid not null, -- the id of the product or drop, or the drop that heard the announcement
  created_at  timestamptz not null default now(),
  primary key (user_id, what, key)
);
