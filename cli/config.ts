/** `livedrop config docs`: every setting, as a markdown table made from the schema that reads them. */
import { defineCommand } from 'citty'
import { describeConfig } from '../server/config.ts'

export const configCommand = defineCommand({
  meta: { name: 'config', description: 'The settings of a node' },
  subCommands: {
    docs: defineCommand({
      meta: { name: 'docs', description: 'Print every setting as a markdown table' },
      run: () => console.log(describeConfig()),
    }),
  },
})
