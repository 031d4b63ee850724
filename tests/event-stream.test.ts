import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryEventStream } from '../bus/memory-event-stream.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { eventStreamContract } from './contracts/bus-event-stream.ts'
import { notedLog } from './contracts/bus-log.ts'

eventStreamContract(
  'the memory event stream',
  async () => {
    const network = new MemoryNetwork()
    const stream = new MemoryEventStream(new MemoryBus(network, notedLog()))
    return {
      stream,
      bus: new MemoryBus(network, notedLog()),
      kept: async () => stream.kept.map(({ body }) => new TextDecoder().decode(body)),
      wipe: async () => stream.wipe(),
      cut: async () => {
        stream.reachable = false
      },
      mend: async () => {
        stream.reachable = true
      },
      bodyMaxBytes: 1024 * 1024,
      end: async () => undefined,
    }
  },
  () => 'test',
)
