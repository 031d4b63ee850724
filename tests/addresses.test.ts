/** Whose address it is, and that nobody can choose theirs. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Addresses, isAddressOrNetwork } from '../server/inbound/addresses.ts'

const PROXIES = ['10.0.0.0/8', '2001:db8:aaaa::/48']
const far = new Addresses([])
const behind = new Addresses(PROXIES)

describe('an address', () => {
  it('[Q4] is the other end of the connection, whatever a stranger writes into the header', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.1, 10.0.0.2')), (forged) => {
        expect(far.networkOf('203.0.113.9', forged)).toBe('203.0.113.9')
        expect(behind.networkOf('203.0.113.9', forged)).toBe('203.0.113.9')
      }),
    )
  })

  it('[Q4] is the last one that is not a proxy of ours; what stands before it is only somebody’s word', () => {
    const cases: [string | undefined, string][] = [
      [undefined, '10.1.1.1'],
      ['198.51.100.7', '198.51.100.7'],
      ['198.51.100.7, 10.2.2.2', '198.51.100.7'],
      ['1.1.1.1, 198.51.100.7,10.2.2.2', '198.51.100.7'],
      ['10.9.9.9, 198.51.100.7', '198.51.100.7'],
      ['10.9.9.9', '10.9.9.9'],
      ['198.51.100.7:55123', '198.51.100.7'],
      ['[2001:db8:1:2:3::4]:443', '2001:db8:1:2::/64'],
      ['198.51.100.7, unknown', '10.1.1.1'],
      ['198.51.100.7, ', '10.1.1.1'],
      [`${'1.1.1.1, '.repeat(1_000)}198.51.100.7, 2001:db8:aaaa::5`, '198.51.100.7'],
    ]
    for (const [header, client] of cases) expect(behind.networkOf('10.1.1.1', header), header).toBe(client)
    expect(behind.networkOf('::ffff:10.1.1.1', '198.51.100.7')).toBe('198.51.100.7')
    expect(behind.networkOf('2001:db8:aaaa::1', '198.51.100.7')).toBe('198.51.100.7')
  })

  it('[Q4] of IPv6 is its /64, however it is written', () => {
    const network = '2001:db8:0:7::/64'
    const written = [
      '2001:db8:0:7::1',
      '2001:0db8:0000:0007:ffff:ffff:ffff:ffff',
      '2001:DB8:0:7:1:2:3:4',
      '2001:db8::7:1:2:3:4',
      '2001:db8::7:0:0:192.0.2.1',
    ]
    for (const address of written) expect(far.networkOf(address, undefined), address).toBe(network)
    expect(far.networkOf('2001:db8:0:8::1', undefined)).not.toBe(network)
    expect(far.networkOf('fe80::1%eth0', undefined)).toBe('fe80:0:0:0::/64')
    expect(far.networkOf('::1', undefined)).toBe('0:0:0:0::/64')
    for (const mapped of ['::ffff:192.0.2.1', '0000:0000:0000:0000:0000:ffff:c000:0201']) {
      expect(far.networkOf(mapped, undefined)).toBe('192.0.2.1')
    }
  })

  it('[Q4] on the list is one address or one network', () => {
    for (const good of ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', '2001:db8::/32']) {
      expect(isAddressOrNetwork(good), good).toBe(true)
    }
    for (const bad of [
      '',
      'proxy',
      '10.0.0.0/33',
      '10.0.0/8',
      '::1/129',
      '10.0.0.0/8/8',
      '10.0.0.1/',
      'fe80::1%eth0',
    ]) {
      expect(isAddressOrNetwork(bad), bad).toBe(false)
    }
  })
})
