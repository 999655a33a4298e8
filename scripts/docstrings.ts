/** Tells what the program exports without saying what it is: a docstring stands before each exported declaration. */
import { readFileSync } from 'node:fs'
import { $ } from 'execa'
import ts from 'typescript'

const { stdout: paths } = await $({ lines: true })`git ls-files --cached --others --exclude-standard bin extcap src`
const missing = paths.filter(path => /(?<!\.d)\.ts$/.test(path)).flatMap(withoutDocstring)
for (const place of missing) console.error(`${place} has no docstring`)
if (missing.length > 0) process.exitCode = 1

/** Exported declarations of a file that have none, as `path:line name`; of overloads the first one speaks for all. */
function withoutDocstring(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const documented = new Set<string>()
  return source.statements.filter(isExported).flatMap(statement => {
    const names = namesOf(statement)
    if (ts.getJSDocCommentsAndTags(statement).length > 0) for (const name of names) documented.add(name)
    const { line } = source.getLineAndCharacterOfPosition(statement.getStart())
    return names.filter(name => !documented.has(name)).map(name => `${path}:${line + 1} ${name}`)
  })
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined
  return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText())
  return [(statement as ts.DeclarationStatement).name?.text ?? '']
}
