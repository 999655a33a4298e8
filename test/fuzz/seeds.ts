/**
 * What fuzzing has found, and what was wrong: each is tried again with every run of the unit tests. The value counts, since
 * a seed finds another one as soon as its target is generated differently.
 */
interface Seed {
  readonly target: string
  readonly value: unknown
  readonly wrong: string
}

const long = (first: string, part: string, last = '') => first + part.repeat(131_072 / part.length) + last

export const seeds: readonly Seed[] = [
  {
    target: 'files of tcpdump',
    value: { damages: 1, longest: 2, seed: -804005153 },
    wrong: 'packets before a broken record were lost when they came in one piece with it',
  },
  {
    target: 'streams that are woven',
    value: { files: [0], damages: 2, longest: 2, decorated: false, seed: 0 },
    wrong: 'packets before a broken block were lost when they came in one piece with it',
  },
  {
    target: 'references of any kind',
    value: 'netns:9007199254740993',
    wrong: 'a number that is not exact became another one',
  },
  {
    target: 'references of any kind',
    value: 'pid:1@9999999999999999',
    wrong: 'its canonical form could not be read',
  },
  {
    target: 'URLs of any kind',
    value: 'u:p@ws:///v1/capture/packetflix:',
    wrong: 'the base of a ticket ended with a slash',
  },
  {
    target: 'close frames of failures',
    value: ['USAGE', '\ud800', undefined],
    wrong: 'the reason was not what its bytes say',
  },
  {
    target: 'engines by HTTP',
    value: { question: 0, isPodman: false, seed: -8 },
    wrong: 'null in a list of containers was a TypeError, not a refusal',
  },
  {
    target: 'engines by gRPC',
    value: { question: 0, isCri: false, damages: 1, seed: 11 },
    wrong: 'a namespace of containerd with control characters was an Error of the library',
  },
  {
    target: 'long texts',
    value: ['withoutSecrets', long('/v1/capture/', 'packetflix:', 'h')],
    wrong: 'it took the square of its length',
  },
  {
    target: 'long texts',
    value: ['parsePacketflixUrl', long('ws://h', '/', 'x')],
    wrong: 'it took the square of its length',
  },
  {
    target: 'long texts',
    value: ['parseServiceAddress', long('http://h', '/', 'x')],
    wrong: 'it took the square of its length',
  },
  {
    target: 'long texts',
    value: ['dumpcapFailure', long('x@', 'Invalid capture filter "', '{')],
    wrong: 'it took the square of its length',
  },
  {
    target: 'files of one thing over and over',
    value: ['comments of a packet', 80_000],
    wrong: 'it took the square of their number',
  },
  {
    target: 'URLs of any kind',
    value: '/capture:s3cret-of-nobody@packetflix:/v1/capture/packetflix:',
    wrong: 'its token was shown',
  },
  {
    target: 'URLs of any kind',
    value: ' :s3cret-of-nobody@packetflix:?netns=1',
    wrong: 'its token was shown',
  },
  {
    target: 'URLs of any kind',
    value: 'packetflix:ws://h/capture?netns=7&\ttoken=s3cret-of-nobody',
    wrong: 'its token was shown',
  },
]
