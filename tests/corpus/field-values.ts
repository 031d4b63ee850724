/**
 * What has ever broken somebody's server, as the value of a field: used for every field of every door, so that a value
 * that is added here is tried everywhere.
 */

/** For any text. */
export const TEXTS = [
  ...['', ' ', '\t', '\n', '\0', 'a\0b', 'a\r\nX-Injected: 1', '\u0085', '\u2028', '\ud800', '\udfff\ud800', '\ufeff'],
  ...['{}', '}', '{x}', '*', '>', 'ld:{x}:r', 'a.b.>', '..', '.', '../../etc/passwd', '%00', '%2e%2e', '%', '/', '//'],
  ...["'", "' or '1'='1", "1'; drop table users; --", '$1', '$$', '\\', '"', '`id`', '; sleep 9', '%s%n', '?', '#'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what an attacker sends
  ...['&a=b', '${7*7}', '{{7*7}}', '<script>alert(1)</script>', 'javascript:alert(1)', 'file:///etc/passwd'],
  ...['http://\0/', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'undefined', 'NaN', 'true', '[]'],
  ...['0', '-1', '1e400', '\u202egnp.exe', 'ѕhirt', 'ﬀ', 'İ', '𝒜', '\u0301'],
  ...['a'.repeat(300), 'é'.repeat(300), 'a'.repeat(10_000)],
]

/** In place of anything: another kind of value. */
export const OTHERS = [
  null,
  true,
  0,
  -1,
  0.5,
  -0,
  1e21,
  2 ** 53 + 1,
  [],
  [[]],
  {},
  [null],
  { $ne: null },
  { length: 1 },
]

/** For a number. */
export const NUMBERS = ['1', '0x1', '', 'one', Number.MIN_VALUE, -1, 1.5, 1e21, 2 ** 53 + 1]

const NO_TEXTS = OTHERS.filter((value) => typeof value !== 'string')
const uuid = '01890a5d-ac96-774b-bcce-b302099a8057'

/** What a field of each kind must refuse, and only that: `key` takes a dot, `id` takes any short text. */
export const FIELD_KINDS = {
  uuid: [
    ...TEXTS,
    ...OTHERS,
    uuid.toUpperCase(),
    ` ${uuid}`,
    `${uuid}\n`,
    `${uuid}\0`,
    `{${uuid}}`,
    [uuid],
    uuid.slice(1),
  ],
  orderId: [
    ...TEXTS,
    ...OTHERS,
    'A'.repeat(26),
    'a'.repeat(25),
    `${'a'.repeat(26)}\n`,
    ['a'.repeat(26)],
    '1'.repeat(26),
  ],
  key: [
    ...TEXTS.filter((text) => !/^[\w.~-]{1,64}$/.test(text)),
    ...OTHERS,
    'k'.repeat(65),
    'k\n',
    ['k'],
    'ключ',
    'k:1',
  ],
  sku: [...TEXTS.filter((text) => !/^[A-Za-z0-9][\w.-]{0,63}$/.test(text)), ...OTHERS, 'a:b', 'a,b', 'ＲＥＤ', 's\n'],
  qty: [...TEXTS, ...OTHERS, ...NUMBERS.filter((value) => value !== 1), 1001, '1n', [1]],
  lines: [
    ...TEXTS,
    ...OTHERS,
    Array(17).fill({ sku: 'a', qty: 1 }),
    [
      { sku: 'a', qty: 1 },
      { sku: 'a', qty: 2 },
    ],
    [[[]]],
  ],
  /** Echoed in the answer: nothing that it could break, but bounded. */
  id: [null, true, -1, 0.5, 1e21, 2 ** 53 + 1, [], [[]], {}, { $ne: null }, '', 'x'.repeat(65)],
  whole: [...TEXTS, ...OTHERS.filter((value) => value !== 0), ...NUMBERS],
  time: [...TEXTS, ...OTHERS.filter((value) => value !== 0 && value !== 0.5), -1, 1e21, 2 ** 53 + 1],
  position: [...TEXTS, ...OTHERS, { epoch: 1 }, { epoch: '1', seq: 1 }, { epoch: 1, seq: -1 }, [1, 1], '1-1'],
  keys: [...TEXTS, ...OTHERS, Array(65).fill('k'), ['k', null], ['k', 'a\0b']],
  noText: NO_TEXTS,
} satisfies Record<string, readonly unknown[]>

export type FieldKind = keyof typeof FIELD_KINDS
