/**
 * One question on a loopback port: connect, say something, see whether the answer has the shape that was hoped for.
 *
 * The stack knows no client library, so readiness is asked for in the two text protocols themselves.
 */
import { connect } from 'node:net'

const ANSWER_WITHIN_MS = 1_000
const ANSWER_CHARACTERS_MAX = 16_384

export function says(port: number, question: string, hoped: RegExp): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ port, host: '127.0.0.1' })
    const done = (found: boolean) => {
      socket.destroy()
      resolve(found)
    }
    socket.setTimeout(ANSWER_WITHIN_MS, () => done(false))
    socket.once('error', () => done(false))
    socket.once('close', () => done(false))
    socket.once('connect', () => void socket.write(question))
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1')
      if (hoped.test(answer)) done(true)
      else if (answer.length > ANSWER_CHARACTERS_MAX) done(false)
    })
  })
}
