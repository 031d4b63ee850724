import { inject } from 'vitest'
import { natsWorld } from './contracts/bus-worlds.ts'
import { keptAnswersContract } from './contracts/kept-answers.ts'
import { uniquePrefix } from './setup/prefix.ts'

const prefix = uniquePrefix()

keptAnswersContract(
  'two nodes on NATS',
  () => natsWorld(inject('natsUrl')),
  () => prefix,
)
