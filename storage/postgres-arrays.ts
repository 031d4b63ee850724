/**
 * Arrays, written and read in PostgreSQL's own notation: `{a,"b c",NULL}`.
 *
 * The library can do this too, for every type there is, but it asks the server for the types on each new connection, and
 * when the line is cut in that moment the failure belongs to nobody and ends the process. These four types are all that
 * LiveDrop uses; one dimension, as everywhere in it.
 */
type Element = string | number | null

const ARRAY_TYPES = { int4: 1007, text: 1009, int8: 1016, uuid: 2951 }

/** In the form of the library's `types` option. */
export const arrayTypes = {
  texts: { to: ARRAY_TYPES.text, from: [ARRAY_TYPES.text, ARRAY_TYPES.uuid], serialize: format, parse: readTexts },
  numbers: { to: ARRAY_TYPES.int8, from: [ARRAY_TYPES.int8, ARRAY_TYPES.int4], serialize: format, parse: readNumbers },
}

function format(list: readonly Element[]): string {
  return `{${list.map(formatElement).join(',')}}`
}

/** Texts are always in quotes: a SKU or a key may be called NULL. */
function formatElement(element: Element): string {
  if (element === null) return 'NULL'
  return typeof element === 'number' ? String(element) : `"${element.replace(/["\\]/g, '\\$&')}"`
}

const ELEMENT = /"((?:[^"\\]|\\.)*)"|([^,{}]+)/g

function readTexts(text: string): (string | null)[] {
  return [...text.matchAll(ELEMENT)].map(([, quoted, plain = '']) => {
    if (quoted !== undefined) return quoted.replace(/\\(.)/g, '$1')
    return plain === 'NULL' ? null : plain
  })
}

function readNumbers(text: string): (number | null)[] {
  return readTexts(text).map((element) => (element === null ? null : Number(element)))
}
