/** What a bench leaves behind, and the ear with which it hears gaps. */
import { describe, expect, it } from 'vitest'
import { AnnouncedGaps } from '../bench/announced-gaps.ts'
import { type Report, renderHtml, renderJson } from '../bench/report.ts'
import type { LinkEars } from '../client/transport.ts'
import type { News } from '../protocol/messages/news.ts'
import type { Position } from '../protocol/position.ts'
import { at } from './builders/edge-world.ts'
import { dropOf } from './builders/people.ts'

describe('the report of a bench', () => {
  const report: Report = {
    ...{ title: 'storm <b>', passed: false, at: '2026-01-01T00:00:00.000Z', command: 'bench "storm" & more' },
    ...{ machine: '2 cores', load: [1.5, 2, 3], figures: { lost: 1, said: '</pre><script>' } },
    rows: [
      { what: 'accepted', value: '300' },
      { what: '  p99', value: '51 ms', bar: 'at most 250 ms', pass: true },
      { what: 'lost', value: '1', bar: 'none', pass: false },
    ],
  }

  it('[DD16] is one page with every figure, bar and verdict, that needs nothing else', () => {
    const html = renderHtml(report)

    for (const text of ['accepted', '300', '51 ms', 'at most 250 ms', 'none', '1.5, 2, 3', '2 cores', '2026-01-01']) {
      expect(html).toContain(text)
    }
    expect(html.match(/<td class="pass">PASS/g)).toHaveLength(1)
    expect(html.match(/<td class="over">FAIL/g)).toHaveLength(1)
    expect(html).toContain('<strong class="over">FAIL')
    expect(html).not.toMatch(/src=|href=|@import|url\(/)
  })

  it('[DD16] takes nothing that was measured or said for markup', () => {
    const html = renderHtml(report)

    expect(html).not.toMatch(/<script|<b>/)
    expect(html).toContain('storm &lt;b&gt;')
    expect(html).toContain('bench &quot;storm&quot; &amp; more')
    expect(html).toContain('&lt;/pre&gt;&lt;script&gt;')
  })

  it('[DD16] is the same figures as JSON', () => {
    expect(JSON.parse(renderJson(report))).toEqual({
      ...{ title: 'storm <b>', passed: false, load: [1.5, 2, 3], lost: 1, said: '</pre><script>' },
    })
  })
})

describe('the ear for gaps', () => {
  const news = (from: Position | undefined, position: Position, more: Partial<News> = {}): News => ({
    ...{ type: 'news', drop: dropOf('shoes'), position, ...(from && { from }), at: 0 },
    ...{ changes: [{ kind: 'phase', phase: 'open' }], ...more },
  })
  const snapshot = (position: Position) => ({ type: 'snapshot', position })

  function hearing(...frames: unknown[]) {
    const gaps = new AnnouncedGaps()
    const heard: unknown[] = []
    let said = (_: unknown): void => undefined
    const transport = gaps.through((ears) => {
      said = ears.heard
      return { send: () => undefined, close: () => undefined }
    })
    const ears: LinkEars = {
      opened: () => undefined,
      heard: (frame) => heard.push(frame),
      closed: () => undefined,
    }
    transport(ears)
    for (const frame of frames) said(frame)
    expect(heard).toEqual(frames)
    return { announced: gaps.announced, unannounced: gaps.unannounced }
  }

  it('[GG6] hears none where news follows on, in one frame or several, and counts what stands for what was missed', () => {
    const follows = [snapshot(at(1, 0)), [news(at(1, 0), at(1, 3)), news(at(1, 3), at(1, 3))], news(at(1, 2), at(1, 5))]

    expect(hearing(...follows)).toEqual({ announced: 0, unannounced: 0 })
    expect(hearing(...follows, news(at(1, 5), at(1, 9), { recovered: true }), snapshot(at(2, 0)))).toEqual({
      announced: 2,
      unannounced: 0,
    })
  })

  it.each([
    ['begins after what is known', news(at(1, 1), at(1, 2))],
    ['is of another epoch', news(at(2, 0), at(2, 1))],
    ['goes back', snapshot(at(0, 5))],
  ])('[GG6] hears one where something %s', (_, frame) => {
    expect(hearing(snapshot(at(1, 0)), frame).unannounced).toBeGreaterThan(0)
  })

  it('[GG6] hears one where news comes before any snapshot', () => {
    expect(hearing(news(at(1, 0), at(1, 1))).unannounced).toBe(1)
  })
})
