/** The REST client of the command line: one call, and a line when it is refused. */
export interface Rest {
  url: string
  token: string
}

const ANSWER_WITHIN_MS = 10_000

export async function call(rest: Rest, method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
  const answer = await fetch(rest.url + path, {
    method,
    headers: {
      authorization: `Bearer ${rest.token}`,
      ...(method === 'POST' ? { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() } : {}),
    },
    ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  })
  const said = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${said}`)
  return JSON.parse(said)
}
