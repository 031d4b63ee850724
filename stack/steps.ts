/**
 * What the stack is doing, told as it happens. Whoever started it decides how that looks.
 */
export type Step = {
  name: string
  state: 'started' | 'done' | 'failed'
  /** Since the step started; 0 while it is starting. */
  ms: number
  detail: string
}

export type OnStep = (step: Step) => void

/** Runs one step; `describe` turns its result into the detail that is shown when it is done. */
export async function step<T>(
  onStep: OnStep,
  name: string,
  work: () => Promise<T> | T,
  describe: (result: T) => string = () => '',
): Promise<T> {
  const startedAt = performance.now()
  const ms = () => Math.round(performance.now() - startedAt)
  onStep({ name, state: 'started', ms: 0, detail: '' })
  try {
    const result = await work()
    onStep({ name, state: 'done', ms: ms(), detail: describe(result) })
    return result
  } catch (error) {
    onStep({ name, state: 'failed', ms: ms(), detail: error instanceof Error ? error.message : String(error) })
    throw error
  }
}
