/**
 * Times as people say them.
 *
 * @module
 */

/**
 * A duration in its two largest units.
 *
 * @param seconds The duration in seconds.
 * @returns Such as `0.4 s`, `12 s`, `3 min 05 s` or `2 h 10 min`.
 */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
