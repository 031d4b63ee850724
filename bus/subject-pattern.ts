/** Which subjects a pattern stands for, as NATS reads them: `*` is one token, `>` at the end is one or more. */
export type Pattern = (subject: string) => boolean

export function subjectPattern(pattern: string): Pattern {
  if (!pattern.includes('*') && !pattern.includes('>')) return (subject) => subject === pattern

  const wanted = pattern.split('.')
  return (subject) => {
    const tokens = subject.split('.')
    for (const [at, want] of wanted.entries()) {
      if (want === '>') return tokens.length > at
      if (at >= tokens.length) return false
      if (want !== '*' && want !== tokens[at]) return false
    }
    return tokens.length === wanted.length
  }
}

/** A subject or pattern that can be listened to. A wrong one would cost the whole link, again and again. */
export function isPattern(pattern: string): boolean {
  return /^[^\s.]+(\.[^\s.]+)*$/.test(pattern)
}

/** A subject that can be sent to. White space in one would end the command line of the NATS protocol early. */
export function isSubject(subject: string): boolean {
  return /^[^\s.*>]+(\.[^\s.*>]+)*$/.test(subject)
}
