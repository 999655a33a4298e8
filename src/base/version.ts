/** Version of remora: the one of package.json (a test compares them). */
export const version = '0.1.0'
