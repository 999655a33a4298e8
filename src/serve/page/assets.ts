/** The files of the page. */
export const pageAssets: Readonly<Record<string, { readonly type: string; readonly body: string }>> = {}
