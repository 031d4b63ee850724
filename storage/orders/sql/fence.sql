/*
  The end of a drop's earlier epochs. $1 drop, $2 epoch; no row when a later one was minted meanwhile.

  It waits for a writer that is at work and holds the row until the transaction ends. What is read after it, in statements
  of their own, has what that writer sold, and everybody who changes totals or operations waits for the end: so totals and
  operations belong together, however many pages they take. In one statement the items would be read as they were before
  the wait, and the new ledger would sell those units again.
*/
update drops set min_epoch = $2 where id = $1 and epoch = $2
returning phase, opens_at, closes_at, limit_per_buyer
