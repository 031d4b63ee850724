/**
 * Whose address is it: the other end's of the connection, or the one that a trusted proxy names.
 *
 * `X-Forwarded-For` is a header like any other, and anybody may write what they like into it. So it is read from the
 * right, where our own proxies add, for as long as the one who speaks is on the list; the first that is not on it is
 * the client, and what stands to its left is the client's word and not read. Without a list it is not read at all.
 *
 * A network is what is counted: an IPv4 address, or the /64 of an IPv6 address, for whoever has one of those has all
 * 18 billion billion of its addresses.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Entries that are read, from the right. */
const PROXIES_MAX = 16
/** More than that many entries have: whoever sends a long header is not read to its beginning. */
const CHARS_MAX = 1_024

export class Addresses {
  readonly #trusted = new BlockList()
  readonly #trustsAny: boolean

  /** Addresses or networks (`10.0.0.0/8`), in the form that `isAddressOrNetwork` takes. */
  constructor(trustedProxies: readonly string[]) {
    this.#trustsAny = trustedProxies.length > 0
    for (const entry of trustedProxies) {
      const [address = '', bits] = entry.split('/')
      const family = isIPv4(address) ? 'ipv4' : 'ipv6'
      this.#trusted.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family)
    }
  }

  /** Whether the header makes any difference; a transport need not copy it otherwise. */
  get readsForwarded(): boolean {
    return this.#trustsAny
  }

  /** `peer`: the other end. `forwardedFor`: all of the header, its lines joined by commas. */
  networkOf(peer: string, forwardedFor: string | undefined): string {
    return networkOf(this.#clientOf(plain(peer), forwardedFor))
  }

  #clientOf(peer: string, forwardedFor: string | undefined): string {
    if (!this.#trustsAny || forwardedFor === undefined) return peer

    let client = peer
    for (const entry of forwardedFor.slice(-CHARS_MAX).split(',').slice(-PROXIES_MAX).reverse()) {
      if (!this.#trusts(client)) break

      const before = plain(withoutPort(entry.trim()))
      if (!isIPv4(before) && !isIPv6(before)) break // whoever wrote that is the last one we know
      client = before
    }
    return client
  }

  #trusts(address: string): boolean {
    if (isIPv4(address)) return this.#trusted.check(address, 'ipv4')
    return isIPv6(address) && this.#trusted.check(address, 'ipv6')
  }
}

/** Around a network, as Addresses names it: what one who is given addresses is given together. A /24, of IPv6 a /48. */
export function neighbourhoodOf(network: string): string {
  const ends = isIPv4(network) ? network.lastIndexOf('.') : network.split(':', 3).join(':').length
  return network.slice(0, ends)
}

export function isAddressOrNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const bitsMax = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : undefined
  if (bitsMax === undefined || more.length > 0) return false

  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax)
}

/** `1.2.3.4:56` and `[2001:db8::1]:56` are how some proxies write it. */
function withoutPort(entry: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry)?.[1] ?? entry
}

/** IPv4 that came over an IPv6 socket (`::ffff:1.2.3.4`) is IPv4. */
function plain(address: string): string {
  if (isIPv4(address) || !isIPv6(address)) return address

  const groups = groupsOf(address)
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff) return address
  const [high = 0, low = 0] = groups.slice(6)
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

function networkOf(address: string): string {
  if (!isIPv6(address)) return address

  const network = groupsOf(address).slice(0, 4)
  return `${network.map((group) => group.toString(16)).join(':')}::/64`
}

/** The eight numbers of an IPv6 address, whichever way it is written. */
function groupsOf(address: string): number[] {
  const [bare = ''] = address.split('%') // the zone of a link-local address
  const tail = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare)
  const [, a = 0, b = 0, c = 0, d = 0] = (tail ?? []).map(Number)
  const hex =
    tail === null ? bare : `${bare.slice(0, tail.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`

  const [before = '', after] = hex.split('::')
  const left = before === '' ? [] : before.split(':')
  const right = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16))
}
