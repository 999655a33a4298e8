/** Writes the documents that are made from tables in the program; `--check` only tells whether they are up to date. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { errorKinds } from '../src/base/errors.ts'
import { fieldName, jsonValue, optionList } from '../src/capture/request/options.ts'
import { listUsage } from '../src/reference/usage.ts'

/** Each from what it is now, of which only a part may be made. */
const documents: Record<string, (current: string) => string> = {
  'docs/errors.md': errorsDocument,
  'docs/target-references.md': withReferences,
  'docs/service-api.md': withOptions,
}

/** Replaces the first table of the page. */
function withReferences(page: string): string {
  const rows = listUsage().map(({ forms, means, detail }) => {
    const written = forms.map(form => `\`${form}\``).join(', ')
    return `| ${written} | ${means}${detail === undefined ? '' : ` (${detail})`} |`
  })
  return page.replace(/^\|(?:.*\n\|)*.*\n/m, `| reference | means |\n|---|---|\n${rows.join('\n')}\n`)
}

/** Replaces the rows between those of the targets and the last one, in the table of the body of a request. */
function withOptions(page: string): string {
  const rows = optionList.map(([name, option]) => {
    const { description, documentation = description, absent } = option.field
    const initial = absent ?? `\`${JSON.stringify(jsonValue(option, option.default))}\``
    return `| \`${fieldName(name, option)}\` | ${documentation} | ${initial} |\n`
  })
  return page.replace(/(?<=^\| `targets` .*\n)(?:\|.*\n)*?(?=\| `includeSelf`)/m, rows.join(''))
}

function errorsDocument(): string {
  const rows = Object.entries(errorKinds).map(
    ([code, { exit, http, close }]) => `| [\`${code}\`](#${code.toLowerCase()}) | ${exit} | ${http} | ${close} |`,
  )
  const headings = Object.entries(errorKinds).map(([code, { meaning }]) => `## ${code}\n\n${meaning}\n`)
  return `# Errors

Made from src/base/errors.ts by \`npm run docs\`.

Every failure has a code. The command line prints \`remora: CODE: message\` and a line \`hint: …\` with the next step; in
Wireshark the same comes in one line. The code decides the exit status of the process, the HTTP status of an answer, and
the close code of a WebSocket. Stopping on purpose (a signal, a closed fifo, a reached stop condition, a target that
ended) is success: status 0.

| code | exit status | HTTP status | WebSocket close code |
|---|---|---|---|
${rows.join('\n')}

${headings.join('\n')}`
}

const check = process.argv.includes('--check')
for (const [path, make] of Object.entries(documents)) {
  const current = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const content = make(current)
  if (current === content) continue
  if (check) {
    console.error(`${path} is out of date: npm run docs`)
    process.exitCode = 1
  } else writeFileSync(path, content)
}
