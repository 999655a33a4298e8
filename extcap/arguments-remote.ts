/** What the interfaces for services elsewhere can be told, with the calls and numbers of cshargextcap where it has them. */
import type { InterfaceArgument } from '../src/capture/request/option.ts'

/** How a service is reached; a token is never an argument that Wireshark keeps. */
export const serviceArguments: readonly InterfaceArgument[] = [
  {
    number: 2,
    call: 'insecure',
    display: 'Take any certificate',
    type: 'boolflag',
    tooltip: 'Do not verify the certificate of the service',
  },
  {
    number: 3,
    call: 'token',
    display: 'Token (not kept)',
    type: 'password',
    tooltip: 'Asked for by services that were started with a token; better in a file',
  },
  {
    number: 4,
    call: 'tokenfile',
    display: 'File with the token',
    type: 'fileselect',
    mustexist: true,
    tooltip: 'Else the one in the URL; for a Docker host also REMORA_TOKEN or REMORA_TOKEN_FILE in the environment',
  },
  {
    number: 5,
    call: 'cafile',
    display: 'Authorities to trust',
    type: 'fileselect',
    mustexist: true,
    tooltip: 'Certificates (PEM) besides those of the system',
  },
  {
    number: 600,
    call: 'proxyoff',
    display: 'Use no proxy',
    type: 'boolflag',
    default: true,
    group: 'Proxy',
    tooltip: 'Otherwise HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment, or what is filled in here',
  },
  { number: 666, call: 'httpproxy', display: 'Proxy for http: and ws:', type: 'string', group: 'Proxy' },
  { number: 667, call: 'httpsproxy', display: 'Proxy for https: and wss:', type: 'string', group: 'Proxy' },
  { number: 668, call: 'noproxy', display: 'Hosts without a proxy', type: 'string', group: 'Proxy' },
]

/** Arguments of the interface for the targets of a service. */
export const dockerHostArguments: readonly InterfaceArgument[] = [
  {
    number: 1,
    call: 'dockerhosturl',
    display: 'Docker host URL',
    type: 'string',
    required: true,
    placeholder: 'HOST:5001, or http://localhost:5001',
    tooltip: 'Address of a capture service: remora serve, or Packetflix',
  },
  {
    number: 10,
    call: 'container',
    display: 'Container',
    type: 'selector',
    reload: true,
    placeholder: 'Reload containers',
    tooltip: 'What to capture',
  },
  {
    number: 20,
    call: 'nif',
    display: 'Network interface',
    type: 'selector',
    reload: true,
    placeholder: 'Reload interfaces',
    tooltip: 'Interface of the target; all: every one it has',
  },
  { number: 30, call: 'showpods', display: 'Show pods', type: 'boolflag', default: false },
  { number: 31, call: 'showcontainers', display: 'Show stand-alone containers', type: 'boolflag', default: true },
  { number: 32, call: 'showprocs', display: 'Show processes', type: 'boolflag', default: false },
  {
    number: 33,
    call: 'showemptynetns',
    display: 'Show network namespaces without a process',
    type: 'boolflag',
    default: false,
  },
  { number: 40, call: 'noprom', display: 'No promiscuous mode', type: 'boolflag' },
]

/** Arguments of the interface for links. */
export const packetflixArguments: readonly InterfaceArgument[] = [
  {
    number: 10,
    call: 'url',
    display: 'packetflix: URL',
    type: 'string',
    required: true,
    placeholder: 'packetflix:ws://HOST:5001/capture?container=...',
  },
]
