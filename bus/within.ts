/** Waits for a goodbye, but not longer than `ms`; how it ended does not matter to who is leaving. */
export async function within(ms: number, ending: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([ending.catch(() => undefined), enough])
  clearTimeout(timer)
}
