/** A storm's result as the rows of a table, each with its bar where there is one. */
import type { StormResult } from './storm-run.ts'
import { ms, type Row, whole } from './table.ts'

export function stormRows(result: StormResult): Row[] {
  const { options, receipt, confirm } = result
  const steady = options.form === 'steady'
  const calm = options.killOwnerAfterMs === undefined && options.drainOwnerAfterMs === undefined
  const gapMaxMs = options.killOwnerAfterMs === undefined ? 300 : 3_000
  const failed = result.audit.filter((finding) => !finding.ok)

  return [
    { what: 'sockets watching after', value: ms(result.connectMs) },
    { what: 'accepted', value: whole(result.accepted) },
    { what: 'confirmed (after COMMIT)', value: whole(result.confirmed) },
    { what: 'accepted/s', value: whole(result.acceptedPerSecond) },
    {
      what: 'confirmed/s',
      value: whole(result.confirmedPerSecond),
      ...(steady && calm ? { bar: '>= 8,000', pass: result.confirmedPerSecond >= 8_000 } : {}),
    },
    { what: 'receipt p50', value: ms(receipt.p50Ms) },
    {
      what: 'receipt p99',
      value: ms(receipt.p99Ms),
      ...(calm ? { bar: '<= 250 ms', pass: receipt.p99Ms <= 250 } : {}),
    },
    { what: 'receipt p99.9', value: ms(receipt.p999Ms) },
    { what: 'confirmed p50 / p99', value: `${ms(confirm.p50Ms)} / ${ms(confirm.p99Ms)}` },
    {
      what: 'longest time without an accepted order',
      value: ms(result.longestGapMs),
      ...(calm ? {} : { bar: `<= ${ms(gapMaxMs)}`, pass: result.longestGapMs <= gapMaxMs }),
    },
    ...drainRows(result),
    ...Object.entries(result.refused).map(([verdict, count]) => ({ what: `refused: ${verdict}`, value: whole(count) })),
    ...Object.entries(result.retried).map(([why, count]) => ({ what: `tried again: ${why}`, value: whole(count) })),
    // Of a rush most of it is the sockets' own cost: it says nothing about an order.
    ...Object.entries(steady ? result.cpuPerOrderUs : {}).map(([who, us]) => ({
      what: `CPU per order: ${who}`,
      value: `${Math.round(us)} us`,
    })),
    { what: 'revoked', value: whole(result.revoked), bar: '0', pass: result.revoked === 0 },
    { what: 'accepted, then lost', value: whole(result.lost), bar: '0', pass: result.lost === 0 },
    { what: 'confirmed, then lost', value: whole(result.lostConfirmed), bar: '0', pass: result.lostConfirmed === 0 },
    {
      what: 'audit',
      value: failed.length === 0 ? `${result.audit.length} rules hold` : failed.map((one) => one.rule).join(', '),
      bar: 'all',
      pass: result.clean,
    },
    ...failed.map((finding) => ({ what: `  ${finding.rule}`, value: finding.detail })),
  ]
}

function drainRows({ drained }: StormResult): Row[] {
  if (drained === undefined) return []

  const { exitCode, tookMs } = drained
  return [{ what: 'the owner left after', value: `${ms(tookMs)}, exit ${exitCode}`, bar: '0', pass: exitCode === 0 }]
}
