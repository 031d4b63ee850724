/** The bytes of this process' heap that somebody still holds: collected first, without a flag on the command line. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

export function heapAfterCollection(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
