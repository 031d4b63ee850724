/** A certificate for 127.0.0.1 that nobody has signed but itself, written byte by byte: no machine needs openssl for it. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CertificateFiles } from '../../server/transports/certificate.ts'
import { START_MS } from './hand-clock.ts'

const ECDSA_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex')
const COMMON_NAME = Buffer.from('0603550403', 'hex')
const ALT_NAMES = Buffer.from('0603551d11', 'hex')
const LONG_AGO_MS = Date.UTC(2025, 0, 1)
const LONG_MS = 366 * 86_400_000

export interface Pem {
  certificate: string
  key: string
}

export function selfSigned(name: string, endsAtMs = START_MS + LONG_MS): Pem {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const algorithm = der(0x30, ECDSA_SHA256)
  const who = der(0x30, der(0x31, der(0x30, COMMON_NAME, der(0x0c, Buffer.from(name)))))
  const from = utcTime(LONG_AGO_MS)
  const until = utcTime(endsAtMs)
  const names = der(0x30, der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])))
  const body = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    who,
    der(0x30, from, until),
    who,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, der(0x30, der(0x30, ALT_NAMES, der(0x04, names)))),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  const base64 = der(0x30, body, algorithm, signature).toString('base64')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  }
}

/** Two files that change as the hand of whoever renews them changes them. */
export function certificateFiles(pem: Pem) {
  const folder = mkdtempSync(join(tmpdir(), 'livedrop-tls-'))
  const files: CertificateFiles = { certificate: join(folder, 'chain.pem'), key: join(folder, 'key.pem') }
  const write = (next: Partial<Pem>) => {
    if (next.certificate !== undefined) writeFileSync(files.certificate, next.certificate)
    if (next.key !== undefined) writeFileSync(files.key, next.key, { mode: 0o600 })
  }
  write(pem)
  return { files, write, remove: () => rmSync(folder, { recursive: true }) }
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const size = content.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

function utcTime(atMs: number): Buffer {
  return der(0x17, Buffer.from(`${new Date(atMs).toISOString().slice(2, 19).replaceAll(/[-T:]/g, '')}Z`))
}
