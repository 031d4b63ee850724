/**
 * The certificate of this node: two files, looked at before the library is given them, for of what is wrong with them it
 * only says that something is.
 */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Fault } from '../../protocol/faults.ts'

/** Paths of PEM files. */
export interface CertificateFiles {
  /** The chain, this node's own certificate first. */
  certificate: string
  key: string
}

export interface Certificate {
  /** Another one for every other pair of files. */
  print: string
  names: string
  endsAtMs: number
}

/** Throws `misconfigured`, naming the setting and never a path or what is in it. */
export function readCertificate(files: CertificateFiles): Certificate {
  const chain = read('LIVEDROP_TLS_CERT', files.certificate)
  const pem = read('LIVEDROP_TLS_KEY', files.key)
  const certificate = parsed('LIVEDROP_TLS_CERT', 'is not a certificate in PEM', () => new X509Certificate(chain))
  const key = parsed('LIVEDROP_TLS_KEY', 'is not a private key in PEM without a passphrase', () =>
    createPrivateKey(pem),
  )
  if (!certificate.checkPrivateKey(key)) throw wrong('LIVEDROP_TLS_KEY', 'is not the key of LIVEDROP_TLS_CERT')

  return {
    print: createHash('sha256').update(chain).update(pem).digest('hex'),
    names: certificate.subjectAltName ?? certificate.subject,
    endsAtMs: Date.parse(certificate.validTo),
  }
}

function read(variable: string, path: string): Buffer {
  return parsed(variable, 'cannot be read', () => readFileSync(path))
}

function parsed<T>(variable: string, what: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw wrong(variable, what, cause)
  }
}

function wrong(variable: string, what: string, cause?: unknown): Fault {
  return new Fault('misconfigured', { variable }, { message: `${variable} ${what}`, cause })
}
