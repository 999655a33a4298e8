/**
 * What random tests start from: the same in every run, so that what fails was caused by the last change. Another one
 * comes from REMORA_SEED; new cases without end come from `npm run fuzz`, `npm run chaos` and `npm run soak`.
 */
export const seed = Number(process.env.REMORA_SEED) || 2026
