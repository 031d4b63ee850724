/**
 * The floor under a connection: a process that takes WebSockets by the same library, with the same settings, and does
 * nothing with them. Started by bench/connections.ts as a child.
 */
import { listen, newApp } from '../server/transports/http-listener.ts'
import { BACKPRESSURE_BYTES_MAX, LIFETIME_MIN } from '../server/transports/native.ts'

const app = newApp()
app.ws('/ws', {
  compression: 0,
  maxBackpressure: BACKPRESSURE_BYTES_MAX,
  closeOnBackpressureLimit: 1,
  idleTimeout: 32,
  sendPingsAutomatically: true,
  maxLifetime: LIFETIME_MIN,
})
const { port } = await listen(app, '127.0.0.1', 0)
process.on('disconnect', () => process.exit(0))
process.send?.({ listening: `http://127.0.0.1:${port}` })
