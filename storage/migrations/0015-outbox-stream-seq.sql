/*
  Where in the stream a row went. JetStream answers before its file is synced, so a power cut can take away what it had
  taken; when it comes back with a lower number than the highest here, the rows above are sent again.
*/

alter table outbox add column stream_seq bigint;
create index outbox_stream_seq on outbox (stream_seq) where stream_seq is not null;
