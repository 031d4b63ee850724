/**
 * The hooks in a real React, in StrictMode, against the scripted server. The page is happy-dom's.
 *
 * @vitest-environment happy-dom
 */
import { act, createElement, type FunctionComponent, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Client } from '../client/client.ts'
import {
  LiveDropProvider,
  useConnectionState,
  useCountdown,
  useDrop,
  useDropFailure,
  useOrder,
  useStock,
} from '../client/react.ts'
import { HandWorld, type ScriptedLink, ScriptedServer } from '../client/testing.ts'
import { dropOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const HATS = dropOf('hats')
const LINES = [{ sku: 'shoe', qty: 1 }]
const at = (epoch: number, seq: number) => ({ epoch, seq })
const item = (sku: string, left: number) => ({
  ...{ sku, title: sku, priceMinor: 1, currency: 'EUR', stock: 10, left, limit: null },
})
const snapshot = (drop: string, opensAtMs = 5) => ({
  ...{ type: 'snapshot', drop, position: at(1, 1), phase: 'open', opensAtMs, viewers: 1, mine: [], recovered: false },
  items: [item('shoe', 10), item('hat', 5)],
})
const left = (seq: number, sku: string, count: number) => ({
  ...{ type: 'news', drop: SHOES, position: at(1, seq), at: 0, changes: [{ kind: 'left', sku, left: count }] },
})

/** As much of a page as is looked at: the tree is compiled without a browser's types. */
interface Page extends Element {
  textContent: string
  querySelectorAll(tag: 'button'): Iterable<{ click(): void }>
}
const newPage = () =>
  (globalThis as unknown as { document: { createElement(tag: 'div'): Page } }).document.createElement('div')

const ends: (() => Promise<void>)[] = []
beforeEach(() => vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true))
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  vi.unstubAllGlobals()
})

/** What the components below wrote down when they were rendered. */
const renders: string[] = []
const seen: unknown[] = []
const told: string[] = []

const Stock: FunctionComponent = () => {
  const count = useStock(SHOES, 'shoe')
  renders.push(`stock ${count}`)
  return `${count}`
}
const Connection: FunctionComponent = () => {
  const { name } = useConnectionState()
  renders.push(name)
  return name
}
const One: FunctionComponent = () => `${useDrop(SHOES)?.position.seq} `
const Two: FunctionComponent = () => `${useStock(SHOES, 'hat')} `
const Other: FunctionComponent = () => `${useDrop(HATS)?.position.seq} ${useDropFailure(HATS)?.code} `
const Countdown: FunctionComponent = () => {
  const ms = useCountdown(useDrop(SHOES)?.opensAtMs)
  if (ms !== seen.at(-1)) seen.push(ms)
  return `${ms}`
}
const Button: FunctionComponent = () => {
  const { progress, order, reset } = useOrder(SHOES)
  if (told.at(-1) !== progress.stage) told.push(progress.stage)
  return [
    createElement('button', { key: 1, type: 'button', onClick: () => void order(LINES, { timeoutMs: 5_000 }) }),
    createElement('button', { key: 2, type: 'button', onClick: reset }),
  ]
}

/** The components side by side, in StrictMode; any of them may be taken away. */
async function stage(...components: FunctionComponent[]) {
  const world = new HandWorld()
  const server = new ScriptedServer()
  const client = new Client({ transport: server.transport, world, getToken: async () => 't' })
  const page = newPage()
  const root = createRoot(page)
  const show = (shown: FunctionComponent[]) =>
    act(async () => {
      const children = shown.map((component) => createElement(component, { key: components.indexOf(component) }))
      root.render(createElement(StrictMode, null, createElement(LiveDropProvider, { client }, ...children)))
    })
  const says = (link: ScriptedLink, ...messages: object[]) => act(async () => link.say(...messages))
  await show(components)
  ends.push(async () => {
    await act(async () => root.unmount())
    client.close()
  })
  return { world, server, client, page, show, says, advance: (ms: number) => act(() => world.advance(ms)) }
}

