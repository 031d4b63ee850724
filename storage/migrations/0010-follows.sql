/*
  Who follows whom, and creators found by the beginning of their name.

  Times are kept to the millisecond, as they leave in a cursor: a page that ends within a microsecond of the next row
  would otherwise show it twice or not at all. A follow stands in two more indexes, one for each list that is walked.
*/

create table follows (
  follower_id uuid not null references users,
  creator_id  uuid not null references creators,
  followed_at timestamptz(3) not null default now(),
  primary key (follower_id, creator_id)
);
create index followers_of_creator on follows (creator_id, followed_at desc, follower_id desc);
create index follows_of_follower on follows (follower_id, followed_at desc, creator_id desc);

-- Byte by byte, so that a beginning is a range of the index in every locale.
create index creators_by_name on creators ((lower(display_name) collate "C"), id);
