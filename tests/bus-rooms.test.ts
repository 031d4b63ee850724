import { busRoomsContract } from './contracts/bus-rooms.ts'
import { memoryWorld } from './contracts/bus-worlds.ts'

busRoomsContract('rooms over the memory bus', memoryWorld, () => 'test')
