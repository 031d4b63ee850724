/*
  Entries are written by the drop's latest owner only, whichever epoch they are of: after an adoption those of the last
  owner are written by the new one.

  p_writer  the epoch of whoever writes
  Answers   as write_entries; null when a later epoch was minted, and then nothing was changed

  The row is held from the comparison to the end, and to mint an epoch is to change that row (take.sql). So a batch is
  either committed before the mint, and the watermark that the new owner is told has it, or it is never written.
*/
create function write_entries_as(
  p_writer bigint, p_drop uuid, p_last_epoch bigint, p_last_seq bigint,
  p_ids text[], p_buyers uuid[], p_keys text[], p_epochs bigint[], p_seqs bigint[], p_at_ms bigint[],
  p_line_orders int[], p_line_skus text[], p_line_qtys int[],
  p_changes jsonb
) returns text[] language plpgsql as $$
declare
  v_epoch bigint;
begin
  select epoch into v_epoch from drops where id = p_drop for no key update;
  if v_epoch > p_writer then return null; end if;

  return write_entries(p_drop, p_last_epoch, p_last_seq, p_ids, p_buyers, p_keys, p_epochs, p_seqs, p_at_ms,
    p_line_orders, p_line_skus, p_line_qtys, p_changes);
end $$;
