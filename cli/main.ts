/**
 * The command line: one file a command, and one way to fail.
 *
 * Exit codes: 0 done, 1 something went wrong, 2 this machine or this call lacks something that is named in one line.
 */
import { defineCommand, runMain } from 'citty'
import { auditCommand } from './audit.ts'
import { benchCommand } from './bench.ts'
import { configCommand } from './config.ts'
import { doctorCommand } from './doctor.ts'
import { downCommand } from './down.ts'
import { dropCommand } from './drop.ts'
import { migrateCommand } from './migrate.ts'
import { roleCommand } from './role.ts'
import { serveCommand } from './serve.ts'
import { tokenCommand } from './token.ts'
import { upCommand } from './up.ts'

const livedrop = defineCommand({
  meta: { name: 'livedrop', description: 'Sells limited products in live, timed drops: exactly what there is.' },
  subCommands: {
    up: upCommand,
    down: downCommand,
    serve: serveCommand,
    doctor: doctorCommand,
    migrate: migrateCommand,
    token: tokenCommand,
    role: roleCommand,
    drop: dropCommand,
    bench: benchCommand,
    audit: auditCommand,
    config: configCommand,
  },
})

await runMain(livedrop)
