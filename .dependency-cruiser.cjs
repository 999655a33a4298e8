/**
 * The import table of ARCHITECTURE.md, checked by a machine. Layers from the bottom: base, formats, adapters,
 * use cases, faces, entry. Type-only imports count like any other.
 */
const formats = '^(src/(model|reference|pcapng|metadata|protocol|ghostwire)/|extcap/sentence\\.ts$)'
const adapters = '^src/(engine|linux|remote)/'
const useCases = '^src/(capture|discover|diagnose|inspect|setup)/'
const host = '^src/host/'
/** Use cases that a face may enter beside `src/host`: what is asked and reported; files and the installation; what only this machine has. */
const doors = [
  '^src/capture/request/',
  '^src/(inspect|setup)/',
  '^src/capture/(wrap|open|preview|stream|check-filter|cleanup)\\.ts$',
  '^src/capture/(plan/(plan|taps)|output/liveness)\\.ts$',
  '^src/discover/(list/(known-host|mobyshark|topology)|watch/(watch|watch-state)|resolve/packetflix)\\.ts$',
]
const faces = '^(extcap/(?!sentence\\.ts)|src/(cli|serve|hook)/)'

/** Folders of a folder, the lowest first: each imports only those before it, and files beside them are above all of them. */
const orders = {
  reference: ['grammar', 'schemes'],
  linux: ['programs', 'process', 'namespace', 'files', 'network', 'host', 'capturing', 'keylog'],
  discover: ['host', 'list', 'resolve', 'watch'],
  capture: ['request', 'plan', 'output', 'early', 'annotate', 'taps', 'prepare', 'direct', 'merged'],
  serve: ['listen', 'auth', 'shared', 'captures', 'routes'],
}

/** Rules for the order of one folder. */
const ordered = ([name, folders]) =>
  folders.map((folder, at) =>
    never(
      `${name}-${folder}-is-low`,
      { path: `^src/${name}/${folder}/` },
      { path: `^src/${name}/`, pathNot: folders.slice(0, at + 1).map(lower => `^src/${name}/${lower}/`) },
      `the order of folders is ${folders.join(' < ')}`,
    ),
  )

const never = (name, from, to, comment) => ({ name, severity: 'error', comment, from, to })

module.exports = {
  forbidden: [
    never('no-cycle', {}, { circular: true }, 'a cycle hides which file is the lower one'),
    never(
      'one-door-to-addresses',
      { path: '^(bin|extcap|src)/', pathNot: '^src/base/ip\\.ts$' },
      { path: 'node_modules/ipaddr\\.js/' },
      'base/ip knows what ipaddr.js takes for an address',
    ),
    never('no-unresolved', {}, { couldNotResolve: true }, 'an import must lead somewhere'),
    never('base-stands-alone', { path: '^src/base/' }, { path: '^(bin|extcap|src/(?!base/))' }, 'base knows only node'),
    never(
      'formats-are-pure',
      { path: formats },
      {
        path: '^(bin|extcap/(?!sentence)|src/(?!base/(address|credentials|errors|ip|redact|yaml)\\.ts$|(model|reference|pcapng|metadata|protocol|ghostwire)/))',
      },
      'formats import formats, and what is pure of base',
    ),
    never(
      'lowest-formats-stand-alone',
      { path: '^src/(model|pcapng|metadata)/' },
      { path: '^src/(?!base/)', pathNot: '^src/$1/' },
      'these formats know no other',
    ),
    never(
      'references-are-of-the-model',
      { path: '^src/reference/' },
      { path: '^src/(?!base/|model/|reference/)' },
      'a reference means what the model has',
    ),
    never(
      'packetflix-stands-alone',
      { path: '^src/protocol/packetflix/' },
      { path: '^src/(?!base/|protocol/packetflix/)' },
      'a foreign protocol knows nothing of ours',
    ),
    never(
      'protocol-v1-is-low',
      { path: '^src/protocol/v1/' },
      { path: '^src/(?!base/|model/|reference/|protocol/)' },
      'the API is made of targets, references, and what it shares with Packetflix',
    ),
    never(
      'formats-do-no-io',
      { path: formats },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|os)$' },
      'formats touch no file and no socket',
    ),
    never(
      'adapters-know-no-use-case',
      { path: adapters },
      { path: ['^bin', useCases, host, faces] },
      'adapters serve use cases, never the reverse',
    ),
    ...Object.entries(orders).flatMap(ordered),
    never(
      'below-the-plan-is-no-request',
      { path: '^src/capture/(output|early|annotate|taps|direct|merged)/' },
      { path: '^src/capture/request/request\\.ts$' },
      'what runs a capture takes what it needs from the plan',
    ),
    never(
      'linux-is-folders',
      { path: '^src/linux/', pathNot: orders.linux.map(folder => `^src/linux/${folder}/`) },
      {},
      'each file of src/linux is in a folder of the order',
    ),
    never(
      'use-cases-know-no-face',
      { path: useCases },
      { path: ['^bin', host, faces] },
      'a use case does not know who called it',
    ),
    never('host-knows-no-face', { path: host }, { path: ['^bin', faces] }, 'a host does not know who asks it'),
    never(
      'host-uses-use-cases',
      { path: host },
      { path: '^src/(engine|linux)/' },
      'a host does what use cases do, and speaks to services',
    ),
    never(
      'faces-enter-by-doors',
      { path: faces },
      { path: useCases, pathNot: doors },
      'a face asks a host, and does not know how that answers',
    ),
    never(
      'use-cases-use-entrances',
      { path: '^src/capture/' },
      {
        path: '^src/discover/(?!(resolve/(resolve|names|context|veth-peer)|list/discover|host/changes|watch/watch-names)\\.ts$)',
      },
      'another use case is entered by its front door',
    ),
    never(
      'discover-stands-alone',
      { path: '^src/discover/' },
      { path: '^src/(capture|diagnose|inspect|setup)/' },
      'discovery serves capture',
    ),
    never(
      'inspect-stands-alone',
      { path: '^src/inspect/' },
      { path: '^src/(capture|discover|diagnose|setup|engine|linux|remote)/' },
      'a file is read by whoever has it, on any machine',
    ),
    never(
      'faces-apart',
      { path: '^(extcap/|src/cli/)' },
      { path: faces, pathNot: ['^extcap/', '^src/cli/'] },
      'faces do not know each other',
    ),
    never('cli-knows-no-extcap', { path: '^src/cli/' }, { path: '^extcap/' }, 'faces do not know each other'),
    never(
      'serve-knows-no-face',
      { path: '^src/serve/' },
      { path: '^(extcap/|src/cli/)' },
      'faces do not know each other',
    ),
    never('extcap-knows-no-cli', { path: '^extcap/' }, { path: '^src/cli/' }, 'faces do not know each other'),
    never('faces-use-use-cases', { path: faces }, { path: adapters }, 'a face reaches the machine through a use case'),
    never(
      'entry-is-lazy',
      { path: '^bin/' },
      { path: '^(src|extcap)/', dynamic: false },
      'bin loads one face, by import()',
    ),
    never(
      'no-dev-code',
      { path: '^(bin|extcap|src)/' },
      { path: '^(test|scripts)/' },
      'the program does not depend on its tests',
    ),
    never(
      'no-dev-package',
      { path: '^(bin|extcap|src)/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
      'what the program imports is a dependency',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