describe('the hooks', () => {
  it('[J20] render again when what they read has changed, and for nothing else', async () => {
    const { server, says, page } = await stage(Stock, Connection)
    const link = await act(() => server.greeted())
    await says(link, snapshot(SHOES))
    expect(page.textContent).toBe('10online')
    renders.length = 0

    await says(link, left(2, 'hat', 4))
    await says(link, { ...left(3, 'shoe', 10), changes: [{ kind: 'viewers', viewers: 99 }] })
    expect(renders).toEqual([])
    await says(link, left(4, 'shoe', 9))

    expect(new Set(renders)).toEqual(new Set(['stock 9']))
    expect(page.textContent).toBe('9online')
  })

  it('[J20] watch a drop once for all who look, across StrictMode, and let go with the last', async () => {
    const { server, says, page, show, client } = await stage(One, Two, Other)
    const link = await act(() => server.greeted())
    expect(link.take('watch').map(({ drop }) => drop)).toEqual([SHOES, HATS])
    await says(link, snapshot(SHOES), {
      ...{ type: 'error', id: `w${HATS}`, code: 'not_found', message: 'no such drop', retryable: false },
    })
    expect(page.textContent).toBe('1 5 undefined not_found ')

    await show([Two])
    expect(link.take('unwatch').map(({ drop }) => drop)).toEqual([HATS])
    await show([One])
    expect([page.textContent, link.take('unwatch'), link.take('watch')]).toEqual(['1 ', [], []])
    await show([])

    expect(link.take('unwatch').map(({ drop }) => drop)).toEqual([SHOES])
    expect(client.watched(SHOES)).toBeUndefined()
  })

  it('[J20] count down on the drop’s clock, once a step, to zero', async () => {
    const { server, says, advance, world, client, show } = await stage(Countdown)
    const link = await act(() => server.greeted({ serverTimeMs: 1_000_000 }))
    await says(link, snapshot(SHOES, 1_002_500))
    for (let n = 0; n < 60; n += 1) {
      await advance(50)
      for (const { t0 } of link.take('clock')) await says(link, { type: 'clock', t0, t1: 1_000_000, t2: 1_000_000 })
    }

    expect(seen).toEqual([3_000, 2_000, 1_000, 0])
    expect(client.clock.now()).toBeGreaterThanOrEqual(1_002_500)
    await show([])
    client.close()
    expect(world.timers).toBe(0)
    expect(renderToString(createElement(LiveDropProvider, { client }, createElement(Countdown)))).toBe('undefined')
  })

  it('[J20] order once however often the button is tapped, and under the same key when nobody knows', async () => {
    const { server, says, page, advance, world } = await stage(Button)
    const [buy, reset] = [...page.querySelectorAll('button')]
    const tap = (button = buy) => {
      world.chance = (world.chance + 0.1) % 1 // else every key would be the same
      return act(async () => button?.click())
    }
    await tap()
    await tap()
    const link = await act(() => server.greeted())
    const [first, ...none] = link.take('order')
    await tap()
    expect([first?.drop, none, link.take('order')]).toEqual([SHOES, [], []])

    await tap(reset)
    await advance(4_999)
    for (const { t0 } of link.take('clock')) await says(link, { type: 'clock', t0, t1: 0, t2: 0 })
    await advance(1)
    expect(told).toEqual(['idle', 'ordering', 'answered'])
    link.take('order')
    await tap()
    const [again] = link.take('order')
    expect(again?.key).toBe(first?.key)
    await says(link, { ...again, type: 'receipt', verdict: 'accepted', orderId: 'o' })
    await says(link, { type: 'confirmed', drop: SHOES, key: again?.key, orderId: 'o' })
    expect(told.splice(0)).toEqual(['idle', 'ordering', 'answered', 'ordering', 'answered', 'ended'])
    await tap(reset)
    await tap()

    expect(link.take('order')[0]?.key).not.toBe(first?.key)
    expect(told).toEqual(['idle', 'ordering'])
  })

  it('[J20] say so when there is no client above them', () => {
    expect(() => renderToString(createElement(Connection))).toThrow('LiveDropProvider')
  })
})
