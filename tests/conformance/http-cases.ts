/**
 * What may come over an HTTP/1.1 connection and what comes of it: the table of tests/http-conformance.test.ts. After the
 * bytes of a row comes a good request, on the same connection.
 *
 *   `200`   `404`    the answers to the row, in their order
 *   `on`             and the good request behind it is answered: both ends agree where one request ends
 *   `cut`            and the connection ends
 *   `waits`          for more bytes
 *
 * A row asks for what RFC 9112 asks for, any of several; `here` is what we do where that is something else, and `why` we
 * live with it. The rows are those of uNetworking's h1spec and of the usual lists of request smuggling.
 */
const H = 'Host: x\r\n'
const GET = 'GET /things/one HTTP/1.1\r\n'
const POST = `POST /echo HTTP/1.1\r\n${H}Content-Type: application/json\r\n`
const BODY = '{"word":"y"}' // 12 bytes
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`

export interface HttpCase {
  name: string
  bytes: string
  asks: string[]
  here?: string
  why?: string
}

const row = (name: string, bytes: string, ...asks: string[]): HttpCase => ({ name, bytes, asks })
const get = (name: string, headers: string, ...asks: string[]) => row(name, `${GET}${headers}\r\n`, ...asks)
const first = (name: string, line: string, ...asks: string[]) => row(name, `${line}\r\n${H}\r\n`, ...asks)
const chunks = (name: string, text: string, ...asks: string[]) => row(name, `${CHUNKED}${text}`, ...asks)
const BAD = '400 cut'

const ROWS: HttpCase[] = [
  get('as it should be', H, '200 on'),
  row('a body', `${POST}Content-Length: 12\r\n\r\n${BODY}`, '200 on'),
  row('an empty line before it', `\r\n${GET}${H}\r\n`, '200 on', BAD),

  first('HTTP/1.0', 'GET /things/one HTTP/1.0', '505 cut', '200 cut', BAD),
  first('HTTP/2.0', 'GET /things/one HTTP/2.0', '505 cut', BAD),
  first('HTTP/1.2', 'GET /things/one HTTP/1.2', '505 cut', '200 on', BAD),
  first('http/1.1', 'GET /things/one http/1.1', '505 cut', BAD),
  first('no version', 'GET /things/one', '505 cut', BAD),
  first('two blanks in the first line', 'GET  /things/one HTTP/1.1', BAD, '404 on'),
  first('a tab in the first line', 'GET\t/things/one HTTP/1.1', BAD),
  first('a blank in the path', 'GET /things/o ne HTTP/1.1', BAD, '505 cut'),
  first('a blank before the method', ' GET /things/one HTTP/1.1', BAD),
  first('a method in small letters', 'get /things/one HTTP/1.1', BAD, '405 on', '501 on'),
  first('a method of a thousand letters', `${'A'.repeat(1_000)} /things/one HTTP/1.1`, BAD, '405 on', '501 on'),
  first('a method with a bracket', 'G{T /things/one HTTP/1.1', BAD, '405 on'),
  first('TRACE', 'TRACE /things/one HTTP/1.1', '405 on'),
  first('CONNECT', 'CONNECT a:80 HTTP/1.1', BAD, '405 on'),
  first('OPTIONS *', 'OPTIONS * HTTP/1.1', '200 on', '404 on', BAD),
  first('the whole URL', 'GET http://x/things/one HTTP/1.1', '200 on', BAD),
  first('another URL whole', 'GET http://evil/things/one HTTP/1.1', '200 on', BAD),
  first('no path', 'GET HTTP/1.1', BAD, '505 cut'),
  first('a path that does not begin with a slash', 'GET things/one HTTP/1.1', BAD, '404 on'),
  first('two slashes', 'GET //things/one HTTP/1.1', '404 on'),
  first('an escaped nothing', 'GET /things/%00 HTTP/1.1', '400 on', '404 on'),
  first('a byte of nothing', 'GET /things/\0 HTTP/1.1', BAD),
  first('a path of 3000 letters', `GET /${'a'.repeat(3_000)} HTTP/1.1`, '404 on'),
  first('a path of 20 KB', `GET /${'a'.repeat(20_000)} HTTP/1.1`, '414 cut', '431 on', '431 cut', '404 on'),

  row('lines that end in LF', 'GET /things/one HTTP/1.1\nHost: x\n\n', BAD, '200 on'),
  row('one line that ends in LF', `${GET}Host: x\nX-A: b\r\n\r\n`, BAD, '200 on'),
  row('a line that ends in CR', `${GET}Host: x\rX-A: b\r\n\r\n`, BAD),
  get('no header at all', '', BAD),
  get('no Host', 'X-A: b\r\n', BAD),
  get('two Hosts', `${H}Host: y\r\n`, BAD),
  get('an empty Host', 'Host:\r\n', '200 on', BAD),
  get('a line that goes on in the next', `${H}X-A: b\r\n c\r\n`, BAD, '200 on'),
  get('a blank before the first header', ` ${H}`, BAD),
  get('a blank before the colon', 'Host : x\r\n', BAD),
  get('no colon', `${H}X-A\r\n`, BAD),
  get('no name', `${H}: b\r\n`, BAD),
  get('a name with a blank', `${H}X A: b\r\n`, BAD),
  get('a name with a bracket', `${H}X(A: b\r\n`, BAD),
  get('a name that is not ASCII', `${H}X-\xe9: b\r\n`, BAD),
  get('a value with a byte of nothing', `${H}X-A: b\0c\r\n`, BAD),
  get('a value with a bell', `${H}X-A: b\x07c\r\n`, BAD, '200 on'),
  get('a value that is not ASCII', `${H}X-A: \xe9\r\n`, '200 on', BAD),
  get('an empty value', `${H}X-A:\r\n`, '200 on'),
  get('white space around a value', `${H}X-A: \t b \t\r\n`, '200 on'),
  get('50 headers', `${H}${'X-A: b\r\n'.repeat(49)}`, '200 on'),
  get('200 headers', `${H}${'X-A: b\r\n'.repeat(199)}`, '200 on', '431 cut'),
  get('a header of 2 KB', `${H}X-A: ${'b'.repeat(2_048)}\r\n`, '200 on'),
  get('a header of 20 KB', `${H}X-A: ${'b'.repeat(20_000)}\r\n`, '200 on', '431 on', '431 cut'),
  get('Connection: close', `${H}Connection: close\r\n`, '200 cut'),
  row(
    'Expect: 100-continue',
    `${POST}Expect: 100-continue\r\nContent-Length: 12\r\n\r\n${BODY}`,
    '100 200 on',
    '200 on',
    '417 cut',
  ),

  ...['abc', '-12', '+12', '0x0c', '12 12', '12, 12', '12,13', '1e1', '12.0', '', '12\v', '99999999999999999999'].map(
    (length) =>
      row(`a length of ${JSON.stringify(length)}`, `${POST}Content-Length: ${length}\r\n\r\n${BODY}`, BAD, '413 cut'),
  ),
  row('a length of 012', `${POST}Content-Length: 012\r\n\r\n${BODY}`, '200 on', BAD),
  row('two lengths', `${POST}Content-Length: 12\r\nContent-Length: 13\r\n\r\n${BODY}`, BAD),
  row('two lengths that are the same', `${POST}Content-Length: 12\r\nContent-Length: 12\r\n\r\n${BODY}`, '200 on', BAD),
  row(
    'a length and chunks',
    `${POST}Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n${BODY}\r\n0\r\n\r\n`,
    BAD,
    '200 cut',
  ),
  row(
    'chunks and a length',
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nc\r\n${BODY}\r\n0\r\n\r\n`,
    BAD,
    '200 cut',
  ),
  row('a length that is followed by less', `${POST}Content-Length: 200\r\n\r\n${BODY}`, 'waits'),
  ...[
    'identity',
    'gzip',
    'xchunked',
    'chunked, gzip',
    'chunked, identity',
    'gzip, chunked',
    'chunked, chunked',
    '"chunked"',
    'chunke',
  ].map((coding) =>
    row(
      `a transfer in ${coding}`,
      `${POST}Transfer-Encoding: ${coding}\r\n\r\nc\r\n${BODY}\r\n0\r\n\r\n`,
      BAD,
      '501 cut',
    ),
  ),
  row(
    'a transfer in CHUNKED',
    `${POST}Transfer-Encoding: CHUNKED\r\n\r\nc\r\n${BODY}\r\n0\r\n\r\n`,
    '200 on',
    BAD,
    '501 cut',
  ),
  row(
    'two transfers',
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\nc\r\n${BODY}\r\n0\r\n\r\n`,
    BAD,
  ),
  row(
    'a transfer with a blank before the colon',
    `${POST}Transfer-Encoding : chunked\r\n\r\nc\r\n${BODY}\r\n0\r\n\r\n`,
    BAD,
  ),
  row('a transfer with a vertical tab', `${POST}Transfer-Encoding: \vchunked\r\n\r\nc\r\n${BODY}\r\n0\r\n\r\n`, BAD),

  chunks('a chunk', `c\r\n${BODY}\r\n0\r\n\r\n`, '200 on'),
  chunks('chunks of one byte', `${[...BODY].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`, '200 on'),
  chunks('a size in capitals', `C\r\n${BODY}\r\n0\r\n\r\n`, '200 on'),
  chunks('a size with zeros in front', `000c\r\n${BODY}\r\n000\r\n\r\n`, '200 on', BAD),
  chunks('an extension', `c;a=b\r\n${BODY}\r\n0\r\n\r\n`, '200 on', BAD),
  chunks('an extension in quotes', `c;a="b c"\r\n${BODY}\r\n0\r\n\r\n`, '200 on', BAD),
  chunks('an extension of 20 KB', `c;a=${'b'.repeat(20_000)}\r\n${BODY}\r\n0\r\n\r\n`, BAD, '200 on', '413 cut'),
  chunks('a trailer', `c\r\n${BODY}\r\n0\r\nX-A: b\r\n\r\n`, '200 on', BAD),
  chunks('a size that is no number', `z\r\n${BODY}\r\n0\r\n\r\n`, BAD),
  chunks('a size with 0x', `0xc\r\n${BODY}\r\n0\r\n\r\n`, BAD),
  chunks('a size below zero', `-c\r\n${BODY}\r\n0\r\n\r\n`, BAD),
  chunks('a size with a plus', `+c\r\n${BODY}\r\n0\r\n\r\n`, BAD),
  chunks('no size', `\r\n${BODY}\r\n0\r\n\r\n`, BAD),
  chunks('a size past 64 bits', `1000000000000000c\r\n${BODY}\r\n0\r\n\r\n`, BAD, '413 cut'),
  chunks('a size of sixteen f', `ffffffffffffffff\r\n${BODY}\r\n0\r\n\r\n`, BAD, '413 cut'),
  chunks('a chunk that is longer than its size', `b\r\n${BODY}\r\n0\r\n\r\n`, BAD),
  chunks('a chunk that is shorter than its size', `d\r\n${BODY}\r\n0\r\n\r\n`, BAD),
  chunks('sizes that end in LF', `c\n${BODY}\n0\n\n`, BAD),
  chunks('a blank behind the size', `c \r\n${BODY}\r\n0\r\n\r\n`, BAD, '200 on'),
  chunks('no end: the good request is read as a size', `c\r\n${BODY}\r\n`, BAD),
]

/** What we do instead of what is asked for: why, what, and in which rows. */
const DEVIATIONS: [why: string, here: string, names: string[]][] = [
  [
    'uWebSockets.js says 505 to every first line that it cannot read; a node is no proxy, so a target is a path',
    '505 cut',
    [
      ...['an empty line before it', 'two blanks in the first line', 'a tab in the first line', 'CONNECT', 'OPTIONS *'],
      ...[
        'a blank before the method',
        'the whole URL',
        'another URL whole',
        'a byte of nothing',
        'lines that end in LF',
      ],
      'a path that does not begin with a slash',
    ],
  ],
  [
    'what cannot be read as headers is held for the beginning of some; nothing is done, and the idle time ends it',
    'waits',
    [
      ...['one line that ends in LF', 'a line that ends in CR', 'no header at all', 'a line that goes on in the next'],
      ...['a blank before the first header', 'a blank before the colon', 'no colon', 'a name with a blank'],
      ...['a name with a bracket', 'a name that is not ASCII', 'a value with a byte of nothing', 'a value with a bell'],
      ...['200 headers', 'a length of "12\\u000b"', 'a transfer with a blank before the colon'],
      'a transfer with a vertical tab',
    ],
  ],
  [
    'ended without an answer: behind one the library would go on to read what may be the inside of a body',
    'cut',
    [
      ...['two lengths', 'two lengths that are the same', 'two transfers', 'a length of ""'],
      ...[
        'identity',
        'gzip',
        'xchunked',
        'chunked, gzip',
        'chunked, identity',
        'gzip, chunked',
        'chunked, chunked',
      ].map((coding) => `a transfer in ${coding}`),
      ...['a transfer in "chunked"', 'a transfer in chunke'],
    ],
  ],
  ['what came in the same read is still answered, and keeps the connection', '200 on', ['Connection: close']],
  ['what came in the same read is still answered, and keeps the connection', '400 on', ['two Hosts']],
  ['a method is read in any case', '200 on', ['a method in small letters']],
  ['a header without a name is passed over', '200 on', ['no name']],
  [
    'the library does not look at what stands between chunks; a proxy in front writes the chunks anew',
    '200 on',
    ['a chunk that is shorter than its size', 'sizes that end in LF'],
  ],
  [
    'the library does not look at what stands between chunks; what it meets then is no request',
    '505 cut',
    ['no size', 'a chunk that is longer than its size', 'a trailer'],
  ],
  ['the library knows no extensions, and nobody uses any', 'waits', ['an extension']],
]

export const HTTP_CASES: HttpCase[] = ROWS.map((one) => {
  const deviation = DEVIATIONS.find(([, , names]) => names.includes(one.name))
  return deviation === undefined ? one : { ...one, why: deviation[0], here: deviation[1] }
})
export const DEVIATING: readonly string[] = DEVIATIONS.flatMap(([, , names]) => names)
