/** A message for many, encoded at most once per encoding, when the first one needs it. */
import type { Frame } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import { type Encoding, encodeDown } from '../../protocol/encodings.ts'

export class EncodedOnce<Message extends Down = Down> {
  readonly message: Message
  readonly #frames: Partial<Record<Encoding, Frame>> = {}

  constructor(message: Message) {
    this.message = message
  }

  frame(encoding: Encoding): Frame {
    const made = this.#frames[encoding] ?? encodeDown(this.message, encoding)
    this.#frames[encoding] = made
    return made
  }
}
