// The client's declarations, without zod: its own files as the compiler emits them, and one file for the protocol, in
// which every type that the schemas infer is written out. Brands are dropped: to an app an id is a string.
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'

const FROM_PROTOCOL = /'(?:\.\.\/)+protocol\/([^']+\.ts)'/g

/** Pairs of a path and its text; relative imports still end in `.ts`. Throws what the compiler finds wrong. */
export function protocolTypes(folder, entries) {
  const files = new Map()
  const wanted = new Map()
  let core
  // React's types bring names of a browser's with them, so the core is compiled on its own.
  for (const roots of [entries.filter((entry) => entry !== 'react'), ['react']]) {
    const program = compile(folder, roots)
    core ??= program
    program.emit(
      undefined,
      (path, text) => {
        const name = relative(folder, path)
        if (!name.startsWith('..')) files.set(name, text)
      },
      undefined,
      true,
    )
  }
  for (const [name, text] of files) {
    for (const [, names, file] of text.matchAll(/import type \{([^}]*)\} from '(?:\.\.\/)+protocol\/([^']+)'/g)) {
      for (const one of names.split(',')) wanted.set(one.trim(), file)
    }
    const up = relative(dirname(name), '') || '.'
    files.set(name, text.replaceAll(FROM_PROTOCOL, `'${up}/protocol.ts'`))
  }
  files.set('protocol.d.ts', written(core, join(folder, '../protocol'), wanted))
  return files
}

function compile(folder, roots) {
  const { config } = ts.readConfigFile(join(folder, 'tsconfig.json'), (path) => readFileSync(path, 'utf8'))
  const { options, errors } = ts.parseJsonConfigFileContent(config, ts.sys, folder)
  const program = ts.createProgram(
    roots.map((root) => join(folder, `${root}.ts`)),
    { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: folder, rootDir: folder },
  )
  // rootDir keeps the emitted files where they are; that the protocol lies outside of it is meant.
  const wrong = [...errors, ...ts.getPreEmitDiagnostics(program)].filter(({ code }) => code !== 6059)
  if (wrong.length > 0) {
    const host = { getCanonicalFileName: (path) => path, getCurrentDirectory: () => folder, getNewLine: () => '\n' }
    throw new Error(ts.formatDiagnostics(wrong, host))
  }
  return program
}

/** The wanted types, and those that they name. */
function written(program, protocol, wanted) {
  const checker = program.getTypeChecker()
  const nameOf = new Map()
  const symbols = new Map()
  for (const file of program.getSourceFiles()) {
    if (!file.fileName.startsWith(`${protocol}/`)) continue
    for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(file))) {
      if ((symbol.flags & (ts.SymbolFlags.TypeAlias | ts.SymbolFlags.Interface)) === 0) continue
      symbols.set(symbol.name, symbol)
      nameOf.set(checker.getDeclaredTypeOfSymbol(symbol), symbol.name)
    }
  }

  const missing = [...wanted.keys()].filter((name) => !symbols.has(name))
  if (missing.length > 0) throw new Error(`not in the protocol: ${missing.join(', ')}`)
  const texts = new Map()
  const waiting = [...wanted.keys()]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (texts.has(name)) continue
    const symbol = symbols.get(name)
    const comment = ts.displayPartsToString(symbol.getDocumentationComment(checker))
    const body = print(checker.getDeclaredTypeOfSymbol(symbol), '', true)
    texts.set(
      name,
      `${comment === '' ? '' : `/** ${comment.replaceAll('\n', '\n * ')} */\n`}export type ${name} = ${body};\n`,
    )
  }
  return [...texts.keys()]
    .sort()
    .map((name) => texts.get(name))
    .join('\n')

  function print(type, indent, isWhole = false) {
    if (isBrand(type)) return 'string'
    const known = nameOf.get(type)
    if (known !== undefined && !isWhole) {
      waiting.push(known)
      return known
    }
    if (type.flags & ts.TypeFlags.Boolean) return 'boolean'
    if (type.isUnion())
      return type.types
        .map((one) => print(one, indent))
        .join(' | ')
        .replace('false | true', 'boolean')
    if (checker.isArrayType(type)) {
      const item = print(checker.getTypeArguments(type)[0], indent)
      return item.includes(' | ') ? `(${item})[]` : `${item}[]`
    }
    if ((type.flags & ts.TypeFlags.Object) === 0) return checker.typeToString(type).replaceAll('"', "'")

    const inner = `${indent}  `
    const fields = checker.getPropertiesOfType(type).map((field) => {
      const mark = field.flags & ts.SymbolFlags.Optional ? '?' : ''
      return `${inner}${field.name}${mark}: ${print(checker.getTypeOfSymbol(field), inner)};\n`
    })
    return `{\n${fields.join('')}${indent}}`
  }

  function isBrand(type) {
    return type.isIntersection() && type.types.some(({ flags }) => flags & ts.TypeFlags.String)
  }
}
