/**
 * An audience: many watchers in one process, started by a bench as a child and told what to do over IPC, one thing at a
 * time: to come, to lose their network all at once, to say when the drop opened for each of them.
 */
import { setPriority } from 'node:os'
import { Watcher } from './watcher.ts'

export type AudienceOrder =
  | { do: 'join'; url: string; drop: string; tokens: string[]; atOnce: number }
  | { do: 'cut' }
  | { do: 'say_opened' }

export interface AudienceReport {
  here: number
  /** Since the order. */
  tookMs: number
  /** Of each who came back: when, since the order. */
  backMs: number[]
  recovered: number
  /** When the drop opened for each; wall clock. */
  openedAtMs: number[]
}

const LATEST_MS = 60_000
const watchers: Watcher[] = []
const openedAtMs: number[] = []
let here = 0
let recovered = 0
let backMs: number[] = []
let sinceMs = 0
let arrived = (): void => undefined

setPriority(Number(process.argv[2]))
process.on('message', (order: AudienceOrder) => {
  obey(order).then(
    (report) => process.send?.(report),
    (cause) => {
      console.error('the audience failed', cause)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))

async function obey(order: AudienceOrder): Promise<AudienceReport> {
  sinceMs = performance.now()
  if (order.do === 'join') await join(order)
  if (order.do === 'cut') {
    here = 0
    recovered = 0
    backMs = []
    for (const watcher of watchers) watcher.cut()
    await until(() => here === watchers.length)
  }
  return { here, tookMs: performance.now() - sinceMs, backMs, recovered, openedAtMs }
}

/** As fast as the node takes it, with so many on their way at a time. */
async function join({ url, drop, tokens, atOnce }: Extract<AudienceOrder, { do: 'join' }>): Promise<void> {
  const before = here
  const next = () => {
    const token = tokens.pop()
    if (token === undefined) return
    let isHere = false
    watchers.push(
      new Watcher({
        ...{ url, drop, token },
        live: () => openedAtMs.push(performance.timeOrigin + performance.now()),
        here: (how) => {
          here += 1
          if (how === 'recovered') recovered += 1
          backMs.push(performance.now() - sinceMs)
          if (!isHere) next()
          isHere = true
          arrived()
        },
      }),
    )
  }
  const wanted = before + tokens.length
  for (let n = 0; n < atOnce; n += 1) next()
  await until(() => here === wanted)
}

function until(isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer)
      arrived = () => undefined
      resolve()
    }
    const timer = setTimeout(over, LATEST_MS)
    arrived = () => {
      if (isSo()) over()
    }
    arrived()
  })
}
