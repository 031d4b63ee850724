/** `livedrop down`: ends the stack that runs in a data folder, its nodes first. Never by force: orders may be on their way. */
import { defineCommand } from 'citty'
import { stopRunning } from '../stack/state.ts'
import { orFail } from './outcome.ts'
import { dataArg } from './settings.ts'

export const downCommand = defineCommand({
  meta: { name: 'down', description: 'Stop what `livedrop up` started' },
  args: { data: dataArg },
  run: ({ args }) =>
    orFail(async () => {
      const stopped = await stopRunning(args.data)
      if (stopped.outcome === 'not_running') console.log(`nothing runs in ${args.data}`)
      else if (stopped.outcome === 'stopped') console.log('stopped')
      else throw new Error(`process ${stopped.pid} was asked to stop and still runs`)
    }),
})
