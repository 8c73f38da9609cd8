// Where a session's recording lies: `recordings/yyyy/mm/<id>.sprec` under the data folder, from the time in the id
// itself, so that it is found again by the id alone, whatever else is lost.

const ID_PATTERN = /^ses_[0-9a-hjkmnp-tv-z]{26}$/;
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Relative to the data folder. Errors: RangeError for what is not a session's id: no path is made of anything else. */
export function recordingPath(sessionId: string): string {
  if (!ID_PATTERN.test(sessionId)) throw new RangeError('This is not the id of a session.');
  let time = 0;
  for (const digit of sessionId.slice(4, 14)) time = time * 32 + ALPHABET.indexOf(digit);
  const at = new Date(time);
  const month = String(at.getUTCMonth() + 1).padStart(2, '0');
  return `recordings/${at.getUTCFullYear()}/${month}/${sessionId}.sprec`;
}
