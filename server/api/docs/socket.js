/**
 * Shows `/asyncapi.json` to people: every message with its sentence, its fields, what answers it and an example.
 *
 * Written here and not taken from a library: AsyncAPI's own viewer brings two hundred packages for this one page. It
 * shows words as text only, never as markup.
 */
const byId = (id) => document.getElementById(id)

function make(tag, words, { className, ...attributes } = {}) {
  const made = document.createElement(tag)
  if (words !== undefined) made.textContent = words
  if (className !== undefined) made.className = className
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}

/** A schema in a few words: `text, at most 64`, `list of {sku, qty}`, `one of …`. */
function inWords(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' · ')
  const choice = schema.anyOf ?? schema.oneOf
  if (choice !== undefined) return choice.map(inWords).join(' or ')
  if (schema.type === 'array') return `list of ${inWords(schema.items ?? {})}`
  if (schema.type === 'object') {
    const fields = Object.entries(schema.properties ?? {}).map(([name, inner]) => `${name}: ${inWords(inner)}`)
    return `{ ${fields.join(', ')} }`
  }
  const most = schema.maxLength === undefined ? '' : `, at most ${schema.maxLength}`
  return `${schema.type ?? 'anything'}${most}`
}

function fieldsOf({ properties = {}, required = [] }) {
  const table = make('table')
  for (const [name, schema] of Object.entries(properties)) {
    const row = table.insertRow()
    row.append(make('th', required.includes(name) ? name : `${name}?`), make('td', inWords(schema)))
  }
  return table
}

function show(name, message, operation) {
  const [direction] = name.split('.')
  const section = make('section', undefined, { className: direction, id: name })
  const title = make('h2')
  title.append(make('code', message.name), make('small', direction === 'up' ? ' client → server' : ' server → client'))
  section.append(title, make('p', message.summary), fieldsOf(message.payload))
  const replies = operation?.reply?.messages ?? []
  if (replies.length > 0) {
    const names = replies.map(({ $ref }) => $ref.split('down.').at(-1))
    section.append(make('p', `May be answered by: ${names.join(', ')}.`))
  }
  for (const { payload } of message.examples) section.append(make('pre', JSON.stringify(payload, null, 2)))
  return section
}

async function start() {
  const answer = await fetch('/asyncapi.json', { signal: AbortSignal.timeout(10_000) })
  if (!answer.ok) throw new Error(`/asyncapi.json answered ${answer.status}`)
  const { info, components, operations } = await answer.json()

  byId('about').textContent = `${info.version}. ${info.description}`
  for (const [name, message] of Object.entries(components.messages)) {
    const [direction, type] = name.split('.')
    byId('names').append(make('a', message.name, { href: `#${name}`, className: direction }))
    byId('messages').append(show(name, message, direction === 'up' ? operations[type] : undefined))
  }
}

start().catch((cause) => {
  byId('about').textContent = `The document could not be read: ${cause.message}`
})
