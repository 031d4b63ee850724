/** One contract, four ways to connect; real sockets against real uWebSockets.js on loopback. */
import { WAYS } from './builders/phones.ts'
import { transportContract } from './contracts/transport.ts'

for (const way of WAYS) transportContract(way)
