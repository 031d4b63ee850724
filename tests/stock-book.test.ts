/** Stock by hand in plain objects. */

import { memoryWorld } from './contracts/drop-book-memory.ts'
import { stockBookContract } from './contracts/stock-book.ts'

stockBookContract('MemoryDropBook', async () => memoryWorld())
