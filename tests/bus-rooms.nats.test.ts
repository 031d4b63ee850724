import { inject } from 'vitest'
import { busRoomsContract } from './contracts/bus-rooms.ts'
import { natsWorld } from './contracts/bus-worlds.ts'
import { uniquePrefix } from './setup/prefix.ts'

const prefix = uniquePrefix()

busRoomsContract(
  'rooms over NATS',
  () => natsWorld(inject('natsUrl')),
  () => prefix,
)
