declare module 'proxy-from-env' {
  /** URL of the proxy for a request, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY have it; empty for none. */
  export function getProxyForUrl(url: string): string
}
